# type: ignore
# ruff: noqa
"""Programs with dataclasses, classes that name themselves, and type comments without a result."""

from dataclasses import InitVar, dataclass
from math import inf
from typing import *

import torch
from torch import nn, Tensor


@torch.jit.script
@dataclass
class Point:
    x: int
    y: float = 2.0

    def norm(self) -> float:
        return self.x + self.y


@torch.jit.script
@dataclass
class Raised:
    x: int
    more: InitVar[int]

    def __post_init__(self, more: int):
        self.x = self.x + more


@torch.jit.script
@dataclass(order=True)
class Ordered:
    x: int
    y: Optional[int] = None


@torch.jit.script
class Node:
    def __init__(self, v: int):
        self.v = v

    def clone(self):
        return Node(self.v)

    def same(self, other: "Node"):
        return self.v == other.v


class Base:
    def __init__(self):
        self.a = 1

    def f(self) -> int:
        return self.a


class Derived(Base):
    def __init__(self):
        self.a = 2


class Box:
    def __init__(self, v: int):
        self.v = v

    def twice(self):
        return self.v * 2


class WithUnused:
    def __init__(self):
        self.x = 1

    @torch.jit.unused
    def anything(self, *given):
        return [g for g in given if unknown(g)]


class Holder(nn.Module):
    def __init__(self):
        super().__init__()
        self.box = Box(3)

    def forward(self, x: Tensor):
        self.box.v += 1
        return x + self.box.twice()


def fields():
    return Point(1).y, Point(1) == Point(1), Point(y=1.0, x=2).norm(), Point(1) == Point(2), Point(1, 3.0).x


def after_init():
    return Raised(1, 5).x


def orders():
    return (
        Ordered(1) < Ordered(2),
        Ordered(1) >= Ordered(0),
        Ordered(1, 2) < Ordered(1, 3),
        Ordered(1, 2) <= Ordered(1, 2),
        Ordered(1) == Ordered(1),
        Ordered(1) == Ordered(1, 2),
        Ordered(1) > Ordered(1),
        Ordered(1) >= Ordered(1),
    )


def none_has_no_order():
    return Ordered(1) < Ordered(1, 2)


def names_itself():
    return Node(4).clone().v, Node(1).same(Node(1))


def inherits():
    return Derived().a


def inherits_no_method():
    return Derived().f()


def unused_method():
    return WithUnused().x


def comment_without_arrow(x):
    # type: (int)
    return x + 1


# fmt: off
def two_comments(x):
    #type: (int) -> int
    # type: (int) -> int
    return x
# fmt: on


def imported_infinity():
    return inf, -inf


CASES = [
    (fields,),
    (after_init,),
    (orders,),
    (none_has_no_order,),
    (names_itself,),
    (inherits,),
    (inherits_no_method,),
    (unused_method,),
    (Holder, torch.ones(1)),
    (comment_without_arrow, 1),
    (two_comments, 1),
    (imported_infinity,),
]


class Outside:
    class Inside:
        def __init__(self, x: int):
            self.x = x

    def __init__(self):
        self.inside = Outside.Inside(4)


def nested_class():
    return Outside().inside.x


CASES += [(nested_class,)]
