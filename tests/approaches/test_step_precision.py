"""Tests of how steps compute: chosen once, only where it agrees, and kept for a resumed run."""

import shutil
from contextlib import closing
from dataclasses import replace

import pytest
import torch
from projects import stripes_project
from trained import job_of, run_to_end

from tl_core.approaches import run_choices, step_precision
from tl_core.approaches.arithmetic import update
from tl_core.approaches.fine_tuning import start
from tl_core.approaches.fine_tuning_batches import tuning_batches
from tl_core.approaches.jobs import build_network
from tl_core.approaches.training import finish, train
from tl_core.backbones.network import load_network
from tl_core.runs.events import EpochResult, Note, Progress, result_of
from tl_core.runs.results.report import read_report

SETTINGS = {"strategy": "scratch", "backbone": "test_resnet", "steps": 8, "batch_size": 4}


@pytest.fixture(scope="module")
def stripes(tmp_path_factory):
    return stripes_project(tmp_path_factory.mktemp("stripes"))


@pytest.fixture
def unmeasured(stripes):
    shutil.rmtree(stripes[0].machine_dir, ignore_errors=True)
    return stripes


def measured_as(monkeypatch, *result):
    monkeypatch.setattr(step_precision, "_compare", lambda *_: result)


def precision_of(job):
    job.tuning = start(build_network(job, features="last"), job.config, frozen_groups=0)
    result_of(tuning_batches(job))
    return job.tuning.precision


@pytest.mark.parametrize(
    ("plain", "shorter", "agrees", "expected"),
    [(1.0, 0.5, 1.0, "bfloat16"), (1.0, 0.97, 1.0, "float32"), (1.0, 0.5, 0.0, "float32")],
)
def test_shorter_numbers_must_be_clearly_faster_and_agree(
    unmeasured, monkeypatch, plain, shorter, agrees, expected
):
    measured_as(monkeypatch, plain, shorter, agrees)
    job = job_of(*unmeasured, f"choice {shorter} {agrees}", **SETTINGS)
    assert precision_of(job) == expected
    assert any(expected in note for note in job.notes)


def test_a_gradient_that_points_elsewhere_does_not_agree(unmeasured, monkeypatch):
    job = job_of(*unmeasured, "gradient", **SETTINGS)
    job.tuning = start(build_network(job, features="last"), job.config, frozen_groups=0)
    batches, _validation = result_of(tuning_batches(job))
    original = step_precision.step_logits
    agreed = step_precision._compare(job.tuning.network, batches, "bfloat16", "cpu")[2]

    def reversed_gradient(batches, inputs, precision, place):
        logits = original(batches, inputs, precision, place)
        return logits if precision == "float32" else 2 * logits.detach() - logits

    monkeypatch.setattr(step_precision, "step_logits", reversed_gradient)
    turned = step_precision._compare(job.tuning.network, batches, "bfloat16", "cpu")[2]
    assert (agreed, turned) == (1.0, 0.0)


def test_measuring_changes_nothing(unmeasured):
    """With batches this large BatchNorm would learn from whatever is computed."""
    job = job_of(*unmeasured, "untouched", **{**SETTINGS, "batch_size": 64})
    job.tuning = start(build_network(job, features="last"), job.config, frozen_groups=0)
    network = job.tuning.network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    random = torch.random.get_rng_state()
    result_of(tuning_batches(job))
    assert unmeasured[0].machine_dir.exists()
    assert torch.equal(torch.random.get_rng_state(), random)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_resumed_run_keeps_its_precision_whatever_is_faster_now(unmeasured, monkeypatch):
    measured_as(monkeypatch, 1.0, 0.1, 1.0)
    whole = job_of(*unmeasured, "whole", **SETTINGS)
    history = epochs(run_to_end(whole))
    first = job_of(*unmeasured, "halves", **SETTINGS)
    with closing(train(first)) as events:
        for event in events:
            if isinstance(event, Progress) and event.done == 5:  # in the middle of an epoch
                break
    list(finish(first))
    shutil.rmtree(unmeasured[0].machine_dir)
    measured_as(monkeypatch, 1.0, 9.0, 1.0)
    second = job_of(*unmeasured, "halves", **SETTINGS)
    events = run_to_end(second)
    assert any(isinstance(event, Note) and "bfloat16" in event.text for event in events)
    assert run_choices.choice(second.run_dir, step_precision.NAME) == "bfloat16"
    resumed = epochs(events)
    for a, b in zip(history[-len(resumed) :], resumed, strict=True):
        assert replace(a, seconds=0) == replace(b, seconds=0)
    weights = [load_network(job.run_dir / "model.safetensors")[0] for job in (whole, second)]
    for a, b in zip(*(network.state_dict().values() for network in weights), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def epochs(events):
    return [event for event in events if isinstance(event, EpochResult)]


def test_what_is_measured_is_what_a_float32_network_answers(unmeasured, monkeypatch):
    """Steps in bfloat16, evaluation not: the saved network gives the reported probabilities."""
    measured_as(monkeypatch, 1.0, 0.1, 1.0)
    job = job_of(*unmeasured, "evaluated", **SETTINGS)
    run_to_end(job)
    evaluation = read_report(job.run_dir).evaluation
    network, _ = load_network(job.run_dir / "model.safetensors")
    from tl_core.evaluation.measuring import crop_batches, logits_of

    crops = crop_batches(job.images.test, job.preprocessing)
    logits = torch.cat(list(logits_of(network, crops, job.preprocessing)))
    torch.testing.assert_close(
        torch.from_numpy(evaluation.probabilities), logits.softmax(1), rtol=0, atol=1e-5
    )


def test_a_float16_step_that_overflows_is_left_out_and_the_scale_falls():
    weight = torch.nn.Parameter(torch.ones(1))
    optimiser = torch.optim.SGD([weight], lr=0.1)
    fits = update((weight * 2).sum(), optimiser, "float16", 1024.0)
    assert (fits, weight.item()) == (1024.0, pytest.approx(0.8))
    overflows = update((weight * 1e38).sum(), optimiser, "float16", 1024.0)
    assert (overflows, weight.item()) == (512.0, pytest.approx(0.8))
