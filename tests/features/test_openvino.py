"""OpenVINO's engine beside Python's threads."""

import subprocess
import sys
from pathlib import Path

import pytest

from tl_core.features import openvino

ROOT = Path(__file__).parents[2]
PROCESSES, PATIENCE = 5, 120.0  # fresh ones: a process can be caught only by its first answers

FIRST_ANSWERS = """
import sys, threading, time
from pathlib import Path
import torch
from tl_core.features.openvino import OpenVinoReader

layers = torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
kept = Path(sys.argv[1])
reader = OpenVinoReader(
    torch.nn.Sequential(*layers), kept, side=32, precision="float32", threads=2
)
sys.setswitchinterval(1e-6)
start = []

def answer():
    while not start:
        pass
    reader(torch.zeros(1, 3, 32, 32))

threads = [threading.Thread(target=answer, daemon=True) for _ in range(4)]
[thread.start() for thread in threads]
time.sleep(0.2)
start.append(True)
[thread.join() for thread in threads]
"""


@pytest.mark.skipif(not openvino.is_installed(), reason="no OpenVINO here")
def test_the_first_answers_of_several_threads_do_not_wait_for_each_other(tmp_path):
    for number in range(PROCESSES):
        command = [sys.executable, "-c", FIRST_ANSWERS, str(tmp_path / f"{number}.xml")]
        subprocess.run(command, cwd=ROOT, check=True, timeout=PATIENCE)
