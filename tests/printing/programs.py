# pyright: reportPossiblyUnboundVariable=false, reportReturnType=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false, reportMissingParameterType=false
"""Small functions of every construct, each with arguments: what printing and saving are tested on."""

import math
from collections.abc import Callable
from enum import Enum
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.printing.control_flow import (
    carried_optional,
    carried_tuple,
    collatz,
    early_return,
    fibonacci,
    list_of_dicts,
    nested_loops,
    return_in_nested_loops,
    while_true,
)


class Color(Enum):
    RED = 1
    BLUE = 2


class Point(NamedTuple):
    x: Tensor
    y: int


class Account:
    """A script class with state, an operator, a property and a static method."""

    def __init__(self, n: int, name: str = "acc") -> None:
        self.n = n
        self.name = name
        self.history: list[int] = []

    def add(self, k: int) -> int:
        self.n += k
        self.history.append(k)
        return self.n

    def __add__(self, other: int) -> int:
        return self.n + other

    @staticmethod
    def zero() -> int:
        return 0

    @property
    def double(self) -> int:
        return self.n * 2


def script_class(n: int) -> tuple[int, list[int], str, int, int]:
    a = Account(n)
    for i in range(3):
        a.add(i)
    return a + 1, a.history, a.name, a.double, Account.zero()


def counted(len: int) -> Tensor:
    rv = torch.zeros(3, 4)
    for i in range(len):
        if i < 10:
            rv = rv - 1.0
        else:
            rv = rv + 1.0
    return rv


def row_product(x):
    result = x[0]
    for i in range(x.size(0)):
        result = result * x[i]
    return result


def dict_methods(d: dict[str, int]) -> tuple[dict[str, int], int, list[str]]:
    d["z"] = 3
    d.pop("a")
    d.update({"w": 1})
    del d["w"]
    return d, len(d), list(d.keys())


def none_returned(x: Tensor, scale: float | None = None) -> Tensor:
    if scale is None:
        return x
    return x * scale


def refined(x: Tensor, other: Tensor | None) -> Tensor:
    if other is not None:
        x = x + other
    return x


