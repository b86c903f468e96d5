# type: ignore
# ruff: noqa
"""Programs that try one rule of the language each."""

import torch, enum
from typing import *
from torch import Tensor, nn

KONST = 5
X = torch.arange(6.0).reshape(2, 3)


def cast_in(x: float) -> int:
    return x


def ret_float(x: int) -> float:
    return x


def str_mul(s: str) -> str:
    return 3 * s


def format_spec(x: float) -> str:
    return f"{x:.2f}"


def format_conv(x: float) -> str:
    return f"{x!r}"


def str_iter_enum(s: str) -> List[str]:
    return [c + str(i) for i, c in enumerate(s)]


def str_unpack(s: str) -> str:
    a, b = s.split(",")
    return b + a


def global_const(n: int) -> int:
    return n + KONST


def default_args(a: int, b: int = 3, *, c: int = 4) -> int:
    return a + b + c


def call_defaults(n: int) -> int:
    return helper(n) + helper(n, 5) + helper(b=2, a=n)


def helper(a: int, b: int = 10) -> int:
    return a * b


def rec(n: int) -> int:
    return 1 if n == 0 else n * rec(n - 1)


def star_call(n: int) -> int:
    t = (n, 4)
    return helper(*t)


def nested_fn(n: int) -> int:
    def inner(k: int) -> int:
        return k + 1

    return inner(n)


def try_(n: int) -> int:
    try:
        return n
    except:
        return 0


def with_ng(x: Tensor) -> Tensor:
    with torch.no_grad():
        y = x * 2
    return y


def print_(n: int) -> int:
    print("x", n, [1.5], (1, "a"), {"a": 1}, None, True)
    return n


def tuple_idx(t: Tuple[int, int, int], i: int) -> int:
    return t[i]


def tuple_len(t: Tuple[int, int, int]) -> int:
    return len(t)


def tuple_iter(t: Tuple[int, int, int]) -> int:
    s = 0
    for x in t:
        s += x
    return s


def int_methods(n: int) -> int:
    return n.bit_length()


def complex_(a: float) -> complex:
    return complex(a, 2.0) * 2


def complex_parts(c: complex) -> Tuple[float, float, float]:
    return c.real, c.imag, abs(c)


def pow_neg(a: int) -> float:
    return a**-1


def floordiv_f(a: float, b: float) -> float:
    return a // b


def mod_f(a: float, b: float) -> float:
    return a % b


def int_div0(a: int) -> int:
    return a // 0


def list_pop_empty(a: List[int]) -> int:
    return a.pop()


def list_idx_err(a: List[int]) -> int:
    return a[10]


def dict_key_err(d: Dict[str, int]) -> int:
    return d["zz"]


def str_idx_err(s: str) -> str:
    return s[10]


def list_sort_str(a: List[str]) -> List[str]:
    a.sort()
    return a


def sorted_floats(a: List[float]) -> List[float]:
    return sorted(a)


def max_str(a: List[str]) -> str:
    return max(a)


def list_eq_nested(a: List[List[int]]) -> bool:
    return a == [[1], [2]]


def aug_str(s: str) -> str:
    s += "x"
    s *= 2
    return s


def aug_ops(a: int) -> List[int]:
    b = a
    b //= 2
    c = a
    c **= 2
    d = a
    d %= 3
    e = a
    e <<= 1
    f = a
    f |= 8
    g = a
    g &= 3
    h = a
    h ^= 5
    i = a
    i >>= 1
    return [b, d, e, f, g, h, i]


def aug_div(a: float) -> float:
    a /= 2
    a -= 1
    return a


def const_fold(n: int) -> float:
    return 2**3 + 2.0**-1 + 7 // 2 + 7 % 4


def lambda_sort(a: List[Tuple[int, str]]) -> List[Tuple[int, str]]:
    a.sort()
    return a


def list_extend_tuple(a: List[int]) -> List[int]:
    a.extend((1, 2))
    return a


def list_plus_eq(a: List[int]) -> List[int]:
    a += [7]
    return a


