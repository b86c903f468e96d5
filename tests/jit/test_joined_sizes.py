# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false
"""Sizes that branches give back, loops carry and lists grow to: native, and the same as PyTorch's."""

from __future__ import annotations

import io
from collections.abc import Callable, Generator
from typing import Any, List  # noqa: UP035

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tsc
from tests.jit.test_found_sizes import hold, require_same
from tsc.options import options

Program = Callable[[Tensor, Tensor], Any]
PROGRAMS: list[Program] = []
COUNTS = (20, 30, 7, 2, 41)
"""The first is compiled for exactly; then one compilation serves all others."""


def program(function: Program) -> Program:
    PROGRAMS.append(function)
    return function


def overlap(a: Tensor, b: Tensor) -> Tensor:
    low, high = torch.max(a[:, :2], b[:2]), torch.min(a[:, 2:], b[2:])
    sides = (high - low).clamp(min=0)
    shared = sides[:, 0] * sides[:, 1]
    area = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])
    return shared / (area + (b[2] - b[0]) * (b[3] - b[1]) - shared)


@program
def chosen_or_none(boxes: Tensor, scores: Tensor):
    keep = scores > 0.5
    if bool(keep.any()):
        chosen = boxes[keep]
    else:
        chosen = boxes[:0]
    return chosen


@program
def at_most_three(boxes: Tensor, scores: Tensor):
    chosen = scores[scores > 0.5]
    if chosen.numel() > 3:
        chosen = chosen[:3]
    return chosen * 2, chosen.shape[0]


@program
def returned_early(boxes: Tensor, scores: Tensor):
    keep = scores > 0.5
    chosen = boxes[keep]
    if chosen.shape[0] == 0:
        return torch.zeros((0, 4)), torch.zeros((0,))
    return chosen * 2, scores[keep]


@program
def joined_after_a_question(boxes: Tensor, scores: Tensor):
    keep = scores > 0.5
    chosen = boxes[keep]
    if chosen.shape[0] == 0:
        return torch.zeros((0, 5))
    return torch.cat([chosen, scores[keep][:, None]], 1)


@program
def narrowed_by_its_largest(boxes: Tensor, scores: Tensor):
    left, total = scores, torch.zeros(())
    while left.numel() > 0:
        total = total + left.max()
        left = left[left < left.max()]
    return total


@program
def suppressed_in_a_mask(boxes: Tensor, scores: Tensor):
    order = scores.argsort(descending=True)
    keep = torch.zeros(boxes.shape[0], dtype=torch.bool)
    while order.numel() > 0:
        i = order[0]
        keep[i] = True
        order = order[1:]
        order = order[overlap(boxes[order], boxes[i]) <= 0.5]
    return keep


@program
def suppressed_in_a_list(boxes: Tensor, scores: Tensor):
    order = scores.argsort(descending=True)
    keep: List[Tensor] = []  # noqa: UP006
    while order.numel() > 0:
        i = order[0]
        keep.append(i)
        order = order[1:]
        order = order[overlap(boxes[order], boxes[i]) <= 0.5]
    return torch.stack(keep)


@program
def suppressed_in_a_list_of_numbers(boxes: Tensor, scores: Tensor):
    x1, x2 = boxes[:, 0], boxes[:, 2]
    _, order = scores.sort(0, descending=True)
    keep: List[int] = []  # noqa: UP006
    while order.numel() > 0:
        if order.numel() == 1:
            keep.append(int(order.item()))
            break
        i = int(order[0].item())
        keep.append(i)
        low = x1[order[1:]].clamp(min=float(x1[i]))
        high = x2[order[1:]].clamp(max=float(x2[i]))
        left = torch.nonzero((high - low).clamp(min=0) <= 0.5).squeeze(1)
        if left.numel() == 0:
            break
        order = order[left + 1]
    return torch.tensor(keep)


@program
def suppressed_up_to_a_count(boxes: Tensor, scores: Tensor):
    order = scores.argsort(descending=True)
    keep = torch.zeros(boxes.shape[0], dtype=torch.int64)
    n = 0
    while order.numel() > 0:
        keep[n] = order[0]
        n += 1
        order = order[1:][overlap(boxes[order[1:]], boxes[order[0]]) <= 0.5]
    return keep[:n]


