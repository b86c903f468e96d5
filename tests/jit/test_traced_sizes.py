# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Archives of traces, which compute sizes with tensors: one specialization serves all sizes."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch

import tsc
from tests.jit.symbolic_programs import PROGRAMS, SHAPES, Program
from tests.jit.test_symbolic_sizes import copied, made, require_same

pytestmark = pytest.mark.usefixtures("strategy")
OTHERS = {"returns_several", "takes_a_dict", "divides_sizes"}
"""PyTorch traces no dicts; a divisor that may be 0 stays a tensor, which raises what PyTorch's raises."""


def loaded(traced: Any) -> Any:
    """A frozen archive of a trace."""
    file = io.BytesIO()
    torch.jit.save(traced, file)
    file.seek(0)
    return tsc.freeze(tsc.load(file).eval())


@pytest.mark.parametrize("name", sorted(PROGRAMS.keys() - OTHERS))
def test_one_specialization_serves_all_sizes_of_a_trace(name: str) -> None:
    torch.manual_seed(0)
    case: Program = PROGRAMS[name]
    first = [make(*SHAPES[0]) for make in case.arguments]
    traced: Any = torch.jit.trace(case.function, tuple(map(copied, first)), check_trace=False)
    module = loaded(traced)
    count = 0
    for sizes in SHAPES:
        arguments = [make(*sizes) for make in case.arguments]
        try:
            want = traced(*map(copied, arguments))
        except RuntimeError:
            continue  # a size became a constant of the trace
        require_same(module(*arguments), want)
        count += 1
    assert count > 2
    assert made(module.forward).symbolic is not None


def test_a_size_is_also_a_tensor_and_counts_what_is_written() -> None:
    def f(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        rows, columns = x.shape
        padded = torch.zeros(rows + 1, columns)
        padded[1:] = x * 2
        places = torch.arange(rows * columns)
        shown = x.view(rows, columns // 2, 2).sum(-1) + columns, torch.arange(columns - 1) + x[:, 1:]
        return padded, *shown, torch.div(places, columns, rounding_mode="floor"), places % columns

    traced: Any = torch.jit.trace(f, (torch.randn(3, 8),))
    module = loaded(traced)
    for shape in ((3, 8), (4, 6), (5, 10), (7, 4)):
        x = torch.randn(shape)
        require_same(module(x), traced(x))
    assert len(module.forward.compiled.table) == 2
    assert made(module.forward).symbolic is not None