def list_of_tuple_unpack(a: List[Tuple[int, str]]) -> List[str]:
    return [s * i for i, s in a]


def dict_iter(d: Dict[str, int]) -> int:
    t = 0
    for k in d:
        t += d[k]
    for k, v in d.items():
        t += v
    for v in d.values():
        t += v
    for k in d.keys():
        t += len(k)
    return t


def dict_nested(n: int) -> Dict[str, Dict[str, int]]:
    return {"a": {"b": n}}


def dict_update_kw(d: Dict[str, int]) -> Dict[str, int]:
    d.update(b=3)
    return d


def dict_eq(d: Dict[str, int]) -> bool:
    return d == {"a": 1}


def dict_pop_missing(d: Dict[str, int]) -> int:
    return d.pop("zz")


def dict_setdefault(d: Dict[str, int]) -> Dict[str, int]:
    d.setdefault("q", 4)
    d.setdefault("a", 9)
    return d


def bool_int(b: bool) -> int:
    return int(b) + 1


def bool_arith(b: bool) -> int:
    return b + 1


def cmp_mixed(a: int, b: float, c: bool) -> List[bool]:
    return [a < b, a == b, a != b, b >= a]


def not_int(a: int) -> bool:
    return not a


def and_int(a: int, b: int) -> bool:
    return bool(a) and bool(b)


def if_int(a: int) -> int:
    if a:
        return 1
    return 0


def if_list(a: List[int]) -> int:
    if a:
        return 1
    return 0


def if_str(a: str) -> int:
    if a:
        return 1
    return 0


def if_tensor(x: Tensor) -> int:
    if x.sum() > 2:
        return 1
    return 0


def if_none(x: Optional[int]) -> int:
    if x:
        return 1
    return 0


CASES = [
    (cast_in, 1.5),
    (ret_float, 1),
    (str_mul, "ab"),
    (format_spec, 1.5),
    (format_conv, 1.5),
    (str_iter_enum, "abc"),
    (str_unpack, "a,b"),
    (global_const, 1),
    (default_args, 1),
    (call_defaults, 3),
    (rec, 3),
    (star_call, 3),
    (nested_fn, 3),
    (try_, 3),
    (with_ng, X),
    (print_, 3),
    (tuple_idx, (1, 2, 3), 1),
    (tuple_idx, (1, 2, 3), 5),
    (tuple_len, (1, 2, 3)),
    (tuple_iter, (1, 2, 3)),
    (int_methods, 5),
    (complex_, 1.5),
    (complex_parts, 1 + 2j),
    (pow_neg, 2),
    (floordiv_f, 7.5, 2.0),
    (mod_f, -7.5, 2.0),
    (int_div0, 3),
    (list_pop_empty, []),
    (list_idx_err, [1]),
    (dict_key_err, {"a": 1}),
    (str_idx_err, "abc"),
    (list_sort_str, ["b", "a"]),
    (sorted_floats, [2.5, 1.0]),
    (max_str, ["a", "b"]),
    (list_eq_nested, [[1], [2]]),
    (aug_str, "a"),
    (aug_ops, 13),
    (aug_div, 5.0),
    (const_fold, 1),
    (lambda_sort, [(2, "a"), (1, "b")]),
    (list_extend_tuple, [5]),
    (list_plus_eq, [5]),
    (list_of_tuple_unpack, [(2, "a")]),
    (dict_iter, {"a": 1, "bb": 2}),
    (dict_nested, 1),
    (dict_update_kw, {"a": 1}),
    (dict_eq, {"a": 1}),
    (dict_pop_missing, {"a": 1}),
    (dict_setdefault, {"a": 1}),
    (bool_int, True),
    (bool_arith, True),
    (cmp_mixed, 1, 1.0, True),
    (not_int, 1),
    (and_int, 1, 0),
    (if_int, 1),
    (if_int, 0),
    (if_list, []),
    (if_str, "a"),
    (if_tensor, X),
    (if_none, 3),
]
