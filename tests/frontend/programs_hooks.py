# type: ignore
# ruff: noqa
"""Modules with forward hooks: right and wrong signatures, on submodules and on the outermost module."""

import torch
from typing import *
from torch import nn, Tensor


class Sub(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + 1


def pre(self, input: Tuple[Tensor]) -> Tuple[Tensor]:
    return (input[0] * 2,)


def pre2(self, input: Tuple[Tensor]) -> None:
    assert input[0].dim() == 1


def pre1(self, input: Tuple[Tensor]) -> Tensor:
    return input[0] * 5


def post(self, input: Tuple[Tensor], output: Tensor) -> Tensor:
    return output * 10 + input[0]


def post_none(self, input: Tuple[Tensor], output: Tensor) -> None:
    assert output.dim() == 1


def post_str(self, input: Tuple[Tensor], output: Tensor) -> str:
    return "a"


def post_str2(self, input: Tuple[Tensor], output: str) -> str:
    return output + "b"


def bad1(self, input: Tensor) -> None:
    pass


def bad2(self, input: Tuple[int]) -> None:
    pass


def bad3(self, input: Tuple[Tensor, Tensor]) -> None:
    pass


def bad4(self, input: Tuple[Tensor]) -> int:
    return 1


def bad5(self, input: Tuple[Tensor], o: Tensor) -> None:
    pass


def bad6(self, input: Tuple[Tensor]) -> Tuple[int]:
    return (1,)


def hbad1(self, input: Tuple[Tensor]) -> None:
    pass


def hbad2(self, input: Tuple[Tensor], o: int) -> None:
    pass


def hbad3(self, input: Tensor, o: Tensor) -> None:
    pass


def hself(self, input: Tuple[Tensor], o: Tensor) -> Tensor:
    return o * self.k


def noann(self, input: Tuple[Tensor], o: Tensor):
    return o * 3


class Sub2(nn.Module):
    def __init__(self):
        super().__init__()
        self.k = 4

    def forward(self, x: Tensor) -> Tensor:
        return x + 1


def make(pres, posts, top=False, sub=Sub):
    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.s = sub()
            target = self if top else self.s
            for p in pres:
                target.register_forward_pre_hook(p)
            for p in posts:
                target.register_forward_hook(p)

        def forward(self, x: Tensor):
            return self.s(x)

    class OuterT(Outer):
        def forward(self, x: Tensor) -> Tensor:
            return self.s(x)

    r = OuterT if top else Outer
    r.__name__ = f"Outer{[p.__name__ for p in pres]}{[p.__name__ for p in posts]}{top}"
    r.__qualname__ = "Outer"
    return r


X = torch.ones(2)
CASES = [
    (make(a, b, t, s), X)
    for a, b, t, s in [
        ([pre], [post], False, Sub),
        ([pre, pre2], [post, post_none], False, Sub),
        ([pre1], [], False, Sub),
        ([], [post_str], False, Sub),
        ([], [post_str, post_str2], False, Sub),
        ([], [post_str2], False, Sub),
        *[([b], [], False, Sub) for b in (bad1, bad2, bad3, bad4, bad5, bad6)],
        *[([], [b], False, Sub) for b in (hbad1, hbad2, hbad3, noann)],
        ([], [hself], False, Sub2),
        ([], [hself], False, Sub),
        ([pre, pre1], [post, hself], False, Sub2),
        ([pre], [post], True, Sub),
        ([pre1, pre2], [post_str, post_str2], True, Sub),
        ([bad1], [], True, Sub),
    ]
]


class Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.q = nn.Sequential(Sub(), Sub2())
        self.q[1].register_forward_hook(hself)
        self.q.register_forward_pre_hook(qpre)

    def forward(self, x: Tensor) -> Tensor:
        return self.q(x)


def qpre(self, input: Tuple[Tensor]) -> Tuple[Tensor]:
    return (input[0] - 3,)


class ForTwo(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = Sub()
        self.b = Sub()
        self.b.register_forward_hook(post)

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x) * self.b(x)


class Two(nn.Module):
    def forward(self, x: Tensor, y: int) -> Tensor:
        return x * y


def two_pre(self, input: Tuple[Tensor, int]) -> Tuple[Tensor, int]:
    return input[0] + 1, input[1] * 2


class TwoOuter(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = Two()
        self.a.register_forward_pre_hook(two_pre)

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x, 3)


class Prop(nn.Module):
    @property
    def bad(self):
        return {1, 2}

    def forward(self, x: Tensor) -> Tensor:
        return x


def dup1():
    def post(self, input: Tuple[Tensor], output: Tensor) -> Tensor:
        return output * 11

    return post


class Dup(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = Sub()
        self.a.register_forward_hook(post)
        self.a.register_forward_hook(dup1())

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x)


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = Sub()
        self.a.register_forward_hook(post)
        self.a.register_forward_hook(post)

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x)


CASES += [(Seq, X), (ForTwo, X), (TwoOuter, X), (Prop, X), (Dup, X), (Twice, X)]
