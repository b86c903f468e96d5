# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Results lie in memory as PyTorch's do, whatever computes them and however the arguments lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import tsc
from tests.jit.laid_out import ARGUMENTS, PROGRAMS, normalized, pointwise, product, strides, tensors


@pytest.mark.parametrize("argument", ARGUMENTS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_results_have_pytorchs_strides(program: Callable[[Tensor], Any], argument: str) -> None:
    make = ARGUMENTS[argument]
    scripted: Any = tsc.script(program)
    want = tensors(program(make()))
    for _ in range(3):
        got = tensors(scripted(make()))
        assert [strides(t) for t in got] == [strides(t) for t in want]
        assert all(torch.allclose(a, b) for a, b in zip(got, want, strict=True))


@pytest.mark.filterwarnings("ignore")
def test_what_is_computed_of_constants_has_pytorchs_strides() -> None:
    class Turned(torch.nn.Module):
        state: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("state", torch.arange(20.0).reshape(4, 5))

        def forward(self) -> tuple[Tensor, Tensor, Tensor]:
            turned = self.state.t() * 2
            return turned, torch.zeros_like(self.state.mT), torch.nonzero(self.state)

    frozen: Any = tsc.freeze(tsc.script(Turned().eval()))
    for _ in range(2):
        assert [t.stride() for t in frozen()] == [t.stride() for t in Turned()()]


def test_one_specialization_knows_several_orders() -> None:
    scripted: Any = tsc.script(pointwise)
    image = torch.arange(120.0).reshape(2, 3, 4, 5)
    for _ in range(2):
        for layout in (image, image.to(memory_format=torch.channels_last), image.permute(3, 2, 1, 0)):
            x = layout.permute(0, 1, 2, 3) if layout.shape == image.shape else layout.permute(3, 2, 1, 0)
            assert scripted(x).stride() == pointwise(x).stride()


def test_row_major_functions_keep_the_direct_entry() -> None:
    for program in (pointwise, product, normalized):
        scripted: Any = tsc.script(program)
        scripted(torch.ones(4, 5))
        (made,) = scripted.compiled.table.values()
        assert made.is_native
        assert (made.native is not None) == (program is not product)


def composed_in_a_loop(x: Tensor, start: Tensor) -> Tensor:
    result = start
    rounds = 0
    while rounds < 2:
        rounds += 1
        result = torch.log_softmax(x, 1)
    return result.zero_()


def test_what_is_composed_lies_as_its_operator_says_in_python_too() -> None:
    """The loop carries tensors of several shapes, so it runs in Python, around kernels of the parts."""
    x, start = torch.randn(2, 7, 7, 2).transpose(-1, -2), torch.ones(3)
    function = tsc.script(composed_in_a_loop)
    for _ in range(2):
        assert function(x, start).stride() == composed_in_a_loop(x, start).stride()


def copied_in_a_loop(x: Tensor, start: Tensor) -> Tensor:
    result = start
    rounds = 0
    while rounds < 2:
        rounds += 1
        result = x.t().contiguous() * 2
    return result.zero_()


def made_in_a_loop(x: Tensor, start: Tensor) -> Tensor:
    result = start
    rounds = 0
    while rounds < 2:
        rounds += 1
        result = torch.ones_like(x.t()) * 2
    return result.zero_()


def made_of_padding(x: Tensor, start: Tensor) -> Tensor:
    return torch.ones_like(torch.nn.functional.pad(x, [0, 1]).t()) * 2


def zeros_with_a_column(x: Tensor, start: Tensor) -> Tensor:
    made = torch.zeros_like(x.t())
    made[:, -1] = made[:, 0].clone()
    return made


@pytest.mark.parametrize("program", [copied_in_a_loop, made_in_a_loop, made_of_padding, zeros_with_a_column])
@pytest.mark.parametrize("x", [torch.randn(4, 6), torch.randn(6, 4).t()], ids=["rows", "columns"])
def test_what_is_computed_of_what_lies_otherwise_lies_as_that(
    program: Callable[[Tensor, Tensor], Tensor], x: Tensor
) -> None:
    """Copies and tensors of ones are not left out, nor folded, where results lie as they do."""
    start = torch.ones(3)
    function = tsc.script(program)
    for _ in range(2):
        assert function(x, start).stride() == program(x, start).stride()


def odd_rows(x: Tensor) -> Tensor:
    return torch.zeros_like(x)[1::2]


def five_columns(x: Tensor) -> Tensor:
    return (x * 2)[:, :5]


def first_rows(x: Tensor) -> Tensor:
    return (x * 2)[:2]


def first_column(x: Tensor) -> Tensor:
    return (x + 1)[:, 0]


def expanded_rows(x: Tensor) -> Tensor:
    return (x + 1).unsqueeze(1).expand(x.size(0), 3, x.size(1))


def of_a_branch(x: Tensor) -> Tensor:
    y = x + 1 if bool(x.sum() > 0) else x * 2
    return y[:, 0]


def real_part(x: Tensor) -> Tensor:
    return torch.complex(x, x).real


def columns_turned(x: Tensor) -> Tensor:
    return (x + 1).flatten().view(x.size(1), x.size(0))[:, ::2].t()


OF_SIZES = [
    odd_rows, five_columns, first_rows, first_column, expanded_rows, of_a_branch, real_part, columns_turned,
]  # fmt: skip


@pytest.mark.parametrize("is_turned", [False, True])
@pytest.mark.parametrize("program", OF_SIZES)
@pytest.mark.usefixtures("for_all_sizes")
def test_what_is_compiled_for_all_sizes_has_the_strides_of_each(
    program: Callable[[Tensor], Tensor], is_turned: bool
) -> None:
    """Also where the first sizes hide them: a dim has one element, or nothing is left out."""
    scripted: Any = tsc.script(program)
    for rows, columns in ((3, 5), (2, 5), (4, 5), (5, 1), (6, 1), (9, 5), (4, 9), (8, 8)):
        x = torch.randn(columns, rows).t() if is_turned else torch.randn(rows, columns)
        for _ in range(2):
            assert strides(scripted(x)) == strides(program(x))


WEIGHT = torch.randn(6, 5, 3, 3)
IMAGES: dict[str, Callable[[Tensor], Tensor]] = {
    "a convolution": lambda x: F.conv2d(x, WEIGHT, padding=1),
    "a transposed convolution": lambda x: F.conv_transpose2d(x, WEIGHT.transpose(0, 1).contiguous()),
    "maxima": lambda x: F.max_pool2d(x, 2),
    "means": lambda x: F.avg_pool2d(x, 3, 2, 1),
    "one mean": lambda x: F.adaptive_avg_pool2d(x, 1),
    "means of uneven windows": lambda x: F.adaptive_avg_pool2d(x, (3, 3)),
    "copies": lambda x: F.interpolate(x, scale_factor=2.0),
    "interpolation": lambda x: F.interpolate(x, scale_factor=2.0, mode="bilinear"),
    "a norm": lambda x: F.batch_norm(x, torch.zeros(5), torch.ones(5)),
    "groups": lambda x: F.group_norm(x, 5),
    "zeros": lambda x: F.pad(x, [1, 2, 3, 0]),
    "mirrors": lambda x: F.pad(x, [1, 2, 3, 0], mode="reflect"),
    "shuffles": lambda x: F.channel_shuffle(x, 5),
    "joined": lambda x: torch.cat([x, x + 1], 1),
    "joined with another": lambda x: torch.cat([x, x.contiguous()], 1),
    "stacked": lambda x: torch.stack([x, x + 1], 1),
    "rolled": lambda x: x.roll(1, 2),
    "a block": lambda x: F.max_pool2d(F.relu(F.conv2d(x, WEIGHT)), 2) * 2,
}  # fmt: skip


@pytest.mark.parametrize("what", IMAGES)
@pytest.mark.parametrize("batch", [1, 2])
def test_images_with_channels_last_stay_so(what: str, batch: int) -> None:
    program = IMAGES[what]
    x = torch.randn(batch, 5, 6, 4)
    last = x.contiguous(memory_format=torch.channels_last)
    function: Any = tsc.trace(program, (x,), check_trace=False)
    for given in (x, last, last, x.permute(0, 1, 3, 2), last):
        got, want = function(given), program(given)
        assert got.stride() == want.stride()
        torch.testing.assert_close(got, want)
    assert function.last.is_native


def test_the_layout_of_images_can_be_asked_for() -> None:
    def program(x: Tensor) -> tuple[bool, Tensor]:
        y = F.interpolate(x, scale_factor=2.0, mode="bilinear")
        return y.is_contiguous(), y

    function: Any = tsc.script(program)
    x = torch.randn(2, 5, 6, 4)
    for given in (x, x.contiguous(memory_format=torch.channels_last), x):
        for _ in range(2):
            (is_contiguous, y), want = function(given), program(given)
            assert (is_contiguous, y.stride()) == (want[0], want[1].stride())


@pytest.mark.parametrize("convolve", [F.conv1d, F.conv_transpose1d])
def test_lines_have_their_channels_last_where_filters_do(
    convolve: Callable[[Tensor, Tensor], Tensor],
) -> None:
    def program(x: Tensor, weight: Tensor) -> Tensor:
        return convolve(x, weight)

    function: Any = tsc.trace(program, (torch.ones(2, 6, 7), torch.ones(6, 6, 3)), check_trace=False)
    lines, filters = torch.randn(2, 6, 7), torch.randn(6, 6, 3)
    for x in (lines, lines.mT.contiguous().mT):
        for weight in (filters, filters.mT.contiguous().mT):
            got, want = function(x, weight), program(x, weight)
            assert got.stride() == want.stride()
            torch.testing.assert_close(got, want)


def summed_up(x: Tensor) -> Tensor:
    y = x.t() * 2
    y.cumsum_(0)
    return y


def scattered_through_a_view(x: Tensor) -> Tensor:
    y = x.sum([0])
    z = y.t()
    z.scatter_add_(0, torch.zeros_like(z, dtype=torch.int64), y.t().clone())
    return z


def seen_both_ways(x: Tensor) -> tuple[Tensor, Tensor]:
    y = x * 2
    z = y.t()
    z.cumsum_(0)
    return y, z


def parts(result: Tensor | tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return (result,) if isinstance(result, Tensor) else result


@pytest.mark.parametrize("program", [summed_up, scattered_through_a_view, seen_both_ways])
def test_what_is_written_lies_as_it_did(program: Callable[[Tensor], Any]) -> None:
    function: Any = tsc.script(program)
    for rows, columns in ((2, 8), (2, 8), (3, 5), (4, 7), (7, 4)):
        x = (
            torch.randn(3, rows, columns)
            if program is scattered_through_a_view
            else torch.randn(rows, columns)
        )
        got, want = parts(function(x)), parts(program(x))
        for mine, theirs in zip(got, want, strict=True):
            assert mine.stride() == theirs.stride()
            torch.testing.assert_close(mine, theirs)
    assert function.last.is_native
