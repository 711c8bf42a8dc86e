"""The layout that `tl_core`'s docstring promises: who imports whom, how much is where.

Every test looks at all files and lists all that is wrong at once.
"""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENGINE = ROOT / "tl_core"
HEAVY = ("torch", "torchvision", "timm", "sklearn", "scipy", "onnxruntime", "captum")
LIGHT = ("workspace", "images", "runs")
CORE = sorted(ENGINE.rglob("*.py"))
PAGES = sorted((ROOT / "pages").glob("*.py"))
SHARED = sorted((ROOT / "pages" / "shared").rglob("*.py"))
INTERFACE = [ROOT / "app.py", *PAGES, *SHARED]
PACKAGES = sorted(
    path.parent for path in CORE if path.name == "__init__.py" and path.parent != ENGINE
)

MOST_ENTRIES = 12  # in the engine's root, beside `__init__`
MOST_MODULES = 15  # in a package, beside `__init__`
MOST_LINES = 280  # of a module
FILE_NAME = re.compile(r"[\w-]+\.(?:json|npz|npy|db)")  # of what the engine keeps


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def imported(path: Path) -> frozenset[str]:
    """Return the dotted names that a file imports anywhere, also inside functions."""
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


def engine_packages_of(path: Path) -> set[str]:
    """Return the packages of the engine that a file imports from."""
    return {name.split(".")[1] for name in imported(path) if name.startswith("tl_core.")}


def starts(path: Path, *prefixes: str) -> list[str]:
    names = imported(path)
    return sorted(n for n in names if any(n == p or n.startswith(f"{p}.") for p in prefixes))


def dotted(path: Path, root: Path = ROOT) -> str:
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def order() -> list[str]:
    """Return the packages of `tl_core` in the order of the table in its docstring, lowest first."""
    table = ast.get_docstring(tree(ENGINE / "__init__.py"))
    return re.findall(r"^    (\w+)  ", table, flags=re.MULTILINE)


def package_of(path: Path) -> str:
    return path.relative_to(ENGINE).parts[0].removesuffix(".py")


def entries_of(package: Path) -> set[str]:
    """Return a package's modules, and its packages with a slash."""
    modules = {path.stem for path in package.glob("*.py")} - {"__init__"}
    return modules | {f"{one.parent.name}/" for one in package.glob("*/__init__.py")}


def test_the_table_names_every_package_and_nothing_else():
    assert sorted(order()) == sorted({package_of(path) for path in CORE} - {"__init__"})


def test_imports_between_packages_point_one_way():
    lowest_first = order()
    wrong = {}
    for path in CORE:
        package = package_of(path)
        place = lowest_first.index(package) + 1 if package in lowest_first else 0
        above = engine_packages_of(path) - set(lowest_first[:place])
        if above:
            wrong[dotted(path)] = above
    assert wrong == {}


def test_pages_import_errors_and_the_light_packages_only():
    found = {dotted(path): engine_packages_of(path) - {"errors", *LIGHT} for path in INTERFACE}
    assert {path: names for path, names in found.items() if names} == {}


def test_the_engine_knows_nothing_of_pages():
    found = {dotted(path): starts(path, "streamlit", "plotly", "pages") for path in CORE}
    assert {path: names for path, names in found.items() if names} == {}


def test_a_page_imports_no_page_and_nothing_that_computes():
    found = {}
    for path in [*PAGES, *SHARED]:
        pages = [n for n in starts(path, "pages.") if not n.startswith("pages.shared")]
        found[dotted(path)] = [*starts(path, *HEAVY), *pages]
    assert {path: names for path, names in found.items() if names} == {}


def test_only_the_guarded_table_shows_cells_that_can_be_downloaded():
    offering = re.compile(r"st\.(?:dataframe|data_editor)\(")
    found = [path.name for path in INTERFACE if offering.search(path.read_text(encoding="utf-8"))]
    assert found == ["elements.py"]


def test_only_the_state_file_spells_session_state():
    found = [path for path in INTERFACE if "session_state" in path.read_text(encoding="utf-8")]
    assert [path.name for path in found] == ["state.py"]


def test_the_engine_has_few_rooms_and_none_is_crowded():
    assert len(entries_of(ENGINE)) <= MOST_ENTRIES, sorted(entries_of(ENGINE))
    sizes = {dotted(package, ENGINE): len(entries_of(package)) for package in PACKAGES}
    crowded = {name: size for name, size in sizes.items() if size > MOST_MODULES}
    assert crowded == {}


def test_no_module_of_the_engine_is_long():
    lines = {dotted(path): len(path.read_text("utf-8").splitlines()) for path in CORE}
    long = {name: count for name, count in lines.items() if count > MOST_LINES}
    assert long == {}


def test_every_package_lists_its_modules():
    """One line each: names, two blanks or more, what they do."""
    wrong = {}
    for package in PACKAGES:
        docstring = ast.get_docstring(tree(package / "__init__.py")) or ""
        lists = re.findall(r"^ *([\w/]+(?:, [\w/]+)*)  +\S", docstring, flags=re.MULTILINE)
        named = [name for names in lists for name in names.split(", ")]
        if sorted(named) != sorted(entries_of(package)):
            missing = sorted(entries_of(package) - set(named))
            wrong[dotted(package, ENGINE)] = {"missing": missing, "named": sorted(named)}
    assert wrong == {}


def compares_strategies(path: Path) -> bool:
    """Whether a strategy is compared with a string, or a mapping is asked with one."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.Match):
            sides = [node.subject, *(one for case in node.cases for one in ast.walk(case.pattern))]
        else:
            continue
        names = {getattr(side, "attr", getattr(side, "id", "")) for side in sides}
        strings = [
            one
            for side in sides
            for one in ast.walk(side)
            if isinstance(one, ast.Constant) and isinstance(one.value, str)
        ]
        if strings and names & {"strategy", "strategy_used"}:
            return True
    return False


def test_no_strategy_is_told_by_its_name_outside_its_package():
    outside = [path for path in [*CORE, *INTERFACE] if ENGINE / "approaches" not in path.parents]
    assert [dotted(path) for path in outside if compares_strategies(path)] == []


def test_no_file_name_is_spelled_twice():
    spelled = defaultdict(set)
    for path in [*CORE, *INTERFACE]:
        for node in ast.walk(tree(path)):
            text = node.value if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and FILE_NAME.fullmatch(text):
                spelled[text].add(dotted(path))
    assert {name: where for name, where in spelled.items() if len(where) > 1} == {}


def heavy_after(code: str) -> list[str]:
    """Run code in a fresh interpreter and return which heavy packages it left loaded."""
    report = f"import sys; print('LOADED', *[m for m in {HEAVY!r} if m in sys.modules])"
    command = [sys.executable, "-c", f"{code}\n{report}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.rpartition("LOADED")[2].split()


def test_the_light_packages_load_nothing_that_computes():
    modules = [dotted(path) for path in CORE if package_of(path) in LIGHT]
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
