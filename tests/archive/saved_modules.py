# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false, reportMissingParameterType=false, reportUntypedFunctionDecorator=false, reportUninitializedInstanceVariable=false, reportReturnType=false, reportAttributeAccessIssue=false
"""Modules with everything an archive can hold."""

from enum import Enum
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn


class Color(Enum):
    RED = 1
    BLUE = 2


class Name(Enum):
    A = "a"
    B = "b"


class Point(NamedTuple):
    x: Tensor
    y: int


class Affine(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.arange(12.0).reshape(3, 4))
        self.register_buffer("b", torch.arange(4))

    def forward(self, x):
        return x @ self.w + self.b


class Everything(nn.Module):
    """Attributes of every type, shared memory, several methods, constants."""

    __constants__ = ("k",)
    point: Point
    color: Color
    maybe: int | None
    maybe_tensor: Tensor | None
    lists: dict[str, list[int]]
    fixed: Final[list[int]]

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([Affine(), nn.Identity()])
        self.named = nn.ModuleDict({"a b": Affine(), "c": nn.Identity()})
        self.k, self.fixed = 3, [1, 2]
        self.point, self.color, self.name = Point(torch.ones(2), 4), Color.RED, Name.B
        self.maybe, self.maybe_tensor, self.none = None, torch.ones(3), None
        self.lists, self.numbers = {"a": [1, 2]}, {1: 2.5}
        self.floats, self.bools, self.words, self.complexes = [1.0, 2.0], [True], ["a", "b"], [1j]
        self.tensors = [torch.ones(2), torch.zeros(1)]
        self.nested = [[(1, "x")], [(2, "y"), (3, "z")]]
        self.device, self.dtype, self.complex = torch.device("cpu"), torch.float64, 1 + 2j
        self.text, self.mixed = "é\n\"'", (1, "a", 2.5, None)
        self.large, self.negative, self.tiny = 2**40, -5, 1e-300
        self.base = torch.arange(16.0).reshape(4, 4)
        self.register_buffer("transposed", self.base.t())
        self.register_buffer("rows", self.base[1:3, ::2])
        self.same = self.base
        self.broadcast = torch.ones(1, 3).expand(4, 3)
        self.float16, self.brain = torch.ones(2, dtype=torch.float16), torch.ones(2, dtype=torch.bfloat16)
        self.truth, self.scalar = torch.tensor([True, False]), torch.tensor(3.5)
        self.empty, self.imaginary = torch.zeros(0, 3), torch.ones(2, dtype=torch.complex64)
        self.bytes, self.doubles = torch.arange(3, dtype=torch.uint8), torch.ones(2, dtype=torch.float64)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x + torch.tensor([1.0, 2.0, 3.0, 4.0]) * self.k

    @torch.jit.export
    def plain(self):
        return (
            (self.point, self.maybe, self.maybe_tensor, self.lists, self.numbers, self.floats),
            (self.bools, self.words, self.complexes, self.tensors, self.nested, self.device, self.dtype),
            (self.complex, self.text, self.mixed, self.large, self.negative, self.tiny, self.none),
            self.color.value + self.fixed[1],
            self.name.value,
        )

    @torch.jit.export
    def memory(self):
        self.base.add_(1)
        return (
            (self.base, self.transposed, self.rows, self.same, self.broadcast),
            (self.float16, self.brain, self.truth, self.scalar, self.empty, self.imaginary),
            (self.bytes, self.doubles),
        )

    @torch.jit.export
    def moved(self, p: Point, c: Color, n: int = 3, q: int | None = None) -> Point:
        if c == Color.BLUE:
            return Point(p.x, n)
        return Point(p.x + self.helper(n), p.y)

    def helper(self, n: int) -> int:
        return n + self.k

    def not_saved(self, *anything: Any) -> None:
        raise RuntimeError(anything)

    @torch.jit.export
    def count(self, n: int) -> int:
        self.negative += n
        self.maybe = n
        return self.negative


@torch.jit.script
class Counter:
    def __init__(self, start: int) -> None:
        self.n = start
        self.seen = torch.zeros(2)

    def add(self, n: int = 2) -> int:
        self.n += n
        self.seen.add_(n)
        return self.n


class HoldsObject(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.counter = Counter(7)

    def forward(self, x: Tensor) -> Tensor:
        fresh = Counter(self.counter.add())
        return x + fresh.add(5) + self.counter.seen


@torch.jit.interface
class Step(nn.Module):
    def forward(self, x: Tensor, k: int) -> Tensor:
        pass


class AddStep(nn.Module):
    def forward(self, x: Tensor, k: int) -> Tensor:
        return x + k


class HoldsInterface(nn.Module):
    step: Step

    def __init__(self) -> None:
        super().__init__()
        self.step = AddStep()

    def forward(self, x: Tensor) -> Tensor:
        return self.step.forward(x, 3)
