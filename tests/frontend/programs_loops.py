# type: ignore
# ruff: noqa
"""Programs with loops: ranges, `zip`, comprehensions."""

import torch, enum
from typing import *
from torch import Tensor

L = [1, 2, 3, 4, 5]
D = {"a": 1, "b": 2}
X = torch.arange(6.0).reshape(2, 3)


def range_neg(n: int) -> List[int]:
    out: List[int] = []
    for i in range(n, -3, -2):
        out.append(i)
    return out


def range_neg2() -> List[int]:
    return [i for i in range(10, 0, -3)]


def range_zero(n: int) -> List[int]:
    return [i for i in range(0, 5, n)]


def range_empty(n: int) -> List[int]:
    return [i for i in range(5, n)]


def zip_uneq(a: List[int], b: List[str]) -> List[str]:
    out: List[str] = []
    for x, y in zip(a, b):
        out.append(str(x) + y)
    return out


def enum_zip(a: List[int], b: List[str]) -> List[str]:
    out: List[str] = []
    for i, (x, y) in enumerate(zip(a, b)):
        out.append(str(i) + str(x) + y)
    return out


def zip_range(a: List[int]) -> int:
    s = 0
    for i, x in zip(range(2), a):
        s += i * x
    return s


def zip3(a: List[int]) -> int:
    s = 0
    for i, x, y in zip(a, a[1:], a[2:]):
        s += i * x + y
    return s


def enum_start(a: List[int]) -> int:
    s = 0
    for i, x in enumerate(a, 5):
        s += i * x
    return s


def enum_start_kw(a: List[int]) -> int:
    s = 0
    for i, x in enumerate(a, start=5):
        s += i * x
    return s


def zip_tuple(a: List[int]) -> int:
    s = 0
    for i, x in zip((1, 2, 3), a):
        s += i * x
    return s


def zip_tuple2() -> int:
    s = 0
    for i, x in zip((1, 2, 3), (4, 5, 6)):
        s += i * x
    return s


def comp_if(a: List[int]) -> List[int]:
    return [x for x in a if x > 2]


def comp_if2(a: List[int]) -> List[int]:
    return [x * 2 for x in a if x > 1 if x < 4]


def comp_nested(a: List[List[int]]) -> List[List[int]]:
    return [[y + 1 for y in x] for x in a]


def comp_two(a: List[List[int]]) -> List[int]:
    return [y for x in a for y in x]


def comp_ifexp(a: List[int]) -> List[int]:
    return [x if x > 2 else -x for x in a]


def comp_enum(a: List[int]) -> List[int]:
    return [i * x for i, x in enumerate(a)]


def comp_tuple() -> List[int]:
    return [x + 1 for x in (1, 2, 3)]


def comp_str(s: str) -> List[str]:
    return [c + "!" for c in s]


def comp_dictit(d: Dict[str, int]) -> List[str]:
    return [k for k in d]


def comp_items(d: Dict[str, int]) -> List[str]:
    return [k + str(v) for k, v in d.items()]


def dictcomp(a: List[int]) -> Dict[int, str]:
    return {x: str(x) for x in a}


def dictcomp2(a: List[str]) -> Dict[str, int]:
    return {k: i for i, k in enumerate(a)}


def dictcomp3(d: Dict[str, int]) -> Dict[int, str]:
    return {v: k for k, v in d.items()}


def dictcomp_if(a: List[int]) -> Dict[int, int]:
    return {x: x for x in a if x > 2}


def dictcomp_tuple() -> Dict[int, int]:
    return {x: x * 2 for x in (1, 2)}


def setcomp(a: List[int]) -> int:
    return len({x for x in a})


def nest_unpack(a: List[Tuple[int, Tuple[str, int]]]) -> str:
    out = ""
    for x, (y, z) in a:
        out += y * x + str(z)
    return out


def nest_unpack2(a: List[Tuple[int, Tuple[str, int]]]) -> str:
    out = ""
    for i, (x, (y, z)) in enumerate(a):
        out += y * x + str(z) + str(i)
    return out


def nest_dict(d: Dict[str, Tuple[int, int]]) -> int:
    s = 0
    for k, (a, b) in d.items():
        s += a * b + len(k)
    return s


def while_else(n: int) -> int:
    while n > 0:
        n -= 1
    else:
        n = 100
    return n


def for_else(n: int) -> int:
    s = 0
    for i in range(n):
        s += i
    else:
        s += 100
    return s


def for_reuse(n: int) -> int:
    i = 10
    for i in range(n):
        pass
    return i


def for_tensor(x: Tensor) -> Tensor:
    s = torch.zeros(3)
    for row in x:
        s = s + row
    return s


def for_tuple(n: int) -> int:
    s = 0
    for v in (n, 2, 3):
        s += v
    return s


def for_tuple_mixed(n: int) -> str:
    s = ""
    for v in (n, "a", 2.5):
        s += str(v)
    return s


def anyall(bs: List[bool]) -> Tuple[bool, bool]:
    return any(bs), all(bs)


def any_gen(xs: List[int]) -> bool:
    return any([x > 2 for x in xs])


def any_gen2(xs: List[int]) -> bool:
    return any(x > 2 for x in xs)


def break_nested(n: int) -> int:
    s = 0
    for i in range(n):
        for j in range(n):
            if j > i:
                break
            if (i + j) % 2 == 0:
                continue
            s += i * j
        if s > 100:
            break
    return s


def while_true(n: int) -> int:
    while True:
        n += 1
        if n > 10:
            return n


CASES = [
    (range_neg, 5),
    (range_neg2,),
    (range_zero, 0),
    (range_zero, 2),
    (range_zero, -1),
    (range_empty, 3),
    (zip_uneq, L, ["a", "b"]),
    (enum_zip, L, ["a", "b"]),
    (zip_range, L),
    (zip3, L),
    (enum_start, L),
    (enum_start_kw, L),
    (zip_tuple, L),
    (zip_tuple2,),
    (comp_if, L),
    (comp_if2, L),
    (comp_nested, [[1, 2], [], [3]]),
    (comp_two, [[1], [2]]),
    (comp_ifexp, L),
    (comp_enum, L),
    (comp_tuple,),
    (comp_str, "abc"),
    (comp_dictit, D),
    (comp_items, D),
    (dictcomp, L),
    (dictcomp2, ["x", "y"]),
    (dictcomp3, D),
    (dictcomp_if, L),
    (dictcomp_tuple,),
    (setcomp, L),
    (nest_unpack, [(1, ("a", 2)), (2, ("b", 3))]),
    (nest_unpack2, [(1, ("a", 2)), (2, ("b", 3))]),
    (nest_dict, {"a": (1, 2)}),
    (while_else, 3),
    (for_else, 3),
    (for_reuse, 3),
    (for_reuse, 0),
    (for_tensor, X),
    (for_tuple, 1),
    (for_tuple_mixed, 1),
    (anyall, [True, False]),
    (any_gen, L),
    (any_gen2, L),
    (break_nested, 7),
    (while_true, 3),
]
