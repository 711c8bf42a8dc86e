"""Imports timm without torch's compiler, which nothing here uses and which takes as long again.

timm and torchvision ask the compiler only to leave some functions alone. While they are imported a
stand-in says that it will; whoever needs the compiler later (torch's optimisers do) gets the real
one. Of torch's own names only `_dynamo`, `disable` and `is_compile_supported` are relied upon:
should one be missing, everything is imported as usual.
"""

import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

IMPORTED = ("timm", "torchvision.transforms.v2")


def _left_alone(function: Callable | None = None, *_args: Any, **_kwargs: Any) -> Callable:
    return function if function is not None else lambda given: given


def import_timm() -> None:
    """Import timm; twice does no harm."""
    name = "torch._dynamo"
    if name in sys.modules or "timm" in sys.modules:
        return
    package, questions = ModuleType(name), ModuleType(f"{name}.utils")
    package.disable, package.utils = _left_alone, questions
    questions.is_compile_supported = lambda _device: False
    stand_ins = {name: package, f"{name}.utils": questions}
    before = set(sys.modules)
    sys.modules |= stand_ins
    try:
        for wanted in IMPORTED:
            importlib.import_module(wanted)
    except (ImportError, AttributeError):  # this version asks for something else
        for loaded in set(sys.modules) - before:
            if loaded.partition(".")[0] in ("timm", "torchvision"):
                del sys.modules[loaded]
    finally:
        for stand_in in stand_ins:
            sys.modules.pop(stand_in, None)
        vars(torch).pop("_dynamo", None)


import_timm()
