"""Background jobs: once per key, what they said last, how they end."""

from collections.abc import Iterator
from threading import Event

import pytest
from patience import wait_until

from pages.shared import background
from tl_core.errors import DatasetError

KEY = "counting"


@pytest.fixture(autouse=True)
def _empty_table():
    yield
    for key in background.jobs_under(""):
        background.forget(key)


def ended(job: background.Job) -> background.Job:
    wait_until(lambda: job.finished)
    return job


def test_what_the_work_yielded_last_is_kept():
    job = background.start(KEY, (number for number in range(3)), doing="Counting")
    assert ended(job).said == 2
    assert job.error is None
    assert background.job_of(KEY) is job


def test_a_job_under_way_is_joined_and_a_finished_one_replaced():
    go_on = Event()

    def waiting() -> Iterator[int]:
        yield go_on.wait(30)

    first = background.start(KEY, waiting(), doing="Waiting")
    assert background.start(KEY, waiting(), doing="Waiting") is first
    go_on.set()
    ended(first)
    assert background.start(KEY, waiting(), doing="Waiting") is not first


def test_a_forgotten_job_ends_before_its_next_step_and_cleans_up():
    begun, go_on, cleaned = Event(), Event(), []

    def endless() -> Iterator[int]:
        try:
            while True:
                begun.set()
                go_on.wait(30)
                yield 1
        finally:
            cleaned.append(True)

    job = background.start(KEY, endless(), doing="Counting")
    begun.wait(30)
    background.forget(KEY)
    go_on.set()
    ended(job)
    assert cleaned
    assert background.job_of(KEY) is None


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (DatasetError("Add a class."), "Add a class."),
        (KeyError("who wrote this?"), "Counting stopped: unexpected error"),
    ],
)
def test_what_went_wrong_is_a_sentence(error, sentence):
    def broken() -> Iterator[int]:
        yield 1
        raise error

    job = ended(background.start(KEY, broken(), doing="Counting"))
    assert job.said == 1
    assert job.error.startswith(sentence)


def test_jobs_are_found_by_how_their_key_starts():
    for key in ("add-a-1", "add-b-1", "add-a-2"):
        ended(background.start(key, iter_once(), doing="Adding"))
    assert list(background.jobs_under("add-a-")) == ["add-a-1", "add-a-2"]


def iter_once() -> Iterator[int]:
    yield 1
