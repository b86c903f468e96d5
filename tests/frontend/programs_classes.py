# type: ignore
# ruff: noqa
"""Programs with classes, and modules with static methods and properties."""

import torch, enum
from typing import *
from torch import Tensor, nn
from torch.nn import Module


class Box:
    scale: int

    def __init__(self, v: int):
        self.v = v
        self.scale = 2

    def get(self) -> int:
        return self.v * self.scale

    @staticmethod
    def twice(x: int) -> int:
        return 2 * x

    @property
    def doubled(self) -> int:
        return self.v * 2

    @doubled.setter
    def doubled(self, n: int):
        self.v = n // 2

    def __add__(self, o: "Box") -> "Box":
        return Box(self.v + o.v)

    def __eq__(self, o: "Box") -> bool:
        return self.v == o.v

    def __lt__(self, o: "Box") -> bool:
        return self.v < o.v


def c1(n: int) -> int:
    b = Box(n)
    b.doubled = 20
    return b.get() + Box.twice(n) + b.doubled + b.twice(3)


def c2(n: int) -> List[int]:
    bs = [Box(n), Box(n - 1), Box(3)]
    bs.sort()
    return [b.v for b in bs]


def c3(n: int) -> bool:
    return Box(n) == Box(3)


def c4(n: int) -> int:
    return (Box(n) + Box(4)).v


class WithCls:
    def __init__(self):
        self.x = 1

    @classmethod
    def make(cls, n: int) -> int:
        return n


def c5(n: int) -> int:
    return WithCls.make(n)


def c5b(n: int) -> int:
    return WithCls().x


class WithConst:
    A = 5

    def __init__(self):
        self.x = 1

    def get(self) -> int:
        return self.A


def c6(n: int) -> int:
    return WithConst().get()


def c7(n: int) -> int:
    return WithConst.A


class WithConst2:
    __constants__ = ["A"]
    A = 5

    def __init__(self):
        self.x = 1

    def get(self) -> int:
        return self.A


def c8(n: int) -> int:
    return WithConst2().get()


class Derived(Box):
    pass


def c9(n: int) -> int:
    return Derived(n).v


class NT(NamedTuple):
    a: int
    b: float = 2.5
    c: Optional[str] = None


class Color(enum.Enum):
    RED = 1
    GREEN = 2


class SM(Module):
    K: int = 4
    names: List[str]
    __constants__ = ["Q"]
    Q = 7

    def __init__(self):
        super().__init__()
        self.w = 2
        self.names = ["a"]

    @staticmethod
    def st(x: int) -> int:
        return x * 3

    @property
    def prop(self) -> int:
        return self.w * 10

    @prop.setter
    def prop(self, v: int):
        self.w = v

    def forward(self, x: int) -> int:
        self.prop = 5
        return SM.st(x) + self.st(x) + self.prop + self.Q + len(self.names)


class SM2(Module):
    K = 4

    def forward(self, x: int) -> int:
        return x + self.K


class SM3(Module):
    K: int = 4

    def forward(self, x: int) -> int:
        return x + self.K


class SM4(Module):
    K: Final[int] = 4

    def forward(self, x: int) -> int:
        return x + self.K


class SM5(Module):
    K: Final[int] = 4

    def forward(self, x: int) -> int:
        return x + SM5.K


class SM6(Module):
    @classmethod
    def cm(cls, x: int) -> int:
        return x

    def forward(self, x: int) -> int:
        return x + self.cm(x)


class SM7(Module):
    @property
    def bad(self):
        return {1, 2}

    def forward(self, x: int) -> int:
        return x


class SM8(Module):
    __jit_unused_properties__ = ["bad"]

    @property
    def bad(self):
        return {1, 2}

    def forward(self, x: int) -> int:
        return x


class SM9(Module):
    def __init__(self):
        super().__init__()
        self.d = {"a": 1}
        self.l = [1, 2]
        self.t = (1, "a")
        self.c = Color.RED
        self.n = NT(1)

    def forward(self, x: int) -> Tuple[int, int, str, Color, float]:
        self.d["z"] = x
        self.l.append(x)
        return self.d["a"], len(self.l), self.t[1], self.c, self.n.b


class SM10(Module):
    def helper(self, x: int, k: int = 2) -> int:
        return x * k

    def forward(self, x: int) -> int:
        return self.helper(x) + self.helper(k=3, x=x)


def mk1():
    class Same:
        def __init__(self, v: int):
            self.v = v

        def get(self) -> int:
            return self.v

    return Same


def mk2():
    class Same:
        def __init__(self, v: int):
            self.v = v

        def get(self) -> int:
            return self.v * 100

    return Same


Same1 = mk1()
Same2 = mk2()
Same1 = mk1()
Same2 = mk2()


def mangled(n: int) -> int:
    return Same1(n).get() + Same2(n).get()


CASES = [
    (c1, 3),
    (c2, 5),
    (c3, 3),
    (c4, 3),
    (c5, 3),
    (c5b, 3),
    (c6, 3),
    (c7, 3),
    (c8, 3),
    (c9, 3),
    *[(m, 3) for m in (SM, SM2, SM3, SM4, SM5, SM6, SM7, SM8, SM9, SM10)],
    (mangled, 3),
]
