# type: ignore
# ruff: noqa
"""Programs whose objects and modules are written through several names, and what calls accept of Python's values."""

import collections
import enum
import torch
from typing import *
from torch import Tensor, nn

M = torch.arange(6.0).reshape(2, 3)


class Colour(enum.Enum):
    RED = 1


class Weight(enum.Enum):
    LIGHT = 1.5


class Holder:
    def __init__(self, l: List[int]):
        self.l = l

    def __enter__(self) -> int:
        self.l.append(1)
        return 7

    def __exit__(self, a: Any, b: Any, c: Any) -> None:
        self.l.append(2)

    def push(self, n: int) -> int:
        self.l.append(n)
        return n


def written_through_a_method(l: List[int]):
    h = Holder(l)
    h.push(5)
    return l


def written_before_it_is_read(l: List[int]):
    h = Holder(l)
    c = h.push(5)
    l.append(c)
    return l, h.l


def contexts_run(l: List[int]):
    with Holder(l) as c:
        l.append(c)
    with Holder(l), Holder(l) as d:
        l.append(d)
    return l


def contexts_and_returns(l: List[int]):
    with Holder(l) as c:
        if len(l) > 1:
            return c
    return 5


def contexts_and_continue(l: List[int]):
    for i in range(2):
        with Holder(l):
            if i == 0:
                continue
            l.append(9)
    return l


class Tensors:
    def __init__(self, t: Tensor):
        self.t = t
        self.seen: Dict[str, Tensor] = {}

    def update(self, k: str, v: Tensor) -> None:
        self.seen[k] = v
        self.t = self.t + v
        self.t.add_(1)


def scale(o: Tensors) -> None:
    o.t.mul_(10)


def tensors_written_by_methods(x: Tensor):
    o = Tensors(x)
    for i in range(3):
        o.update(str(i), x * i)
    return o.t, o.seen, x


def tensor_written_by_a_function(x: Tensor):
    y = x.clone()
    o = Tensors(y)
    a = y + 1
    scale(o)
    return a, y + 1, y


class Point:
    def __init__(self, x: float):
        self.x = x

    def __getitem__(self, i: int) -> float:
        return self.x

    def __setitem__(self, i: int, v: float) -> None:
        self.x = v

    def __floordiv__(self, k: float) -> float:
        return self.x // k


def items_of_an_object(a: float):
    p = Point(a)
    p[0] = 7.0
    return p[1]


def item_of_an_object_augmented(a: float):
    p = Point(a)
    p[0] += 2.0
    return p.x


def floordiv_of_an_object(a: float):
    return Point(a) // 2.0


def live_object(p: Point):
    p.x = 5.0
    return p.x


def live_objects(ps: List[Point]):
    return [p.x for p in ps]


class WithoutInit:
    def f(self) -> int:
        return 3


def without_init(n: int):
    return WithoutInit().f()


class Recursive:
    def __init__(self, n: int):
        self.n = n

    def factorial(self, k: int) -> int:
        return 1 if k <= 1 else k * self.factorial(k - 1)


def recursive_method(n: int):
    return Recursive(n).factorial(n)


class WrongElsewhere:
    def __init__(self, n: int):
        self.n = n

    def unused(self):
        self.missing = 3


def wrong_method_nobody_calls(n: int):
    return WrongElsewhere(n).n


def ordered(n: int):
    return collections.OrderedDict([("a", n)])


# --- what a call accepts ---


def of_int(n: int):
    return n


def of_float(n: float):
    return n


def of_complex(n: complex):
    return n


def of_bool(n: bool):
    return n


def of_ints(n: List[int], m: Optional[int] = None):
    return n, m


def of_union(n: Union[int, str]):
    return n


def of_float_or_str(n: Union[float, str]):
    return n


def of_colour(c: Colour):
    return c


def of_device(d: torch.device, t: torch.dtype):
    return d, [d], {"a": d}, t, d.type, d.index, str(d), torch.zeros(2, dtype=t, device=d)


# --- modules ---


class Trained(nn.Module):
    def __init__(self):
        super().__init__()
        self.counts = [1, 2]
        self.names = {"a": 1}
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor):
        self.counts.append(3)
        self.counts[0] = 7
        self.names["z"] = 4
        return x, self.counts, self.names


class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.ReLU(), nn.Tanh(), nn.Identity()])

    def forward(self, x: Tensor) -> Tensor:
        return x + 1


class Super(Base):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


class ReturnsFromAWalk(Base):
    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
            if x.sum() > 100:
                return x
        return x * 2


class BreaksAWalk(Base):
    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            if x.sum() > 3:
                continue
            x = layer(x)
        return x


class Halves(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / 2


class Doubles(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2


class AsksForAClass(nn.Module):
    """Classes that no other test compiles: PyTorch's answer depends on which it has seen before."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Halves(), nn.Tanh(), Doubles()])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            if isinstance(layer, (Halves, Doubles)):
                x = x + 5
            x = layer(x)
        return x


class AsksForAnyModule(Base):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2 if isinstance(self.layers[0], nn.Module) else x


class Unpacks(Base):
    def forward(self, x: Tensor) -> Tensor:
        a, b, c = self.layers
        return a(x)


CASES = [
    (written_through_a_method, [0]),
    (written_before_it_is_read, [0]),
    (contexts_run, [0]),
    (contexts_and_returns, [0]),
    (contexts_and_continue, [0]),
    (tensors_written_by_methods, M),
    (tensor_written_by_a_function, M),
    (items_of_an_object, 1.0),
    (item_of_an_object_augmented, 1.0),
    (floordiv_of_an_object, 1.0),
    (live_object, Point(1.0)),
    (live_objects, [Point(1.0), Point(2.0)]),
    (without_init, 1),
    (recursive_method, 3),
    (wrong_method_nobody_calls, 1),
    (ordered, 1),
    (of_int, True),
    (of_int, torch.tensor(3)),
    (of_int, torch.tensor(2.7)),
    (of_int, 2.7),
    (of_int, "a"),
    (of_float, True),
    (of_float, 1),
    (of_float, torch.tensor(3)),
    (of_float, torch.tensor([3.0, 1.0])),
    (of_complex, True),
    (of_complex, torch.tensor(3 + 1j)),
    (of_bool, 1),
    (of_bool, 0.0),
    (of_bool, None),
    (of_bool, torch.tensor(1)),
    (of_bool, "a"),
    (of_bool, [1]),
    (of_ints, [True, 2]),
    (of_ints, [torch.tensor(3)], torch.tensor(4)),
    (of_union, torch.tensor(3)),
    (of_union, 3),
    (of_float_or_str, 3),
    (of_colour, Colour.RED),
    (of_colour, Weight.LIGHT),
    (of_device, torch.device("cpu"), torch.float64),
    (of_device, "cpu", torch.float32),
    (Trained, M),
    (Super, M),
    (ReturnsFromAWalk, M),
    (ReturnsFromAWalk, M * 100),
    (BreaksAWalk, M),
    (AsksForAClass, M),
    (AsksForAnyModule, M),
    (Unpacks, M),
]