@program
def no_more_than_ten(boxes: Tensor, scores: Tensor):
    order = torch.argsort(scores, descending=True)
    keep: List[Tensor] = []  # noqa: UP006
    while order.shape[0] > 0 and len(keep) < 10:
        best = boxes[order[0]]
        keep.append(best)
        order = order[1:][overlap(boxes[order[1:]], best) <= 0.5]
    if len(keep) == 0:
        return boxes.new_zeros((0, 4))
    return torch.stack(keep)


@program
def thinned_together(boxes: Tensor, scores: Tensor):
    points, weights = boxes * 1, scores * 1
    for _ in range(100):
        near = (points - points.mean(0)).pow(2).sum(1) < 1.2
        if bool(near.all()):
            break
        points, weights = points[near], weights[near]
    return points, weights


@program
def thinned_until_nothing_goes(boxes: Tensor, scores: Tensor):
    points = boxes * 1
    n = points.shape[0]
    last = n + 1
    while n < last:
        last = n
        points = points[(points - points.mean(0)).pow(2).sum(1) < 1.2]
        n = points.shape[0]
    return points, n


def given(count: int) -> Generator[tuple[Tensor, Tensor]]:
    """Boxes and their scores: some above 0.5, none, all; boxes that are the columns of a tensor."""
    draw = np.random.default_rng(count)
    boxes = torch.zeros(count, 4)
    for shift in (0.0, -5.0, 5.0):
        boxes = torch.from_numpy(draw.random((count, 4), np.float32))
        boxes[:, 2:] += boxes[:, :2]
        yield boxes, torch.from_numpy(draw.random(count, np.float32)) + shift
    yield boxes.t().contiguous().t(), torch.from_numpy(draw.random(2 * count, np.float32))[::2]


@pytest.mark.parametrize("wanted", PROGRAMS, ids=lambda p: p.__name__)
def test_results_are_pytorchs(wanted: Program, strategy: None) -> None:
    compiled: Any = tsc.script(wanted)
    for count in COUNTS:
        for arguments in given(count):
            hold(compiled, wanted, *arguments)
            assert compiled.last.tier == "native", compiled.last.reason
    for arguments in given(1):
        hold(compiled, wanted, *arguments)


class Suppression(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.threshold = 0.5

    def forward(self, boxes: Tensor, scores: Tensor) -> Tensor:
        order = scores.argsort(descending=True)
        keep: List[Tensor] = []  # noqa: UP006
        while order.numel() > 0:
            keep.append(order[0])
            order = order[1:][overlap(boxes[order[1:]], boxes[order[0]]) <= self.threshold]
        return torch.stack(keep)


def test_modules_frozen_and_from_archives() -> None:
    module = Suppression().eval()
    scripted = tsc.script(module)
    archive = io.BytesIO()
    tsc.jit.save(scripted, archive)
    archive.seek(0)
    for compiled in (scripted, tsc.freeze(scripted), tsc.jit.load(archive)):
        for count in (20, 3):
            for arguments in given(count):
                require_same(compiled(*arguments), module(*arguments))


def test_the_verifier_understands_sizes_that_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options(), "is_verified", True)
    for wanted in (chosen_or_none, suppressed_in_a_list, thinned_together):
        compiled: Any = tsc.script(wanted)
        for arguments in given(9):
            require_same(compiled(*arguments), wanted(*arguments))
        assert compiled.last.tier == "native"


def test_rounds_that_nobody_bounds_are_done_in_python() -> None:
    def wanted(x: Tensor):
        kept: List[Tensor] = []  # noqa: UP006
        left = x[x > 0]
        while left.numel() > 1 and len(kept) < 60:
            kept.append(left.sum())
            left = left[: left.numel() // 2] if len(kept) > 50 else left
        return torch.stack(kept)

    compiled: Any = tsc.script(wanted)
    x = torch.arange(20.0)
    for _ in range(2):
        require_same(compiled(x), wanted(x))  # there is room for 20 elements
