"""Tests that timm is imported without torch's compiler, and that whoever needs it still gets it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_networks_are_there_without_the_compiler():
    code = """
import sys
from tl_core.backbones import create_backbone
from tl_core.service import compute
from tl_core.runs.catalogue import BUNDLED, find
create_backbone(find(BUNDLED), pretrained=False)
print([name for name in sys.modules if name.startswith(("torch._dynamo", "torch._inductor"))])
"""
    assert run(code).strip() == "[]", "timm or torchvision asks torch for something new"


def test_whoever_needs_the_compiler_gets_the_real_one():
    code = """
import tl_core.backbones
import timm, torch
network = timm.create_model("test_resnet", num_classes=2)
optimiser = torch.optim.AdamW(network.parameters())
network(torch.zeros(1, 3, 96, 96)).sum().backward()
optimiser.step()
import torch._dynamo
print(torch._dynamo.__file__, torch.compile(lambda x: x + 1, backend="eager")(torch.zeros(1)))
"""
    found = run(code)
    assert "_dynamo" in found and "tensor([1.])" in found


def test_a_version_that_asks_for_something_else_is_imported_as_usual():
    code = """
import sys, tl_core.errors, torch
from types import ModuleType
class Refuses:
    asked = 0
    def find_spec(self, name, path=None, target=None):
        if name == "torchvision" and not Refuses.asked:
            Refuses.asked += 1
            raise ImportError("torch._dynamo has no such thing")
sys.meta_path.insert(0, Refuses())
import tl_core.backbones
import timm, torchvision
print(Refuses.asked, timm.create_model("test_resnet").num_classes)
"""
    assert run(code).split() == ["1", "1000"]
