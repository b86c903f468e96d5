"""Findings grouped by fault, and the files of minimal programs."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .evaluating import Finding
from .program import PRELUDE

WORDS = re.compile(r"'[^']*'|\d[\d.e+-]*|\[.*?\]|\(.*?\)")


@dataclass(frozen=True)
class Example:
    """A minimal program that shows a finding."""

    seed: int
    body: str
    finding: Finding
    variants: tuple[str, ...]
    """All variants of the program that differ so."""
    guilty: str = ""
    """The pass that changes what the program does, where verification finds one."""


@dataclass
class Group:
    """Findings that look like one fault."""

    key: tuple[str, ...]
    example: Example
    count: int = 0
    variants: Counter[str] = field(default_factory=Counter[str])

    def add(self, example: Example) -> None:
        """Count one more; the shortest program is kept as the example."""
        self.count += 1
        self.variants.update(example.variants)
        if len(example.body) < len(self.example.body):
            self.example = example


def message_of(finding: Finding) -> str:
    """A message without the values in it."""
    return WORDS.sub("_", finding.detail)[:100]


def key_of(finding: Finding, body: str) -> tuple[str, ...]:
    """What findings of one fault have in common: the aspect, and the message or the operators."""
    if finding.is_told:
        return finding.aspect, message_of(finding)
    return finding.aspect, " ".join(sorted(operators_of(body))) if body else "(not reduced)"


def operators_of(body: str) -> set[str]:
    """The functions and methods that a program's own code calls, and its kinds of statements."""
    found: set[str] = set()
    for function in ast.walk(ast.parse(body)):
        if isinstance(function, ast.FunctionDef) and function.name in ("subject", "forward", "helper"):
            for node in ast.walk(function):
                found |= _named(node)
    return found


def _named(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Call):
        return {ast.unparse(node.func).rpartition(".")[2]}
    if isinstance(node, (ast.If, ast.For, ast.While)):
        return {type(node).__name__.lower()}
    if isinstance(node, ast.AugAssign):
        return {f"{type(node.op).__name__.lower()}="}
    if isinstance(node, ast.BinOp):
        return {type(node.op).__name__.lower()}
    if isinstance(node, ast.Subscript) and not isinstance(node.value, ast.Name):
        return set()
    if isinstance(node, ast.Subscript):
        return {"[]=" if isinstance(node.ctx, ast.Store) else "[]"}
    return set()


def grouped(examples: Iterable[Example]) -> list[Group]:
    """The groups, most frequent first; minor ones last."""
    groups: dict[tuple[str, ...], Group] = {}
    for example in examples:
        key = key_of(example.finding, example.body)
        groups.setdefault(key, Group(key, example)).add(example)
    return sorted(groups.values(), key=lambda g: (g.example.finding.is_minor, -g.count))


def line_of(group: Group) -> str:
    """A group on one line."""
    variants = ", ".join(f"{name} {n}" for name, n in sorted(group.variants.items()))
    return f"{group.count:5} {group.key[0]}: {group.key[1]} ({variants})"


def document(groups: Iterable[Group]) -> str:
    """The groups with the minimal program of each, as Markdown."""
    parts: list[str] = []
    for group in groups:
        finding = group.example.finding
        where = f"Seed {group.example.seed}, {finding.variant}, call {finding.call}"
        body = group.example.body.strip() or "(not reduced)"
        told = f"{where}: {finding.detail}" + (f"\n\n{group.example.guilty}" if group.example.guilty else "")
        parts.append(f"## {line_of(group).strip()}\n\n{told}\n\n```python\n{body}\n```\n")
    return "\n".join(parts)


def write(example: Example, folder: Path) -> Path:
    """A test of one minimal program, which runs without this package."""
    name = re.sub(r"\W+", "_", f"{example.finding.variant}_{example.finding.aspect}")
    file = folder / f"test_{name}_{example.seed}.py"
    file.write_text(text_of(example))
    return file


def text_of(example: Example) -> str:
    """The text of that test."""
    finding = example.finding
    detail = finding.detail.replace("\\", "/").replace('"""', "'''")
    how = {
        "scripted": "tsc.script(made)",
        "optimized": "tsc.script(made)",
        "frozen": "tsc.optimize_for_inference(tsc.freeze(tsc.script(made)))",
        "symbolic": "symbolic(made)",
        "loaded": "loaded(torch.jit.save, torch.jit.script(made))",
        "saved": "loaded(tsc.save, tsc.script(made))",
    }[finding.variant]
    native = finding.variant in ("optimized", "frozen", "symbolic")
    return (
        f'"""Seed {example.seed}, {finding.variant}, call {finding.call}: {finding.aspect}.'
        + f'\n\n{detail}\n"""\n\n'
        + PRELUDE.replace("import math\n", "import io\nimport math\n")
        + example.body
        + CHECK.replace("HOW", how).replace("NATIVE", str(native))
    )


CHECK = """

def symbolic(made):
    import tsc

    tsc.set_fusion_strategy([("DYNAMIC", 8)])
    scripted = tsc.script(made)
    return tsc.optimize_for_inference(tsc.freeze(scripted)) if hasattr(made, "forward") else scripted

def loaded(save, compiled):
    import tsc

    buffer = io.BytesIO()
    save(compiled, buffer)
    buffer.seek(0)
    return tsc.load(buffer)


def test_it_gives_what_pytorch_gives(monkeypatch):
    import tsc
    from tsc.options import options

    monkeypatch.setattr(options(), "is_native_enabled", NATIVE)
    with torch.no_grad():
        made = make()
        compiled, expected = HOW, torch.jit.script(make())
        for sizes in (SIZES[0], SIZES[0], SIZES[-1]):
            given, wanted = arguments(sizes), arguments(sizes)
            want = expected(*wanted)
            got = compiled(*given)
            print("got ", got, given)
            print("want", want, wanted)
            torch.testing.assert_close((got, given), (want, wanted), rtol=1e-3, atol=1e-3, equal_nan=True)
"""
