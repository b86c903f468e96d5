# type: ignore
# ruff: noqa
"""Programs with numbers, tuples, assignments and comparisons."""

import torch, enum
from typing import *
from torch import Tensor

L = [1, 2, 3, 4, 5]
D = {"a": 1, "b": 2}
X = torch.arange(6.0).reshape(2, 3)


def overflow_add(n: int) -> int:
    return 9223372036854775807 + n


def overflow_mul(n: int) -> int:
    return n * 9223372036854775807


def shift(n: int) -> int:
    return 1 << n


def big_const() -> int:
    return 9223372036854775808


def min_const() -> int:
    return -9223372036854775808


def const_add() -> int:
    return 9223372036854775807 + 1


def t_slices(n: int) -> Tuple[int, str]:
    t = (n, "a", 2.0, 3)
    return t[0:2]


def t_slices2(n: int) -> Tuple[int, float]:
    t = (n, "a", 2.0, 3)
    return t[::2]


def t_slices3(n: int) -> Tuple[int, float]:
    t = (n, "a", 2.0)
    u = t[::-1]
    return u[2], u[0]


def t_neg(n: int) -> int:
    t = (n, "a", 4)
    return t[-1]


def t_arg(t: Tuple[int, str, float]) -> Tuple[str, float]:
    return t[1:]


def t_mul(n: int) -> Tuple[int, int, int, int]:
    return (n, 1) * 2


def chained(a: int, b: int, c: int) -> List[bool]:
    return [a < b < c, a < b > c, a == b == c, a <= b <= c < 10, not a < b < c]


def chained_float(a: float, b: int) -> bool:
    return 0 < a <= b < 100.5


def multi(n: int) -> int:
    a = b = n + 1
    return a * b


def multi_list(n: int) -> List[int]:
    a = b = [n]
    a.append(2)
    return b


def multi_tuple(n: int) -> int:
    a, b = c = (n, 2)
    return a + b + c[0]


def star1(n: int) -> int:
    a, *b = (n, 2, 3)
    return a + b[1]


def star2(n: int) -> int:
    a, *b, c = (n, 2, 3, 4)
    return a + b[1] + c


def star3(n: int) -> int:
    *a, b = (n, 2, 3)
    return a[0] + b


def star_list(n: List[int]) -> int:
    a, *b = n
    return a


def star_ret(n: int) -> Tuple[int, int]:
    a, *b = (n, 2, 3)
    return b


def unpack_list(a: List[int]) -> int:
    x, y = a
    return x * y


def swap(a: int, b: int) -> Tuple[int, int]:
    a, b = b, a
    return a, b


def unpack_nested(n: int) -> int:
    (a, b), c = (n, 2), 3
    return a + b + c


def unpack_brackets(n: int) -> int:
    [a, b] = (n, 2)
    return a + b


def sorted_(a: List[int]) -> List[int]:
    return sorted(a)


def sorted_rev(a: List[int]) -> List[int]:
    return sorted(a, reverse=True)


def rev(a: List[int]) -> List[int]:
    out: List[int] = []
    for x in reversed(a):
        out.append(x)
    return out


def ternary_chain(n: int) -> str:
    return "neg" if n < 0 else "zero" if n == 0 else "pos"


def lambda_(n: int) -> int:
    f = lambda x: x + 1
    return f(n)


def walrus(n: int) -> int:
    if (m := n + 1) > 2:
        return m
    return 0


def set_lit(n: int) -> bool:
    return n in {1, 2}


def in_tuple(n: int) -> bool:
    return n in (1, 2)


def in_listlit(n: int) -> bool:
    return n in [1, 2]


def is_num(n: int) -> bool:
    return n is 3


def bitops(a: int, b: int) -> List[int]:
    return [a & b, a | b, a ^ b, ~a, a << 2, a >> 1, -a, +a, a // b, a % b, a**2, -a // b, -a % b]


def boolops(a: bool, b: bool) -> List[bool]:
    return [a and b, a or b, not a, a & b, a | b, a ^ b, a == b]


def floatdiv(a: int, b: int) -> float:
    return a / b


def intpow(a: int, b: int) -> float:
    return a**b


def intpow2(a: int) -> int:
    return a**2


def divmod_(a: int, b: int) -> Tuple[int, int]:
    return divmod(a, b)


def round_(a: float) -> float:
    return round(a)


def minmax(a: int, b: float, xs: List[int]) -> Tuple[float, float, int, int]:
    return min(a, b), max(a, b), min(xs), max(xs)


def abs_(a: int, b: float) -> Tuple[int, float]:
    return abs(a), abs(b)


def sum_(xs: List[int], ys: List[float], bs: List[bool]) -> Tuple[int, float, int]:
    return sum(xs), sum(ys), sum(bs)


def tuple_cmp(a: int) -> List[bool]:
    return [(a, 1) == (3, 1), (a, 2) != (3, 1)]


def tuple_add(a: int) -> Tuple[int, int, str]:
    return (a, 1) + ("x",)


def tuple_in(a: List[Tuple[int, int]]) -> bool:
    return (1, 2) in a


def no_else_ret(n: int) -> Optional[int]:
    if n > 2:
        return n
    return None


def assertion(n: int) -> int:
    assert n > 2, f"got {n}"
    return n


def assertion2(n: int) -> int:
    assert n > 2
    return n


def raise_fmt(n: int) -> int:
    if n > 2:
        raise ValueError("bad {}".format(n))
    return n


CASES = [
    (overflow_add, 1),
    (overflow_mul, 3),
    (shift, 62),
    (shift, 63),
    (shift, 64),
    (shift, -1),
    (big_const,),
    (min_const,),
    (const_add,),
    (t_slices, 3),
    (t_slices2, 3),
    (t_slices3, 3),
    (t_neg, 3),
    (t_arg, (1, "a", 2.5)),
    (t_mul, 3),
    (chained, 1, 2, 3),
    (chained, 3, 2, 1),
    (chained, 2, 2, 2),
    (chained_float, 2.5, 4),
    (multi, 2),
    (multi_list, 2),
    (multi_tuple, 2),
    (star1, 1),
    (star2, 1),
    (star3, 1),
    (star_list, L),
    (star_ret, 1),
    (unpack_list, [1, 2]),
    (unpack_list, L),
    (swap, 1, 2),
    (unpack_nested, 1),
    (unpack_brackets, 1),
    (sorted_, [3, 1, 2]),
    (sorted_rev, [3, 1, 2]),
    (rev, L),
    (ternary_chain, -1),
    (ternary_chain, 0),
    (ternary_chain, 5),
    (lambda_, 1),
    (walrus, 3),
    (set_lit, 1),
    (in_tuple, 1),
    (in_listlit, 1),
    (is_num, 3),
    (bitops, 13, 5),
    (bitops, -13, 5),
    (boolops, True, False),
    (floatdiv, 1, 2),
    (floatdiv, 1, 0),
    (intpow, 2, 3),
    (intpow, 2, -1),
    (intpow2, 3),
    (divmod_, 7, 2),
    (divmod_, -7, 2),
    (divmod_, 7, 0),
    (round_, 2.5),
    (round_, 3.5),
    (minmax, 1, 2.5, L),
    (abs_, -1, -2.5),
    (sum_, L, [1.5, 2.0], [True, False]),
    (tuple_cmp, 3),
    (tuple_add, 1),
    (tuple_in, [(1, 2)]),
    (no_else_ret, 1),
    (no_else_ret, 3),
    (assertion, 1),
    (assertion, 5),
    (assertion2, 1),
    (raise_fmt, 5),
]
