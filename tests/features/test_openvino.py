"""OpenVINO's engine beside Python's threads."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tl_core.features import openvino

ROOT = Path(__file__).parents[2]

# Several processes, for each can be caught by its first answers only. They are forked before
# OpenVINO has done anything, which costs one import instead of one each.
FIRST_ANSWERS = """
import os, signal, sys, threading, time
from pathlib import Path
import torch
from tl_core.features.openvino import OpenVinoReader, load

PROCESSES, PATIENCE = 5, 120

def first_answers(kept):
    layers = torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    network = torch.nn.Sequential(*layers)
    reader = OpenVinoReader(network, kept, side=32, precision="float32", threads=2)
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

load()
for number in range(PROCESSES):
    child = os.fork()
    if not child:
        signal.alarm(PATIENCE)  # ends the process whatever its threads wait for
        first_answers(Path(sys.argv[1]) / f"{number}.xml")
        print("answered", flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(not openvino.is_installed(), reason="no OpenVINO here")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")
def test_the_first_answers_of_several_threads_do_not_wait_for_each_other(tmp_path):
    command = [sys.executable, "-c", FIRST_ANSWERS, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.split() == 5 * ["answered"], done.stderr


@pytest.mark.skipif(not openvino.is_installed(), reason="no OpenVINO here")
@pytest.mark.parametrize("damage", ["empty", "a bit"])
def test_a_damaged_converted_network_is_converted_again(tmp_path, damage):
    layers = torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    network, kept = torch.nn.Sequential(*layers), tmp_path / "network.xml"
    picture = torch.rand(1, 3, 32, 32)

    def answer():
        settings = {"side": 32, "precision": "float32", "threads": 1}
        return openvino.OpenVinoReader(network, kept, **settings)(picture)[0]

    before = answer()
    weights = kept.with_suffix(".bin")
    content = bytearray(weights.read_bytes())
    content[3] ^= 64  # the exponent of a weight
    weights.write_bytes(b"" if damage == "empty" else content)
    np.testing.assert_allclose(answer(), before, atol=1e-4)
