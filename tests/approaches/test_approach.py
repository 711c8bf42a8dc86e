"""Adding an approach is adding one module: it is found, told its options, trained and saved."""

import json
import textwrap

import numpy as np
import pytest
from pictures import write_stripes

import tl_core.approaches
from tl_core.__main__ import main
from tl_core.approaches.approach import approach_named, approaches
from tl_core.errors import RunError
from tl_core.export.predictor import Predictor
from tl_core.runs.approach import ApproachFacts, Option
from tl_core.runs.catalogue import BUNDLED, find
from tl_core.runs.configuration import TrainingConfig

TINY = '''
    """Guess by one feature alone, chosen by an option."""

    from dataclasses import replace

    import numpy as np

    from tl_core.approaches import linear_probe
    from tl_core.approaches.approach import Approach, Fitted
    from tl_core.approaches.task import extract
    from tl_core.runs.approach import Option


    def train(task):
        task, extracted = yield from extract(task, augmented=False)
        sharpness = APPROACH.options_of(task.config)["sharpness"]
        model = yield from linear_probe.fit(task, extracted)
        probe = model.fitted.probe
        probe = replace(probe, weight=probe.weight * np.float32(sharpness))
        fitted = replace(model.fitted, probe=probe)
        yield Fitted(replace(model, fitted=fitted, strategy_used="tiny"))


    APPROACH = Approach(
        name="tiny", options=(Option("sharpness", 1.0, least=0.1, most=9.0),), train=train
    )
'''


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """Add an approach, by a file alone."""
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "tiny.py").write_text(textwrap.dedent(TINY))
    monkeypatch.setattr(tl_core.approaches, "__path__", [*tl_core.approaches.__path__, str(folder)])
    approaches.cache_clear()
    yield
    approaches.cache_clear()


def test_a_file_is_an_approach_that_trains_headless(tiny, tmp_path, workspace):
    folder, report = write_stripes(tmp_path / "pictures"), tmp_path / "report.json"
    words = ["train", str(folder), "--approach", "tiny", "--set", "sharpness=3"]
    assert main([*words, "--report", str(report)]) == 0
    found = json.loads(report.read_text(encoding="utf-8"))
    assert found["strategy_used"] == "tiny"
    assert found["config"]["options"] == {"sharpness": "3"}
    probabilities = Predictor.load(workspace.root / found["folder"]).probabilities(
        sorted((folder / "class 0").iterdir())
    )
    assert probabilities.shape == (8, 2)
    assert np.isfinite(probabilities).all()


def test_pages_and_estimates_learn_of_it_as_facts(tiny):
    facts = approach_named("tiny").facts
    assert type(facts) is ApproachFacts
    assert facts.options == (Option("sharpness", 1.0, least=0.1, most=9.0),)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"sharpness": "much"}, "sharpness is 'much'; expected float"),
        ({"sharpness": 20}, "expected 0.1 to 9.0"),
        ({"colour": 1}, "has no option 'colour'; it has sharpness"),
    ],
)
def test_what_an_option_cannot_be_is_said(tiny, options, sentence):
    config = TrainingConfig(backbone=find(BUNDLED), strategy="tiny", options=options)
    with pytest.raises(RunError, match=sentence):
        approach_named("tiny").options_of(config)


def test_a_strategy_that_is_not_there_is_answered_with_the_closest_one():
    with pytest.raises(RunError, match=r"'recommend'\. Did you mean 'recommended'"):
        approach_named("recommend")


@pytest.mark.parametrize(
    ("name", "ours"),
    [("linear_probe", "recommended"), ("fine_tuning", "fine-tune"), ("from_scratch", "scratch")],
)
def test_the_names_of_the_literature_are_understood(name, ours):
    assert approach_named(name).name == ours


@pytest.mark.parametrize("total", [2, 5, 14])
def test_the_classifier_is_never_frozen(total):
    for facts in approaches().values():
        for frozen in (None, 0, 1, 99):
            config = TrainingConfig(backbone=find(BUNDLED), frozen_groups=frozen)
            assert 0 <= facts.frozen_groups(config, total) < total
