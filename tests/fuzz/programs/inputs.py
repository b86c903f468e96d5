"""The arguments of a random program: text that makes them for any sizes ``A, B, C``."""

from __future__ import annotations

import random
from dataclasses import dataclass

FLOATS = ["torch.float32"] * 8 + ["torch.float64"]
MIXED = [
    "torch.float32", "torch.float32", "torch.float64", "torch.float16", "torch.bfloat16", "torch.int64",
    "torch.int64", "torch.int32", "torch.int8", "torch.uint8", "torch.bool", "torch.complex64",
]  # fmt: skip
SHAPES = [
    ["A", "B"], ["A", "B"], ["A", "B"], ["B", "C"], ["A", "B", "C"], ["A"], ["B"], ["A", "1"], ["1", "B"], [],
    ["2", "A", "B"], ["1", "A", "B", "C"], ["B", "B"], ["A", "B"], ["2", "B", "2", "C"],
]  # fmt: skip
ODD = [["0"], ["A", "0"], ["1"], ["17", "A"], ["1", "1"], ["A", "33"]]


@dataclass(frozen=True)
class Input:
    """One line of ``arguments``; `is_parameter` says whether the program takes it."""

    name: str
    kind: str
    text: str
    is_parameter: bool = True


def sizes_of(chooser: random.Random) -> list[tuple[int, int, int]]:
    """Two choices of ``A, B, C``."""
    pool = [2, 3, 3, 4, 4, 5, 7, 8]
    first = tuple(chooser.choice(pool) for _ in range(3))
    other = tuple(chooser.choice([*pool, n, n, n, 1]) for n in first)
    return [(first[0], first[1], first[2]), (other[0], other[1], other[2])]


def array_inputs(chooser: random.Random, is_mixed: bool, has_special_values: bool) -> list[Input]:
    """One to four tensors, some of them views of others, and a few Python values."""
    made: list[Input] = []
    for i in range(chooser.choice([1, 2, 2, 3, 3, 4])):
        made.append(_tensor(chooser, i, is_mixed, has_special_values))
        if chooser.random() < 0.12:
            made.append(_related(chooser, made[-1], i))
    if chooser.random() < 0.25:
        made.append(Input("index", "Tensor", "indices([2], B, 3)"))
    if chooser.random() < 0.4:
        made.append(Input("count", "int", f"count = {chooser.randint(0, 3)}"))
    if chooser.random() < 0.2:
        made.append(Input("factor", "float", f"factor = {chooser.choice(['0.5', '2.0', '-1.5'])}"))
    if chooser.random() < 0.15:
        made.append(Input("flag", "bool", f"flag = {chooser.choice(['True', 'False'])}"))
    if chooser.random() < 0.1:
        made.append(Input("several", "List[Tensor]", "several = [values([A, B], torch.float32, 6), a0]"))
    if chooser.random() < 0.1:
        made.append(Input("numbers", "List[int]", "numbers = [1, 2]"))
    return [i if "=" in i.text else Input(i.name, i.kind, f"{i.name} = {i.text}") for i in made]


def _tensor(chooser: random.Random, i: int, is_mixed: bool, has_special_values: bool) -> Input:
    dtype = chooser.choice(MIXED if is_mixed else FLOATS)
    shape = chooser.choice(ODD) if chooser.random() < 0.06 else chooser.choice(SHAPES)
    text = f"values([{', '.join(shape)}], {dtype}, {i})"
    if has_special_values and dtype not in ("torch.bool",) and "int" not in dtype:
        value = chooser.choice(["nan", "inf", "-inf"])
        text = f'special({text}, float("{value}"))'
    if len(shape) >= 2 and chooser.random() < 0.2:
        text = _strided(chooser, shape, dtype, i)
    return Input(f"a{i}", "Tensor", f"a{i} = {text}")


def _strided(chooser: random.Random, shape: list[str], dtype: str, i: int) -> str:
    """A tensor of these sizes that is not contiguous."""
    rest = ", ".join(shape[1:])
    swapped = ", ".join([*shape[:-2], shape[-1], shape[-2]])
    return chooser.choice([
        f"values([{swapped}], {dtype}, {i}).transpose(-1, -2)",
        f"values([2 * {shape[0]}, {rest}], {dtype}, {i})[::2]",
        f"values([{', '.join(shape[:-1])}, {shape[-1]} + 1], {dtype}, {i})[..., 1:]",
        f"values([1, {rest}], {dtype}, {i}).expand({shape[0]}, {rest})",
    ])  # fmt: skip


def _related(chooser: random.Random, given: Input, i: int) -> Input:
    """An argument that shares memory with another."""
    view = chooser.choice(["{}.view_as({})", "{}[...]", "{}.mT if {}.dim() > 1 else {}", "{}[1:]", "{}"])
    return Input(f"v{i}", "Tensor", f"v{i} = {view.replace('{}', given.name)}")


def body_of_arguments(inputs: list[Input]) -> str:
    """The lines that make the arguments."""
    return "\n".join(i.text for i in inputs)
