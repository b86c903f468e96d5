"""What the annotations say: few leave a type open, and each finding that is ignored is named by its rule."""

from __future__ import annotations

import ast
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/tsc"
KNOWS_PYTORCH = "interop"
"""The room whose values are PyTorch's objects, which have no types without it."""
OPEN_SHARE = 0.05
"""The share of annotations that `Any` itself must stay below."""
SHOWN = 8
PROGRAMS = "programs_"
"""Files of TorchScript, which are no typed Python."""
IGNORED = re.compile(r"(?:pyright|type): *ignore(?P<rule>\[[\w, -]+\])?")


def annotations_of(tree: ast.AST) -> Iterator[ast.expr]:
    """The annotations of parameters, results and variables."""
    for node in ast.walk(tree):
        if isinstance(node, (ast.arg, ast.AnnAssign)) and node.annotation is not None:
            yield node.annotation
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.returns is not None:
            yield node.returns


def is_open(annotation: ast.expr) -> bool:
    """Whether an annotation, or a member of the union it is, is `Any`: ``list[Any]`` says something."""
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        return is_open(ast.parse(annotation.value, mode="eval").body)
    if isinstance(annotation, ast.BinOp):
        return is_open(annotation.left) or is_open(annotation.right)
    return isinstance(annotation, ast.Name) and annotation.id == "Any"


def test_any_and_unions_with_it_are_open_and_nothing_else() -> None:
    texts = (
        "Any",
        "Any | None",
        "'Any'",
        "object",
        "list[Any]",
        "Callable[..., Any]",
        "int | dict[str, Any]",
    )
    answers = [is_open(ast.parse(text, mode="eval").body) for text in texts]
    assert answers == [True, True, True, False, False, False, False]


def test_few_annotations_leave_the_type_open() -> None:
    open_, all_ = Counter[str](), Counter[str]()
    for file in SOURCE.rglob("*.py"):
        room = file.relative_to(SOURCE).parts[0].removesuffix(".py")
        for annotation in annotations_of(ast.parse(file.read_text())):
            open_[room] += is_open(annotation)
            all_[room] += 1
    del open_[KNOWS_PYTORCH], all_[KNOWS_PYTORCH]
    share = open_.total() / all_.total()
    most = ", ".join(f"{room} {count} of {all_[room]}" for room, count in open_.most_common(SHOWN))
    assert share < OPEN_SHARE, f"{share:.1%} of the annotations are `Any`; most in {most}"


def nameless(file: Path) -> list[str]:
    """The comments of a file that ignore a finding without its rule."""
    with file.open("rb") as source:
        comments = [t.string for t in tokenize.tokenize(source.readline) if t.type == tokenize.COMMENT]
    return [c for c in comments if any(match["rule"] is None for match in IGNORED.finditer(c))]


def test_what_is_ignored_is_named_by_its_rule() -> None:
    files = [f for folder in ("src", "tests", "tools") for f in (ROOT / folder).rglob("*.py")]
    found = {str(f.relative_to(ROOT)): nameless(f) for f in files if not f.name.startswith(PROGRAMS)}
    assert not {name: comments for name, comments in found.items() if comments}
