# pyright: basic, reportOperatorIssue=false, reportReturnType=false, reportAttributeAccessIssue=false
# pyright: reportIncompatibleMethodOverride=false, reportCallIssue=false, reportArgumentType=false, reportIndexIssue=false
"""Small modules that together have everything an archive can hold."""

from enum import Enum
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor, nn


class Dense(nn.Module):
    """Parameters and buffers in submodules."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 4))
        self.norm = nn.BatchNorm1d(4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.norm(self.layers(x)), -1)


class Shared(nn.Module):
    """Memory that several tensors share, with strides and offsets."""

    def __init__(self) -> None:
        super().__init__()
        whole = torch.arange(24.0).reshape(4, 6)
        self.register_buffer("whole", whole)
        self.register_buffer("turned", whole.t())
        self.register_buffer("part", whole[1:3, ::2])
        self.register_buffer("wide", torch.ones(1).expand(5, 4))
        self.register_buffer("empty", torch.empty(0, 3))
        self.weight = nn.Parameter(torch.eye(4))
        self.again = self.weight

    def forward(self, x: Tensor) -> Tensor:
        y = x @ self.weight + self.again.sum()
        return (y @ self.whole) @ self.turned + self.wide[0] + self.part.sum() + self.empty.sum()


class Typed(nn.Module):
    """Tensors of many dtypes."""

    def __init__(self) -> None:
        super().__init__()
        for dtype in (
            torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
            torch.uint8, torch.bool, torch.complex64,
        ):  # fmt: skip
            self.register_buffer(f"of_{str(dtype)[6:]}", torch.ones(3).to(dtype))

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.of_float64 * 2, self.of_float16 + 1, self.of_bfloat16 + 1,
        self.of_int64 + self.of_int32, self.of_int16 + 1,
                self.of_int8 + self.of_uint8, ~self.of_bool, self.of_complex64 * 2, x]  # fmt: skip


class Color(Enum):
    """Numbers with names."""

    RED = 1
    BLUE = 2


class Point(NamedTuple):
    """A tuple with names."""

    x: Tensor
    y: int


class Held(nn.Module):
    """Attributes of every type that is no tensor."""

    point: Point
    color: Color
    maybe: int | None
    lists: dict[str, list[int]]
    fixed: Final[list[int]]

    def __init__(self) -> None:
        super().__init__()
        self.fixed = [1, 2]
        self.point, self.color, self.maybe = Point(torch.ones(4), 4), Color.RED, None
        self.lists, self.numbers = {"a": [1, 2], "b": []}, {1: 2.5}
        self.floats, self.bools, self.words, self.complexes = [1.0], [True, False], ["a", "é"], [1j]
        self.tensors, self.nested = [torch.ones(4), torch.zeros(4)], [[(1, "x")], [(2, "y")]]
        self.device, self.dtype, self.number = torch.device("cpu"), torch.float64, 1 + 2j
        self.mixed, self.large = (1, "a", 2.5, None), 2**40

    def forward(self, x: Tensor) -> tuple[Tensor, str, int]:
        y = x * self.point.x + self.tensors[0]
        if self.color == Color.RED:
            y = y + len(self.lists["a"])
        maybe = self.maybe
        return y, self.words[0] + self.nested[0][0][1], self.fixed[0] + (3 if maybe is None else maybe)


@torch.jit.script
class Counter:
    """A class with methods and state."""

    def __init__(self, start: int) -> None:
        self.count = start
        self.seen = [start]

    def add(self, n: int) -> int:
        """Count on."""
        self.count += n
        self.seen.append(n)
        return self.count


class Classes(nn.Module):
    """Objects made while it runs."""

    def forward(self, x: Tensor) -> tuple[Tensor, list[int]]:
        counter = Counter(1)
        for _ in range(x.dim()):
            counter.add(2)
        return x + counter.count, counter.seen


@torch.jit.interface
class Layer(nn.Module):
    """What all layers do."""

    def forward(self, x: Tensor) -> Tensor:
        pass


class Double(nn.Module):
    """A layer."""

    def forward(self, x: Tensor) -> Tensor:
        return x * 2


class Interfaces(nn.Module):
    """A submodule behind an interface."""

    layer: Layer

    def __init__(self) -> None:
        super().__init__()
        self.layer = Double()

    def forward(self, x: Tensor) -> Tensor:
        return self.layer.forward(x)


class Flow(nn.Module):
    """Control flow, strings, messages, exceptions."""

    limit: Final[int] = 3

    def forward(self, x: Tensor, n: int = 2) -> Tensor:
        total = torch.zeros_like(x)
        for i in range(self.limit):
            if i == n:
                continue
            total = total + x * i
        while bool(total.sum() > 100):
            total = total / 2
        if n > 5:
            raise ValueError(f"too many: {n}")
        words = [str(i) + "%" for i in range(n)]
        return total + len("".join(words)) + sum([i for i in range(4)])


class State(nn.Module):
    """Saved by a method of its own, and restored by another."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.ones(4)
        self.factor = 3

    @torch.jit.export
    def __getstate__(self) -> tuple[Tensor, int, bool]:
        return self.weight * 2, self.factor, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[Tensor, int, bool]) -> None:
        self.weight = state[0] / 2
        self.factor = state[1]
        self.training = state[2]

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight * self.factor


class Convolution(nn.Module):
    """Windows, and a loop over modules."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 1, 1)])
        self.named = nn.ModuleDict({"a b": nn.MaxPool2d(2)})

    def forward(self, x: Tensor) -> Tensor:
        y = x.reshape(1, 1, -1, 4)
        for block in self.blocks:
            y = torch.relu(block(y))
        return self.named["a b"](y)


class Methods(nn.Module):
    """Several methods, a hook, a function called, constants made in code."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(5, 4)
        self.register_forward_hook(doubled)

    @torch.jit.export
    def other(self, x: Tensor, scale: float = 0.5) -> dict[str, Tensor]:
        """Another method."""
        return {"x": x * scale, "c": torch.tensor([1.5, 2.5])}

    def forward(self, x: Tensor) -> Tensor:
        y = combined(self.other(x, scale=2.0)["x"])
        return y + self.table(torch.tensor([1, 2]))[0] + torch.tensor([0.1, 0.2, 0.3, 0.4])


def doubled(module: Any, inputs: tuple[Tensor], result: Tensor) -> Tensor:
    """A hook."""
    return result * 2


def combined(x: Tensor, n: int = 2) -> Tensor:
    """A function that a module calls."""
    return torch.sigmoid(x - n) * x.size(0)


MODULES: tuple[type[nn.Module], ...] = (
    Dense, Shared, Typed, Held, Classes, Interfaces, Flow, State, Convolution, Methods,
)  # fmt: skip
