"""What commands say while they work."""

from math import nan

import pytest

from tl_core.runs.events import EpochResult
from tl_core.service.headless.terminal import show


def epoch(number: int, train: float, validation: float, accuracy: float) -> EpochResult:
    return EpochResult("fine_tune", number, 10, train, 0.5, validation, accuracy, 1e-3, 0.1)


@pytest.mark.parametrize(
    ("result", "line"),
    [
        (epoch(0, nan, 0.7, 0.5), "at the start: validation loss 0.700, validation accuracy 0.500"),
        (epoch(2, 0.4, nan, nan), "epoch 2 of 10: loss 0.400"),
        (epoch(0, nan, nan, nan), "at the start: not measured"),
        (
            epoch(3, 0.3, 0.5, 0.9),
            "epoch 3 of 10: loss 0.300, validation loss 0.500, validation accuracy 0.900",
        ),
    ],
)
def test_an_epoch_is_told_without_what_was_not_measured(result, line, capsys):
    show([result])
    assert capsys.readouterr().err == f"  {line}\n"
