"""The connection to the compute process: answers, trouble, time limits, a fresh start."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from patience import PATIENCE, wait_for_end, wait_until

from tl_core.errors import ComputeError, DatasetError
from tl_core.runs import compute_client
from tl_core.runs.compute_client import ComputeLink

TESTS = Path(__file__).parents[1]


@pytest.fixture
def link(monkeypatch):
    """A link to a quick stand-in for the compute process."""
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    link = ComputeLink("fake_compute")
    yield link
    link.close()


def ask(link, function, *args, timeout=PATIENCE):
    return link.call(function, args, {}, deadline=time.monotonic() + timeout)


def test_one_process_answers_all_questions(link):
    first = ask(link, "pid")
    assert ask(link, "add", 1, 2) == 3
    assert ask(link, "pid") == first == link.pid


def test_trouble_is_raised_here_with_its_own_type_and_words(link):
    with pytest.raises(DatasetError, match="Two classes are needed"):
        ask(link, "trouble")
    assert ask(link, "add", 1) == 1


def test_a_mistake_there_is_loud_here(link):
    with pytest.raises(RuntimeError, match="who wrote this"):
        ask(link, "mistake")


def test_an_answer_that_takes_too_long_is_given_up_and_the_next_one_comes(link):
    pid = ask(link, "pid")
    with pytest.raises(ComputeError, match="took too long"):
        ask(link, "sleep", 600, timeout=0.3)
    wait_for_end(pid)
    assert ask(link, "add", 2, 2) == 4


def test_a_process_that_dies_is_replaced_and_leaves_no_zombie(link):
    pid = ask(link, "pid")
    with pytest.raises(ComputeError, match="ended unexpectedly"):
        ask(link, "die")
    wait_for_end(pid)
    assert ask(link, "pid") != pid


def test_a_process_killed_between_two_questions_is_replaced_unnoticed(link):
    pid = ask(link, "pid")
    psutil.Process(pid).kill()
    wait_for_end(pid)
    assert ask(link, "add", 1, 1) == 2


def test_many_threads_get_their_own_answers(link):
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda n: ask(link, "add", n, n), range(40)))
    assert found == [2 * n for n in range(40)]


def test_a_waiting_caller_is_told_when_its_time_is_over(link):
    ask(link, "pid")
    with ThreadPoolExecutor(1) as threads:
        busy = threads.submit(ask, link, "sleep", 1.5)
        wait_until(link._lanes[""].locked)
        with pytest.raises(ComputeError, match="still running"):
            ask(link, "add", 1, timeout=0.2)
        assert busy.result() == "awake"


def test_a_live_question_does_not_wait_for_work(link):
    pid = ask(link, "pid")
    with ThreadPoolExecutor(1) as threads:
        busy = threads.submit(ask, link, "sleep", 600, timeout=1.0)
        wait_until(link._lanes[""].locked)
        assert ask(link, "live_state", "root", "project") == ["live_state", "root", "project"]
        assert not busy.done()
        with pytest.raises(ComputeError, match="took too long"):
            busy.result()
    wait_for_end(pid)
    assert ask(link, "live_state", "again") == ["live_state", "again"]


def test_a_live_question_is_asked_again_when_work_has_ended_the_process(link, tmp_path):
    once = tmp_path / "asked"
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(ask, link, "live_predict", str(once))
        wait_until(once.exists)
        with pytest.raises(ComputeError, match="ended unexpectedly"):
            ask(link, "die")
        assert waiting.result() == ["live_predict", str(once)]


def test_a_live_answer_that_is_late_goes_to_nobody_and_ends_nothing(link):
    pid = ask(link, "pid")
    with pytest.raises(ComputeError, match="took too long"):
        ask(link, "live_answers", 1.0, timeout=0.2)
    assert ask(link, "live_answers", 0) == ["live_answers", 0]
    assert ask(link, "pid") == pid


def test_a_process_that_is_always_late_counts_as_stuck(link):
    pid = ask(link, "pid")
    for _question in range(compute_client.MOST_LATE):
        with pytest.raises(ComputeError, match="took too long"):
            ask(link, "live_answers", 600, timeout=0.1)
    wait_for_end(pid)
    assert ask(link, "live_state") == ["live_state"]


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}


def test_a_process_that_cannot_start_is_a_sentence():
    before = children()
    link = ComputeLink("no_such_module_anywhere")
    with pytest.raises(ComputeError, match="could not be started"):
        ask(link, "add", 1)
    wait_until(lambda: children() <= before)


def test_a_process_that_never_connects_is_given_up(monkeypatch):
    before = children()
    monkeypatch.setattr(compute_client, "START_SECONDS", 0.5)
    link = ComputeLink("http.server")
    with pytest.raises(ComputeError, match="could not be started"):
        ask(link, "add", 1)
    wait_until(lambda: children() <= before)


def test_the_process_ends_with_the_server():
    code = """
import time
from tl_core.runs.compute_client import ComputeLink
print(ComputeLink("fake_compute").call("pid", (), {}, deadline=time.monotonic() + 30), flush=True)
input()
"""
    paths = os.pathsep.join([str(TESTS), str(TESTS.parent)])
    server = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
        text=True,
    )
    pid = int(server.stdout.readline())
    assert psutil.pid_exists(pid)
    server.kill()
    server.communicate()
    wait_for_end(pid)
