# type: ignore
# ruff: noqa
"""Programs with enums and named tuples."""

import torch, enum
from typing import *
from torch import Tensor, nn
from torch.nn import Module


class NT(NamedTuple):
    a: int
    b: float = 2.5
    c: Optional[str] = None


def n1(n: int) -> float:
    return NT(n).b


def n2(n: int) -> NT:
    return NT(n, 3.0)


def n3(n: int) -> float:
    t = NT(a=n, b=4.0)
    a, b, c = t
    return a * b


def n4(n: int) -> int:
    return len(NT(n))


def n5(t: NT) -> Tuple[int, float]:
    return t.a, t[1]


def n6(n: int) -> NT:
    return NT(n, b=1.0)._replace(a=3)


class NTM(NamedTuple):
    a: int

    def plus(self) -> int:
        return self.a + 1


def n7(n: int) -> int:
    return NTM(n).plus()


def n8(n: int) -> NT:
    return NT()


def n9(n: int) -> bool:
    return NT(n) == NT(n, 2.5)


def n10(n: int) -> str:
    return str(NT(n))


def n11(n: int) -> List[NT]:
    return [NT(n), NT(n + 1)]


def n12(n: int) -> Optional[str]:
    return NT(n, c="x").c


class Color(enum.Enum):
    RED = 1
    GREEN = 2


class Name(enum.Enum):
    A = "a"
    B = "b"


def e1(c: Color) -> int:
    return c.value


def e2(c: Color) -> str:
    return c.name


def e3(c: Color) -> bool:
    return c == Color.RED


def e4(c: Color) -> bool:
    return c is Color.RED


def e4b(c: Color) -> bool:
    return c is not Color.RED


def e5(n: int) -> int:
    s = 0
    for m in Color:
        s += m.value
    return s


def e6(n: int) -> List[str]:
    return [m.name for m in Color]


def e7(c: Color) -> Dict[Color, int]:
    return {Color.RED: 1, c: 2}


def e8(n: int) -> List[Color]:
    return [Color.RED, Color.GREEN]


def e9(c: Color) -> bool:
    return c in [Color.RED]


def e10(c: Color) -> bool:
    return c != Color.RED


def e11(c: Optional[Color]) -> int:
    if c is None:
        return 0
    return c.value


def e12(n: int) -> int:
    return Color(1).value


def e13(n: int) -> int:
    return len(Color)


def e14(n: Name) -> str:
    return n.value + n.name


def e15(n: int) -> List[Color]:
    return list(Color)


def e16(c: Color) -> bool:
    return c == 1


def e17(c: Color) -> str:
    return str(c)


def e18(n: int) -> int:
    s = 0
    for i, m in enumerate(Color):
        s += m.value * i
    return s


def e19(n: int) -> Color:
    return Color["RED"]


def e20(n: int) -> bool:
    return Color.RED == Name.A


def e21(n: int) -> Tuple[Color, int]:
    return Color.RED, Color.GREEN.value


def e22(x: Any) -> bool:
    return isinstance(x, Color)


def e23(d: Dict[str, Color]) -> bool:
    return d["a"] == Color.RED


CASES = [
    (n1, 3),
    (n2, 3),
    (n3, 3),
    (n4, 3),
    (n5, NT(1, 3.0)),
    (n6, 3),
    (n7, 3),
    (n8, 3),
    (n9, 3),
    (n10, 3),
    (n11, 3),
    (n12, 3),
    *[(f, Color.GREEN) for f in (e1, e2, e3, e4, e4b, e7, e9, e10, e11, e16, e17, e22)],
    (e11, None),
    *[(f, 1) for f in (e5, e6, e8, e12, e13, e15, e18, e19, e20, e21, e22)],
    (e14, Name.B),
    (e23, {"a": Color.RED}),
]