def slices(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    y = x.clone()
    y[:, 1] = 7
    y[0, 1:] += 1
    return y, x[..., None].sum(0), x[x > 0]


def stacked(x: Tensor, steps: int) -> Tensor:
    outs: list[Tensor] = []
    h = torch.zeros(x.size(1))
    for t in range(x.size(0)):
        h = torch.tanh(h * 0.5 + x[t])
        outs.append(h)
    return torch.stack(outs) * steps


def raises(n: int) -> int:
    if n < 0:
        raise ValueError("n is negative")
    assert n < 10, "n is too large"
    return n


def strings(s: str, n: int) -> str:
    t = s + 'tab\tquote" é' + str(n)
    u = f"{s} and {n}"
    return t.upper() + u.replace("a", "b") + "{} {}".format(n, s) + s[0] + s[1:2]  # noqa: UP032 - under test


def formatted(s: str, n: int) -> tuple[str, str, str]:
    return "%s and %d" % (s, n), "%d!" % n, "{} {}".format(n, s)  # noqa: UP031, UP032 - a program under test


def tuples(x: Tensor) -> tuple[Tensor, tuple[int, str]]:
    a, b = x, (1, "x")
    c = (a, b)
    d = c[1][0]
    return c[0] + d, b


def named_tuple(p: Point) -> Point:
    return Point(p.x + p.y, y=p.y * 2)


def enum_value(c: Color, x: Tensor) -> Tensor:
    if c == Color.RED:
        return x + c.value
    return x


def numbers(x: float, n: int) -> float:
    return math.sqrt(x) + math.pi + n**2 + n / 2 + abs(x) + max(n, 3) + min(x, 2.0) + round(x) + 2.5e10


def multiple_results(x: Tensor) -> tuple[Tensor, Tensor, list[int], int]:
    a, b = x.max(0)
    v, i = torch.topk(x, 2)
    return a + v.sum(), i + b.sum(), x.shape, x.dtype


def functional(x, w):
    x = F.relu(F.linear(x, w))
    return F.dropout(x, 0.5, training=False).softmax(-1)


def in_place(x):
    y = x.clone()
    y += 1
    y.mul_(2).add_(x, alpha=2)
    torch.relu_(y)
    return y


def order_of_effects(x):
    y = x.clone()
    return torch.cat([y.add_(1).sum(0, keepdim=True) * 100, torch.sigmoid(y * 3).mean(0, keepdim=True), y])


def conditions(x: Tensor, a: bool, b: bool, n: int) -> tuple[Tensor, int]:
    if (a and b) or not a:
        x = x + 1
    y = x if n > 3 else -x
    while n > 0 and a:
        n -= 1
    return x + y, n


def zipped(xs: list[Tensor], ys: list[int]) -> Tensor:
    t = xs[0]
    for i, (x, y) in enumerate(zip(xs, ys)):  # noqa: B905 - a program under test
        t = t + x * y + i
    for x in xs:
        t = t - x
    return t


def any_type(x: Any) -> int:
    if isinstance(x, int):
        return x + 1
    if isinstance(x, list[int]):  # pyright: ignore[reportArgumentType]
        return len(x)
    return 0


def tensor_constants(x):
    return (
        torch.tensor([[1, 2], [3, 4]])
        + x.to(torch.float64)
        + torch.ones(2, dtype=torch.float64, device="cpu")
        + torch.arange(2)
    )


def long_expression(x, y, z):
    return (
        torch.cat([torch.sigmoid(x + y) * torch.tanh(z), torch.relu(x - z)], 1).sum(dim=1, keepdim=True)
        + (x * y * z).mean()
        + torch.exp(-x).clamp(min=0.5, max=1.5)
    )


def convolution(x, w):
    return torch.conv2d(x, w, None, [1, 1], [1, 1]) + F.conv2d(x, w, padding=1)


def optional_list(x: Tensor) -> list[Tensor | None]:
    return [x, None]


def returns_none(x: Tensor) -> None:
    x.add_(1)


def unpacked_list(xs: list[int]) -> int:
    a, b = xs
    return a * b


def division(x: Tensor) -> Tensor:
    return x.div(2, rounding_mode="floor") + torch.full([4], 2) + F.gelu(x) + torch.linspace(0, 1, 4)


def many_outputs(x: Tensor, a: bool) -> tuple[Tensor, int, str]:
    if a:
        p, q, r = x, 1, "a"
    else:
        p, q, r = x + 1, 2, "b"
        if q > 1:
            r = "c"
    return p, q, r


def optional_in_tuple(x: Tensor, f: bool) -> tuple[Tensor, Tensor | None]:
    if f:
        return x, None
    return x, x + 1


def refined_in_loop(xs: list[Tensor | None]) -> Tensor | None:
    last: Tensor | None = None
    for x in xs:
        if x is not None:
            last = x
        elif last is not None:
            last = last + 1
    return last


def dict_comprehension(xs: list[str]) -> tuple[dict[str, int], list[int]]:
    d = {x: len(x) for x in xs}
    return d, sorted([v for v in d.values()])


def union_joined(n: int) -> int | str:
    r: int | str = 1
    if n > 2:
        r = "a"
    else:
        r = n
    return r


def order_of_pops(x: Tensor, xs: list[int]) -> tuple[int, Tensor, Tensor]:
    a = xs.pop() * 10 + xs.pop() + len(xs)
    y = x.clone()
    return a, (y.add_(1) * 2) + (y.add_(1) * 3), y


def dtypes(x: Tensor) -> tuple[Tensor, Tensor, bool, torch.device]:
    y = x.to(torch.float64)
    z = torch.zeros([2], dtype=torch.int64, device=x.device)
    return y, z, x.dtype == torch.float32, x.device


class Counting:
    def __init__(self, n: int) -> None:
        self.n = n

    def __enter__(self) -> int:
        self.n += 1
        return self.n

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        self.n -= 1


def with_blocks(x: Tensor) -> tuple[Tensor, int]:
    outer = Counting(3)
    with outer as n:
        x = x * n
    with Counting(1):
        pass
    with outer, Counting(2) as n:
        if n > 2:
            x = x + outer.n
    return x, outer.n


X = torch.linspace(-3, 4, 12).reshape(3, 4)
CASES: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (script_class, (4,)),
    (counted, (12,)),
    (row_product, (X,)),
    (early_return, (X, 0)),
    (early_return, (X, 5)),
    (collatz, (27,)),
    (list_of_dicts, ([1, 2, 3, 4],)),
    (dict_methods, ({"a": 1, "b": 2},)),
    (none_returned, (X, None)),
    (none_returned, (X, 2.5)),
    (refined, (X, X + 1)),
    (carried_optional, (8,)),
    (slices, (X,)),
    (stacked, (X, 2)),
    (raises, (3,)),
    (strings, ("ab", 3)),
    (formatted, ("ab", 3)),
    (tuples, (X,)),
    (named_tuple, (Point(X, 2),)),
    (enum_value, (Color.RED, X)),
    (numbers, (2.5, 3)),
    (multiple_results, (X,)),
    (functional, (X, torch.ones(5, 4))),
    (in_place, (X,)),
    (order_of_effects, (X,)),
    (conditions, (X, True, False, 5)),
    (zipped, ([X, X + 1], [2, 3])),
    (nested_loops, (4,)),
    (any_type, ([1, 2],)),
    (tensor_constants, (X[:2, :2],)),
    (long_expression, (X, X + 1, X * 2)),
    (convolution, (torch.ones(1, 2, 5, 5), torch.ones(3, 2, 3, 3))),
    (optional_list, (X,)),
    (returns_none, (X,)),
    (unpacked_list, ([3, 4],)),
    (division, (X,)),
    (while_true, (5,)),
    (many_outputs, (X, False)),
    (fibonacci, (10,)),
    (carried_tuple, (3,)),
    (optional_in_tuple, (X, True)),
    (optional_in_tuple, (X, False)),
    (refined_in_loop, ([X, None, None],)),
    (dict_comprehension, (["a", "bcd"],)),
    (union_joined, (1,)),
    (union_joined, (3,)),
    (return_in_nested_loops, ([1, 2, 3], 5)),
    (order_of_pops, (X, [1, 2, 3])),
    (dtypes, (X,)),
    (with_blocks, (X,)),
]
FUNCTIONS = list(dict.fromkeys(f for f, _ in CASES))
