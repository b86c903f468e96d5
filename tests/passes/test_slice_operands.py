"""`slice-operands`: which operands are sliced, and that nothing else changes."""

from __future__ import annotations

import torch
from xdsl.dialects import tensor
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

import tsc
from tests.passes.linalg_text import Kernel, module
from tests.passes.programs import module_at
from tsc.dialects.context import make_context
from tsc.passes.slice_operands import SliceOperands


def sliced(text: str) -> ModuleOp:
    context = make_context()
    made = Parser(context, text).parse_module()
    SliceOperands().apply(context, made)
    made.verify()
    return made


def slices(made: ModuleOp) -> list[str]:
    found = [op for op in made.walk() if isinstance(op, tensor.ExtractSliceOp)]
    return [f"{op.source.type} to {op.result.type}" for op in found]


def kernel(first: str, second: str, shape: tuple[int, ...]) -> str:
    """A sum of two tensors of 3 rows, over 3 x 2 elements."""
    k = Kernel("k")
    a, b = k.argument((3, 2)), k.argument(shape)
    total = k.map("%r = arith.addf %x0, %x1 : f32", a, b, shape=(3, 2), maps=[first, second])
    return module(k, [total])


def test_an_operand_whose_loops_read_a_part_is_sliced() -> None:
    assert slices(sliced(kernel("d0, d1", "d0, d1", (3, 4)))) == ["tensor<3x4xf32> to tensor<3x2xf32>"]


def test_operands_that_are_read_whole_or_by_sums_stay() -> None:
    assert slices(sliced(kernel("d0, d1", "d0, d1", (3, 2)))) == []
    assert slices(sliced(kernel("d0, d1", "d0, d1 + 2", (3, 4)))) == []
    assert slices(sliced(kernel("d0, d1", "d0, 0", (3, 4)))) == []


def test_a_slice_is_looked_through_where_the_kernel_is_scheduled() -> None:
    loops = str(module_at(part_of_the_columns, "3x2xf32,3x4xf32", "loop"))
    assert "extract_slice" not in loops
    assert loops.count("func.func") == 2  # one kernel, which copies nothing
    x, y = torch.randn(3, 2), torch.randn(3, 4)
    torch.testing.assert_close(tsc.script(part_of_the_columns)(x, y), part_of_the_columns(x, y))


def test_symbolic_sizes_are_sliced_by_their_expressions() -> None:
    scripted = tsc.script(part_of_the_columns)
    for rows in range(2, 9):
        x, y = torch.randn(rows, 2), torch.randn(rows + 1, 4)
        torch.testing.assert_close(scripted(x, y), part_of_the_columns(x, y))
    assert slices(scripted.module_at("linalg")) == ["tensor<s1x4xf32> to tensor<s0x2xf32>"]


def part_of_the_columns(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return x + y[: x.size(0), :2]
