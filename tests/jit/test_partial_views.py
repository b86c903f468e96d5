"""Kernels of every kind that read a part of a tensor: slices, pieces, selections, repetitions."""

import linecache
from collections.abc import Callable
from typing import Any

import pytest
import torch

import tsc

VIEWS = [
    "x[:, 0:{n}]", "x[:, {n}:2 * {n}]", "x[:, -{n}:]", "x[:, 0:3 * {n}:3]", "x.chunk(3, 1)[1]",
    "torch.split(x, [{n}, {n}, {n}], 1)[2]", "x.narrow(1, 2, {n})", "x[0:{n}].t()[:, 0:{n}]",
    "(x[:, 0:{n}] * 2 + 1)", "x[:, 1:{n} + 1].contiguous()", "torch.tensor_split(x, 3, 1)[0]",
]  # fmt: skip
READERS = [
    "({v}).sum(1)", "({v}).sum(0)", "({v}).mean()", "torch.amax({v}, 1)", "torch.argmax({v}, 1)",
    "torch.softmax({v}, 1)", "torch.softmax({v}, 0)", "torch.layer_norm({v}, [{n}])", "torch.var({v}, 1)",
    "({v}) @ ({v}).t()", "({v}).t() @ ({v})", "torch.mm(({v}).t(), y)", "torch.mm(y.t(), ({v}))",
    "({v}).unsqueeze(0).expand(3, -1, -1).sum(2)", "torch.relu({v}) * 2", "torch.cat([{v}, {v}], 1).sum(1)",
    "torch.bmm(({v}).unsqueeze(0), ({v}).t().unsqueeze(0))", "(({v}) * ({v}).sum(1, keepdim=True)).sum(0)",
    "torch.nn.functional.conv1d(({v}).unsqueeze(0), w, padding=1)",
    "torch.nn.functional.avg_pool1d(({v}).unsqueeze(0), 2)", "({v}) * ({v}).sum(0, keepdim=True)",
    "({v}).t() / ({v}).t().sum(1, keepdim=True)", "({v}).t() - torch.amax(({v}).t(), 0, keepdim=True)",
]  # fmt: skip
SIZES = [4, 17]
"""Each view is read in each way in one of them."""


def compiled(expression: str) -> Callable[..., torch.Tensor]:
    """``f(x, y, w)`` that returns the expression; its source is where `inspect` looks for it."""
    text = f"def f(x, y, w):\n    return {expression}\n"
    name = f"<partial view {expression}>"
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    scope: dict[str, Any] = {"torch": torch}
    exec(compile(text, name, "exec"), scope)
    return scope["f"]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("view", VIEWS)
def test_a_part_of_a_tensor_is_read_as_pytorch_reads_it(view: str, size: int) -> None:
    torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
    rows = 4 * size if "t()" in view else 2 * size + 1
    arguments = torch.randn(rows, 3 * size), torch.randn(rows, 3), torch.randn(2, rows, 3)
    wrong: list[str] = []
    for reader in READERS[(VIEWS.index(view) + SIZES.index(size)) % 2 :: 2]:
        expression = reader.format(v=view.format(n=size), n=size)
        function = compiled(expression)
        given = arguments
        if "t()[" in view:
            given = arguments[0], torch.randn(3 * size, 3), torch.randn(2, 3 * size, 3)
        script = tsc.script(function)
        got, want = script(*given), function(*given)
        if not torch.allclose(got.to(want.dtype), want, rtol=1e-4, atol=1e-4):
            wrong.append(expression)
        assert script.last is not None, f"{expression}: not compiled"
        assert script.last.is_native, f"{expression}: {script.last.reason}"
    assert not wrong
