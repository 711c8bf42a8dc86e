"""What one call has measured, and where: written as tables, as figures and as a plot."""

import json
import os
import platform
import time
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from benchmarks.measuring.plot import draw
from benchmarks.measuring.table import Measured
from tl_core.runs.processes import cores


@dataclass
class Results:
    heading: str  # date and machine
    parts: dict[str, Measured] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def here(cls) -> "Results":
        """Return empty results of today and this machine."""
        memory = psutil.virtual_memory().total / 2**30
        return cls(
            f"{time.strftime('%Y-%m-%d')}, {cores()} cores of {_processor()}, {memory:.0f} GiB; "
            f"{platform.system()}, Python {platform.python_version()}, "
            f"torch {_version('torch')}, OpenVINO {_version('openvino')}"
        )

    def add(self, name: str, measured: Measured, seconds: float) -> None:
        self.parts[name], self.seconds[name] = measured, round(seconds, 1)

    def took(self) -> str:
        parts = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self.seconds.items())
        return f"Measuring took {sum(self.seconds.values()):.0f} s: {parts}."

    def write(self, folder: Path) -> None:
        """Write `benchmarks.md`, `benchmarks.json` and `benchmarks.svg`."""
        folder.mkdir(parents=True, exist_ok=True)
        tables = [table.markdown() for part in self.parts.values() for table in part.tables]
        text = "\n\n".join([self.heading, *tables, f"{self.took()}\n"])
        (folder / "benchmarks.md").write_text(text, encoding="utf-8")
        figures = {name: part.figures for name, part in self.parts.items()}
        facts = {"where": self.heading, "seconds": self.seconds, "figures": figures}
        (folder / "benchmarks.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
        draw(figures, self.heading, folder / "benchmarks.svg")


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if "model name" in line]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine() or os.name


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
