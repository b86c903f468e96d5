"""Who may import whom: the rules of docs/architecture.md, checked on the source."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src/tsc"
BASE = {"concurrency", "dtypes", "errors", "narrowing"}
LAYERS: dict[str, set[str]] = {
    "dtypes": {"errors"},
    "narrowing": set(),
    "errors": set(),
    "concurrency": set(),
    "options": set(),
    "markers": set(),
    "dialects": BASE,
    "ops": BASE | {"dialects"},
    "analysis": BASE | {"dialects", "ops"},
    "interop": BASE,
    "archive": BASE | {"options", "dialects"},
    "frontend": BASE | {"options", "markers", "dialects", "ops", "interop", "archive"},
    "printing": BASE | {"dialects", "interop", "frontend"},
    "passes": BASE | {"dialects", "ops", "analysis"},
    "codegen": BASE | {"dialects", "analysis"},
    "runtime": BASE | {"options", "dialects", "ops", "analysis", "interop", "frontend"},
    "tracing": BASE
    | {
        "options",
        "dialects",
        "ops",
        "interop",
        "frontend",
        "runtime",
        "nn",
        "script_modules",
        "script_objects",
        "loading",
        "jit",
    },
}
"""Folder or module to what it may import, besides itself. The others (pipeline, compiler, jit, tools, ...)
may import everything.
"""
FILES = sorted(SOURCE.rglob("*.py"))


def imports(file: Path) -> set[str]:
    """Absolute names of the modules a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("file", FILES, ids=[str(f.relative_to(SOURCE)) for f in FILES])
def test_imports_run_downward(file: Path) -> None:
    place = file.relative_to(SOURCE).parts[0].removesuffix(".py")
    if place not in LAYERS:
        return
    allowed = LAYERS[place] | {place}
    used = {name.split(".")[1] for name in imports(file) if name.startswith("tsc.")}
    assert used <= allowed, f"{file.name} imports {sorted(used - allowed)}"


@pytest.mark.parametrize("file", FILES, ids=[str(f.relative_to(SOURCE)) for f in FILES])
def test_pytorch_is_never_imported(file: Path) -> None:
    assert not any(name.split(".")[0] == "torch" for name in imports(file))
