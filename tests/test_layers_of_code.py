"""Imports point downwards only, and the server process stays free of what computes."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "torchvision", "timm", "sklearn", "scipy", "onnxruntime", "captum")
CORE = sorted((ROOT / "tl_core").rglob("*.py"))
PAGES = sorted((ROOT / "pages").glob("*.py"))
SHARED = sorted((ROOT / "pages" / "shared").rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Return the dotted names that a file imports anywhere, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def light_modules() -> list[str]:
    """Return what pages import, and what those modules stand on or workers are started by."""
    below = ("cache_budget", "command_line", "compute_link", "database", "json_values", "processes")
    names = set().union(*(imported(path) for path in [*PAGES, *SHARED]))
    named = {name.split(".")[1] for name in names if name.startswith("tl_core.")}
    return sorted(named.union(below))


def starts(names: set[str], *prefixes: str) -> list[str]:
    return sorted(n for n in names if any(n == p or n.startswith(f"{p}.") for p in prefixes))


def heavy_after(code: str) -> list[str]:
    """Run code in a fresh interpreter and return which heavy packages it left loaded."""
    report = f"import sys; print('LOADED', *[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.rpartition("LOADED")[2].split()


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_engine_knows_nothing_of_pages(path):
    assert starts(imported(path), "streamlit", "plotly", "pages") == []


@pytest.mark.parametrize("path", [*PAGES, *SHARED], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_imports_no_page_and_nothing_that_computes(path):
    names = imported(path)
    assert starts(names, *HEAVY) == []
    assert [n for n in starts(names, "pages") if not n.startswith("pages.shared")] in (
        [],
        ["pages"],
    )


@pytest.mark.parametrize(
    "path", [*PAGES, *SHARED, ROOT / "app.py"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_only_the_state_file_spells_session_state(path):
    assert path.name == "state.py" or "session_state" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", light_modules())
def test_importing_a_light_module_loads_nothing_that_computes(name):
    assert heavy_after(f"import tl_core.{name}") == []


def test_walking_the_whole_app_loads_nothing_that_computes(tmp_path):
    pages = [f"pages/{path.name}" for path in PAGES]
    code = f"""
import os, sys
os.environ["TL_WORKSPACE"] = {str(tmp_path)!r}
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
from page_data import open_app, project_with_pictures
project = project_with_pictures()
app = open_app()
assert not app.exception, app.exception
for page in {pages!r}:
    app.query_params["project"] = project.id
    app.switch_page(page).run()
    assert not app.exception, (page, app.exception)
"""
    assert heavy_after(code) == []
