"""The structure of the library: imports run one way, and light jobs stay light."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import rnnpipe

LIBRARY = Path(rnnpipe.__file__).parent
# Each room may import from those before it; every room may import the modules of the first line.
FLOORS = [
    {"", "vocabulary", "errors", "files", "progress"},
    {"kernels"},
    {"corpus"},
    {"windows"},
    {"model"},
    {"reconstruction"},
    {"training"},
    {"dynamics"},
    {"config", "results"},
    {"findings"},
    {"figures"},
    {"report"},
]
FLOOR_OF = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def room_of(module: str) -> str:
    """The folder below rnnpipe that a module is in, or its own name if it is in none."""
    return (module.split(".") + [""])[1]


def imports():
    """Pairs of modules of which the first imports the second, also only for type checkers."""
    for path in LIBRARY.rglob("*.py"):
        module = ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts)
        if module == "rnnpipe.__init__":
            continue  # the public names, loaded when they are used
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("rnnpipe"):
                for name in node.names:
                    inner = LIBRARY.parent / node.module.replace(".", "/") / f"{name.name}.py"
                    yield module, f"{node.module}.{name.name}" if inner.exists() else node.module
            elif isinstance(node, ast.Import):
                yield from ((module, n.name) for n in node.names if n.name.startswith("rnnpipe"))


def test_every_module_is_in_a_room_that_this_page_knows():
    found = {room_of(f"rnnpipe.{path.relative_to(LIBRARY).with_suffix('')}".replace("/", "."))
             for path in LIBRARY.rglob("*.py")}  # fmt: skip
    assert found - {"__init__"} <= set(FLOOR_OF)


def test_no_import_runs_backwards():
    backwards = [
        f"{user} imports {used}"
        for user, used in imports()
        if FLOOR_OF[room_of(used)] > FLOOR_OF[room_of(user)]
    ]
    assert backwards == []


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("rnnpipe", ("torch", "numpy", "pandas", "matplotlib", "numba")),
        ("rnnpipe.windows.store, rnnpipe.windows.series", ("torch", "pandas", "matplotlib")),
        ("rnnpipe.findings.tables, rnnpipe.findings.remarks, rnnpipe.results", ("torch", "numba")),
        ("rnnpipe.figures.curves, rnnpipe.figures.free_runs, rnnpipe.figures.stability",
         ("torch", "numba")),
        ("rnnpipe.report.page, rnnpipe.report.export, rnnpipe.reconstruction.phone_errors",
         ("torch", "numba")),
        # Snakemake loads these for every single job.
        ("rnnpipe.config, rnnpipe.training.recipes, rnnpipe.training.runs, rnnpipe.vocabulary",
         ("torch", "numba", "pandas", "matplotlib")),
    ],
)  # fmt: skip
def test_what_needs_no_torch_starts_without_it(modules, heavy):
    code = f"import sys, {modules}; print(sorted(set(sys.modules) & set({heavy!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_names_are_there_and_listed_alike():
    listed = {name for names in rnnpipe._HOMES.values() for name in names}
    assert sorted(rnnpipe.__all__) == rnnpipe.__all__ == sorted(listed)
    for name in rnnpipe.__all__:
        assert getattr(rnnpipe, name).__doc__, f"{name} has no docstring"
    assert set(rnnpipe.__all__) <= set(dir(rnnpipe))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = rnnpipe.nothing


def test_the_benchmarks_import_what_there_is_in_the_scripts_that_they_start_too():
    lines = [
        line
        for path in (LIBRARY.parent / "benchmarks").glob("*.py")
        for line in re.findall(r"^(?:from|import) rnnpipe.*", path.read_text(), re.MULTILINE)
        if "kernels.gpu" not in line  # needs Triton
    ]
    assert len(lines) > 10
    for line in lines:
        exec(line.partition("#")[0], {})
