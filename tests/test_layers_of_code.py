"""Imports point downwards only, and the server process stays free of what computes."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "torchvision", "timm", "sklearn", "scipy", "onnxruntime", "captum")
LIGHT = ("workspace", "images", "runs")
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


def packages() -> list[str]:
    """Return the packages of `tl_core` in the order of the table in its docstring, lowest first."""
    table = ast.get_docstring(ast.parse((ROOT / "tl_core" / "__init__.py").read_text("utf-8")))
    return re.findall(r"^    (\w+)  ", table, flags=re.MULTILINE)


def package_of(path: Path) -> str:
    return path.relative_to(ROOT / "tl_core").parts[0].removesuffix(".py")


def test_the_table_names_every_package_and_nothing_else():
    there = {package_of(path) for path in CORE} - {"__init__"}
    assert sorted(packages()) == sorted(there)


@pytest.mark.parametrize("path", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_between_packages_point_one_way(path):
    order = packages()
    allowed = order[: order.index(package_of(path)) + 1] if package_of(path) in order else []
    names = {name.split(".")[1] for name in imported(path) if name.startswith("tl_core.")}
    assert sorted(names - set(allowed)) == []


@pytest.mark.parametrize(
    "path", [*PAGES, *SHARED, ROOT / "app.py"], ids=lambda path: str(path.relative_to(ROOT))
)
def test_pages_import_errors_and_the_light_packages_only(path):
    names = {name.split(".")[1] for name in imported(path) if name.startswith("tl_core.")}
    assert sorted(names - {"errors", *LIGHT}) == []


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


def test_the_light_packages_load_nothing_that_computes():
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in CORE
        if package_of(path) in LIGHT
    ]
    assert heavy_after(f"import tl_core.errors, {', '.join(modules)}") == []


def test_walking_the_whole_app_loads_nothing_that_computes(tmp_path):
    pages = [f"pages/{path.name}" for path in PAGES]
    code = f"""
import os, sys
os.environ["TL_WORKSPACE"] = {str(tmp_path)!r}
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "tests")!r}]
from projects import project_with_pictures
from sessions import open_app
project = project_with_pictures()
app = open_app()
assert not app.exception, app.exception
for page in {pages!r}:
    app.query_params["project"] = project.id
    app.switch_page(page).run()
    assert not app.exception, (page, app.exception)
"""
    assert heavy_after(code) == []
