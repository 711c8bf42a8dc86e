"""Says whether compiling a network changed this thread's signal stack; run by a test."""

import ctypes
import sys
from pathlib import Path

from tl_core.backbones import create_backbone
from tl_core.catalogue import BUNDLED, find
from tl_core.inference import Engine, EngineChoice
from tl_core.transforms import preprocessing_for


class Stack(ctypes.Structure):
    _fields_ = (("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


def main_stack() -> tuple:
    found = Stack()
    ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found))
    return found.sp, found.flags, found.size


if __name__ == "__main__":
    before = main_stack()
    backbone = create_backbone(find(BUNDLED))
    choice = EngineChoice("float32", 2, "cpu", 0.0, library="openvino")
    Engine(backbone, preprocessing_for(backbone), choice, converted=Path(sys.argv[1]))
    print("same" if main_stack() == before else "changed")
