# pyright: reportUnknownMemberType=false
"""The short way of functions in parts gives what the long way gives."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tsc

Pair = NamedTuple("Pair", [("first", Tensor), ("second", Tensor)])  # noqa: UP014  (types, not their names)


class Filled(nn.Module):
    """Sizes depend on elements, so that Python runs it; it remembers how often, and writes to an argument."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.count: int = 0

    def forward(self, x: Tensor, names: list[str], seen: Tensor) -> tuple[dict[str, Tensor], Tensor, int]:
        found: dict[str, Tensor] = {}
        for name in names:
            found[name] = torch.relu(self.linear(x))
            found[name + " kept"] = torch.unique(x, dim=0)
            x = x + 1
        self.count += 1
        seen.add_(1)
        return found, seen, self.count


@pytest.fixture(params=["frozen", "live"])
def both(request: pytest.FixtureRequest) -> tuple[Any, Filled]:
    module, wanted = Filled().eval(), Filled().eval()
    wanted.load_state_dict(module.state_dict())
    compiled: Any = tsc.script(module)
    return (
        tsc.freeze(compiled, preserved_attrs=["count"]) if request.param == "frozen" else compiled
    ), wanted


def test_results_arguments_and_state_are_those_of_the_program(both: tuple[Any, Filled]) -> None:
    compiled, wanted = both
    with torch.no_grad():
        for step in range(5):
            x, seen, other = torch.full((2, 4), float(step)), torch.zeros(3), torch.zeros(3)
            got = compiled(x, ["a", "b"], seen)
            torch.testing.assert_close(got, wanted(x, ["a", "b"], other))
            assert got[1] is seen
            assert torch.equal(seen, other)
        assert compiled.count == wanted.count
        assert "mixed" in str(compiled.specializations())
        method = compiled.forward
        assert method._fast is not method._dispatch
        assert any(method._fast is way.run for way in method._versions.newest.tensor_calls.values())


def test_others_take_the_long_way(both: tuple[Any, Filled]) -> None:
    compiled, wanted = both
    x = torch.ones(2, 4)
    with torch.no_grad():
        for _ in range(4):
            compiled(x, ["a", "b"], torch.zeros(3))
            wanted(x, ["a", "b"], torch.zeros(3))
        for given in (x.double().float(), x[:0], torch.ones(4), torch.ones(3, 2, 4), x.t().contiguous().t()):
            for names in (["a", "b"], ["b"], []):
                got = compiled(given, names, torch.zeros(3))
                torch.testing.assert_close(got, wanted(given, names, torch.zeros(3)))
        with pytest.raises(RuntimeError):
            compiled(torch.ones(2, 5), ["a", "b"], torch.zeros(3))


def test_gradients_are_recorded_where_they_are_wanted(both: tuple[Any, Filled]) -> None:
    compiled, wanted = both
    with torch.no_grad():
        for _ in range(4):
            compiled(torch.ones(2, 4), ["a"], torch.zeros(3))
    x = torch.ones(2, 4, requires_grad=True)
    compiled(x, ["a"], torch.zeros(3))[0]["a"].sum().backward()
    y = torch.ones(2, 4, requires_grad=True)
    wanted(y, ["a"], torch.zeros(3))[0]["a"].sum().backward()
    torch.testing.assert_close(x.grad, y.grad)


def test_one_tensor_given_twice_is_one() -> None:
    def program(pair: Pair, names: list[str]) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name in names:
            pair.first.add_(1)
            found[name] = pair.second * 2
            found[name + " kept"] = pair.first.repeat_interleave((pair.first > 1).to(torch.int64))
        return found

    compiled: Any = tsc.script(program)
    for _ in range(4):
        compiled(Pair(torch.zeros(2), torch.zeros(2)), ["a", "b"])
    x, y = torch.zeros(2), torch.zeros(2)
    torch.testing.assert_close(compiled(Pair(x, x), ["a", "b"]), program(Pair(y, y), ["a", "b"]))
    assert torch.equal(x, y)


def test_arrays_come_back_as_arrays() -> None:
    def program(x: Tensor, names: list[str]) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name in names:
            found[name] = torch.tanh(x) * 2
            found[name + " kept"] = x.repeat_interleave((x > 1).to(torch.int64))
        return found

    compiled: Any = tsc.script(program)
    x = np.ones(3, np.float32)
    assert all(isinstance(compiled(x, ["a"])["a"], np.ndarray) for _ in range(4))


def thinned(boxes: Tensor, scores: Tensor, threshold: float) -> list[int]:
    """Non-maximum suppression: parts are called with columns of a matrix, and with fewer rows each round."""
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order = torch.argsort(scores, descending=True)
    keep: list[int] = []
    while order.numel() > 0:
        i = int(order[0])
        keep.append(i)
        rest = order[1:]
        low = torch.maximum(boxes[i, :2], boxes[rest, :2])
        high = torch.minimum(boxes[i, 2:], boxes[rest, 2:])
        both = (high - low).clamp(min=0).prod(1)
        order = rest[both / (area[i] + area[rest] - both) <= threshold]
    return keep


def test_parts_find_the_code_for_the_sizes_of_each_round() -> None:
    compiled: Any = tsc.script(thinned)
    generator = np.random.default_rng(0)
    for count in (12, 12, 30, 7, 12, 1, 0, 30):
        corners = generator.random((count, 2), np.float32) * 8
        sizes = generator.random((count, 2), np.float32) * 4
        boxes = torch.from_numpy(np.concatenate([corners, corners + sizes], 1))
        scores = torch.from_numpy(generator.random(count, np.float32))
        assert compiled(boxes, scores, 0.3) == thinned(boxes, scores, 0.3)
        turned = boxes.t().contiguous().t()
        assert compiled(turned, scores, 0.3) == thinned(boxes, scores, 0.3)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_what_a_mask_takes_lies_as_in_pytorch(order: tuple[int, int]) -> None:
    def program(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        return x[mask], x[mask[:, 0]]

    compiled: Any = tsc.script(program)
    x = torch.arange(6.0).reshape(3, 2).permute(order).contiguous().permute(order)
    mask = x > 1
    for _ in range(3):
        for got, wanted in zip(compiled(x, mask), program(x, mask), strict=True):
            torch.testing.assert_close(got, wanted)
            assert got.stride() == wanted.stride()
    empty: Any = compiled(x[:0], mask[:0])
    assert [tuple(part.shape) for part in empty] == [(0,), (0, 2)]
