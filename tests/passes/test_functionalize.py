# pyright: reportUnknownMemberType=false
"""`functionalize`: which programs become programs over values, and that none of them changes its meaning."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc
from tests.passes.programs import module_at
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp

Program = Callable[..., Any]


def through_a_row(x: Tensor) -> Tensor:
    y = x * 2
    y[1].relu_()
    return y


def through_views_of_views(x: Tensor) -> Tensor:
    y = x * 2
    y.t()[1:].unsqueeze(0)[:, 0].add_(1)
    y.permute(1, 0).diagonal().mul_(3)
    return y + x


def views_read_after_a_write(x: Tensor) -> Tensor:
    y = x * 2
    row, turned = y[0], y.t()
    y.add_(1)
    return row + turned[:, 0]


def held_in_a_tuple(x: Tensor) -> tuple[Tensor, Tensor]:
    y = x * 2
    pair = (y, y[0])
    y.add_(1)
    return pair


def flattened(x: Tensor) -> Tensor:
    y = (x * 2).flatten()
    y.relu_()
    return y


def converted(x: Tensor) -> Tensor:
    y = x.double()
    y -= 1
    return y


def argument(x: Tensor) -> Tensor:
    x.add_(1)
    return x * 2


def argument_returned(x: Tensor) -> tuple[Tensor, Tensor]:
    x[1].add_(1)
    return x, x.t()[1:]


def element_of_a_dict(x: Tensor) -> Tensor:
    y = x * 2
    held = {"a": y}
    held["a"].add_(1)
    return y


def meshed(x: Tensor) -> Tensor:
    y = x[0] * 2
    a, b = torch.meshgrid([y, y], indexing="ij")
    y.add_(1)
    return a + b


def joined_while_a_list_grows(x: Tensor) -> Tensor:
    items = [x * 2]
    items.append(torch.cat(items).relu_())
    items.append(torch.cat(items).sub(1).relu_())
    return torch.cat(items)


def copied_onto_itself(x: Tensor) -> Tensor:
    y = x * 2
    piece = y[1:].select(1, 0)
    piece.add_(1)
    y[1:].select(1, 0).copy_(piece)  # how ``y[1:, 0] += 1`` is traced
    return y


def sized_by_a_tensor(x: Tensor) -> Tensor:
    count = torch.tensor(x.size(0)) * 2
    y = torch.ones(int(count), int(count // 2), dtype=x.dtype)
    y[: x.size(0)].add_(x)
    return y


def repeated_by_a_tensor(x: Tensor) -> Tensor:
    count = torch.tensor(x.size(0)) // x.size(0) + 1
    y = x.repeat_interleave(count, 0)
    y[: x.size(0)].add_(x)
    return y


def copied_to_be_contiguous(x: Tensor) -> Tensor:
    y = torch.zeros(2, 3, dtype=x.dtype).add(x[:2, :1].contiguous())
    z = torch.ones(2, 3, dtype=x.dtype).t().contiguous()
    z[:, 0].add_(1)
    return z.t() + y


def contiguous_in_a_loop(x: Tensor) -> Tensor:
    y = x * 2
    n = 0
    while n < int(x.sum().abs()) % 3 + 1:
        n += 1
        x.contiguous().add_(1)
        y.t().contiguous().add_(1)
    return y + x


def multiplied_by_einsum(x: Tensor) -> Tensor:
    y = x * 2
    z = torch.einsum("ij,jk->ki", y, x)
    y.add_(1)
    z.t().mul_(2)
    return y + z


def of_the_type_of_what_is_written(x: Tensor) -> Tensor:
    y = x * 2
    z = (x > 0).type_as(y)
    y.add_(z)
    return y


def filled_in_pieces(x: Tensor) -> Tensor:
    y = x.new_empty(x.size(0), 6)
    y[:, :3] = x
    y[:, 3:] = torch.empty_like(x).copy_(x * 2)
    return y + 1


def copied_onto_another_piece(x: Tensor) -> Tensor:
    y = x * 2
    y[0].copy_(y[1])
    y[:, 0].add_(y[:, 2])
    return y


def scaled_in_steps(x: Tensor) -> Tensor:
    y = x * 2
    y[::2, 1:].mul_(3)
    y.diagonal(1).fill_(5.0)
    return y


FOLLOWED = [
    filled_in_pieces, copied_onto_itself, copied_onto_another_piece, scaled_in_steps, sized_by_a_tensor,
    repeated_by_a_tensor, copied_to_be_contiguous, multiplied_by_einsum, of_the_type_of_what_is_written,
    joined_while_a_list_grows, argument, argument_returned, through_a_row, through_views_of_views,
    views_read_after_a_write, held_in_a_tuple, flattened, converted, element_of_a_dict, meshed,
]  # fmt: skip


def element_of_a_growing_list(x: Tensor) -> Tensor:
    y = x * 2
    items = [y]
    first = items[0]
    items.append(x)
    items[0].add_(1)
    return y + first


def piece_of_unknown_size(x: Tensor) -> Tensor:
    y = torch.masked_select(x, x > 0)
    y.split(1)[0].zero_()
    return y


def result_of_a_branch(x: Tensor) -> Tensor:
    y, z = x * 2, x * 3
    w = y if bool(x.sum() > 0) else z
    w.add_(1)
    return y + z


def reshaped_then_read(x: Tensor) -> Tensor:
    y = x.t() * 2
    z = y.reshape(-1)
    z.add_(1)
    return y


def summed_as_einsum(x: Tensor) -> Tensor:
    y = x * 2
    torch.einsum("ij->ji", y).add_(1)
    return y


def turned_in_place(x: Tensor) -> Tensor:
    y = x * 2
    y.t_()
    return y


def overlapping(x: Tensor) -> Tensor:
    y = x[0] * 2
    y[1:].add_(y[:-1].clone())
    return y


def copied_onto_a_piece_beside(x: Tensor) -> Tensor:
    y = x * 2
    y[0].copy_(y[:, 0])  # one element is in both
    return y


def sized_by_a_tensor_that_is_written(x: Tensor) -> Tensor:
    count = torch.tensor(x.size(0))
    count.add_(1)
    y = torch.ones(int(count), 3, dtype=x.dtype)
    y[: x.size(0)].add_(x)
    return y


def contiguous_argument(x: Tensor) -> Tensor:
    z = x.t().contiguous()  # which of an argument with columns is no copy
    z.add_(1)
    return z + x


NOT_FOLLOWED = [
    copied_onto_a_piece_beside, contiguous_argument, contiguous_in_a_loop,
    element_of_a_growing_list, piece_of_unknown_size, result_of_a_branch,
    reshaped_then_read, summed_as_einsum, turned_in_place,
]  # fmt: skip


def writes(program: Program) -> bool:
    """Whether the program still writes at stage `value`."""
    function = module_at(program, "3x3xf32", "value")
    return any(isinstance(op, AtenOp) and op.schema.mutates for op in function.walk())


@pytest.mark.parametrize("program", FOLLOWED, ids=lambda p: p.__name__)
def test_writes_become_values_where_every_name_is_followed(program: Program) -> None:
    assert not writes(program)
    kinds = [r.type for op in module_at(program, "3x3xf32", "value").walk() for r in op.results]
    assert all(isinstance(k, tt.ValueTensorType) for k in kinds if isinstance(k, tt.TensorType))


@pytest.mark.parametrize("program", NOT_FOLLOWED, ids=lambda p: p.__name__)
def test_writes_stay_where_a_name_is_not_followed(program: Program) -> None:
    assert writes(program)


@pytest.mark.parametrize(
    "program",
    [*FOLLOWED, *NOT_FOLLOWED, overlapping, sized_by_a_tensor_that_is_written],
    ids=lambda p: p.__name__,
)
def test_programs_that_write_do_what_they_do_in_pytorch(program: Program) -> None:
    x = torch.arange(9.0).reshape(3, 3) - 4
    theirs, mine, again = x.clone(), x.clone(), x.clone()
    want = program(theirs)
    function = tsc.script(program)
    torch.testing.assert_close(function(mine), want)
    torch.testing.assert_close(function(again), want)
    torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("program", FOLLOWED, ids=lambda p: p.__name__)
def test_programs_over_values_are_native(program: Program) -> None:
    function = tsc.script(program)
    for _ in range(2):
        function(torch.ones(3, 3))
    assert function.last.is_native


@pytest.mark.parametrize(
    ("program", "error"),
    [
        (lambda: torch.zeros(3).expand(2, 3), "more than one element"),
        (lambda: torch.zeros(3, dtype=torch.int64), "can't be cast"),
    ],
)
def test_writes_that_do_not_fit_raise(program: Program, error: str) -> None:
    def add(x: Tensor, y: Tensor) -> Tensor:
        return y.add_(x)

    with pytest.raises(RuntimeError, match=error):
        tsc.script(add)(torch.ones(3), program())
