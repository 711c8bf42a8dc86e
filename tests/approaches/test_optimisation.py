"""Tests of the optimisation loop: in which precision steps compute, and what is measured."""

import pytest
import torch
from projects import stripes_project
from trained import run_to_end, training_of

from tl_core.approaches.optimising import optimisation
from tl_core.approaches.optimising.optimisation import step_dtype, update
from tl_core.backbones.network import load_network
from tl_core.evaluation.measuring import crop_batches, logits_of
from tl_core.runs.results.report import read_report

SETTINGS = {"strategy": "scratch", "backbone": "test_resnet", "steps": 8, "batch_size": 4}


def test_what_is_small_learns_in_bfloat16_where_the_processor_has_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    found = [step_dtype(place, 9) for place in ("cpu", "cuda", "mps")]
    assert found == [torch.float32, torch.bfloat16, torch.bfloat16]
    for has, wanted in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr(
            torch.cpu, "get_capabilities", lambda has=has: {"avx512_bf16": has}, raising=False
        )
        assert step_dtype("cpu", 2) == wanted
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    assert step_dtype("cuda", 2) == torch.float16


def test_what_is_measured_is_what_a_float32_network_answers(tmp_path, monkeypatch):
    """Steps in bfloat16, evaluation not: the saved network gives the reported probabilities."""
    monkeypatch.setattr(optimisation, "step_dtype", lambda *_: torch.bfloat16)
    training = training_of(*stripes_project(tmp_path), "evaluated", **SETTINGS)
    run_to_end(training)
    task = training.task
    evaluation = read_report(task.run_dir).evaluation
    network, _ = load_network(task.run_dir / "model.safetensors")
    crops = crop_batches(task.images.test, task.preprocessing)
    logits = torch.cat(list(logits_of(network, crops, task.preprocessing)))
    torch.testing.assert_close(
        torch.from_numpy(evaluation.probabilities), logits.softmax(1), rtol=0, atol=1e-5
    )


def test_a_float16_step_that_overflows_is_left_out_and_the_scale_falls():
    weight = torch.nn.Parameter(torch.ones(1))
    optimiser = torch.optim.SGD([weight], lr=0.1)
    fits = update((weight * 2).sum(), optimiser, 1024.0, torch.float16)
    assert (fits, weight.item()) == (1024.0, pytest.approx(0.8))
    overflows = update((weight * 1e38).sum(), optimiser, 1024.0, torch.float16)
    assert (overflows, weight.item()) == (512.0, pytest.approx(0.8))
