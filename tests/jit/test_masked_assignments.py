# pyright: reportUnknownMemberType=false
"""``a[m] = b[m]`` is a choice at each place, in loops too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc


def assigned(a: Tensor, b: Tensor):
    m = a > b
    a[m] = b[m]
    return a * 2


def of_rows(a: Tensor, b: Tensor):
    m = a.sum(-1) > 0
    c = a * 1
    c[m] = b[m]
    return c


def returned(a: Tensor, b: Tensor):
    c = a.t().clone()
    m = c > b.t()
    c[m] = b.t()[m]
    return c


def of_another_mask(a: Tensor, b: Tensor):
    m, n = a > b, a <= b
    c = a.clone()
    c[: m.size(0)][m] = b[n][: int(m.sum())] if bool(n.sum() > m.sum()) else b[m]
    return c


def written_between(a: Tensor, b: Tensor):
    m = a > b
    taken = b[m]
    b.add_(1)
    a[m] = taken
    return a + b


def of_another_dtype(a: Tensor, b: Tensor):
    m = a > b
    c = a.clone()
    c[m] = b.double()[m].float()
    return c


def farthest_points(points: Tensor, count: int):
    chosen = torch.zeros(points.size(0), count, dtype=torch.long)
    distances = torch.full(points.shape[:2], 1e10)
    farthest = torch.zeros(points.size(0), dtype=torch.long)
    batch = torch.arange(points.size(0))
    for i in range(count):
        chosen[:, i] = farthest
        centre = points[batch, farthest].unsqueeze(1)
        distance = ((points - centre) ** 2).sum(-1)
        nearer = distance < distances
        distances[nearer] = distance[nearer]
        farthest = distances.max(-1)[1]
    return chosen


PROGRAMS: list[tuple[Callable[..., Any], str | None]] = [
    (assigned, "native"), (of_rows, "native"), (returned, "native"), (of_another_mask, None),
    (written_between, None), (of_another_dtype, None),
]  # fmt: skip


@pytest.mark.parametrize(("program", "tier"), PROGRAMS)
def test_programs_assign_as_pytorchs(program: Callable[..., Any], tier: str | None) -> None:
    compiled: Any = tsc.script(program)
    for call in range(3):
        given = [torch.randn(4, 5), torch.randn(4, 5)]
        mine, theirs = ([t.clone() for t in given] for _ in range(2))
        got, wanted = compiled(*mine), program(*theirs)
        torch.testing.assert_close([got, *mine], [wanted, *theirs], msg=f"call {call}")
        assert got.stride() == wanted.stride()
    if tier is not None:
        assert {s.tier for s in compiled.specializations()} == {tier}


def test_a_loop_of_masked_assignments_is_native() -> None:
    compiled: Any = tsc.script(farthest_points)
    points = torch.randn(2, 64, 3)
    for count in (4, 16, 40):
        torch.testing.assert_close(compiled(points, count), farthest_points(points, count))
    assert {s.tier for s in compiled.specializations()} == {"native"}
