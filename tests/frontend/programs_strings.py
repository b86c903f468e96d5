# type: ignore
# ruff: noqa
"""Programs with strings, formatting and `tolist`."""

import torch, enum
from typing import *
from torch import Tensor

L = [1, 2, 3, 4, 5]
D = {"a": 1, "b": 2}
X = torch.arange(6.0).reshape(2, 3)


def s_upper(s: str) -> List[str]:
    return [
        s.upper(),
        s.lower(),
        s.capitalize(),
        s.title(),
        s.swapcase(),
        s.strip(),
        s.lstrip(),
        s.rstrip(),
        s.strip("a"),
        s.lstrip("aH"),
        s.rstrip("d"),
    ]


def s_pad(s: str) -> List[str]:
    return [
        s.center(20),
        s.ljust(20),
        s.rjust(20),
        s.zfill(20),
        s.center(21, "*"),
        s.ljust(21, "*"),
        s.rjust(21, "*"),
        s.expandtabs(),
        s.expandtabs(4),
    ]


def s_find(s: str) -> List[int]:
    return [
        s.find("l"),
        s.find("l", 5),
        s.find("l", 0, 2),
        s.rfind("l"),
        s.rfind("l", 0, 4),
        s.count("l"),
        s.count("l", 3),
        s.index("l"),
        s.rindex("l"),
        s.find("zz"),
    ]


def s_index(s: str) -> int:
    return s.index("zz")


def s_is(s: str) -> List[bool]:
    return [
        s.isalpha(),
        s.isdigit(),
        s.isalnum(),
        s.isspace(),
        s.isupper(),
        s.islower(),
        s.istitle(),
        s.isidentifier(),
        s.isdecimal(),
        s.isnumeric(),
        s.isprintable(),
        s.startswith("he"),
        s.endswith("ld"),
        s.startswith("l", 2),
        s.endswith("l", 0, 4),
    ]


def s_split(s: str) -> List[List[str]]:
    return [
        s.split(),
        s.split("l"),
        s.split("l", 1),
        s.rsplit("l", 1),
        s.rsplit("l"),
        s.splitlines(),
        s.splitlines(True),
        list(s.partition("l")),
        list(s.rpartition("l")),
    ]


def s_join(a: List[str]) -> str:
    return "-".join(a)


def s_replace(s: str) -> List[str]:
    return [s.replace("l", "LL"), s.replace("l", "LL", 1), s.replace("zz", "q")]


def s_format(s: str, i: int, f: float) -> List[str]:
    return ["{} {} {}".format(s, i, f), "{0} {1}".format(s, i), f"{s}-{i}"]


def s_format2(s: str, i: int, f: float) -> str:
    return "{} {}".format(s)


def s_percent(s: str, i: int, f: float) -> List[str]:
    return ["%s %d" % (s, i), "%s" % s, "%d%%" % i, "%f" % f, "%d" % f, "%s %s" % (s, f)]


def s_percent2(s: str, i: int) -> str:
    return "%s %d %d" % (s, i)


def s_percent3(s: str, i: int) -> str:
    return "%s" % (s, i)


def s_percent4(i: int, f: float) -> List[str]:
    return ["%i %u" % (i, i), "%x" % i, "%X" % i, "%o" % i, "%e" % f, "%g" % f, "%c" % i]


def s_percent5(i: int, f: float) -> str:
    t = (i, f)
    return "%d %f" % t


def s_percent6(i: List[int]) -> str:
    return "%s" % i


def s_percent7(x: Tensor) -> str:
    return "%s" % x


def s_percent8(i: int) -> str:
    return "%5d|%05d|%-5d" % (i, i, i)


def s_mul(s: str, n: int) -> str:
    return s * n


def s_cmp(a: str, b: str) -> List[bool]:
    return [a < b, a > b, a <= b, a >= b, a == b, a != b, a in b, a not in b]


def s_slice(s: str) -> List[str]:
    return [s[1:3], s[::2], s[-3:], s[:-1], s[1::2], s[5:2], s[0], s[-1]]


def s_slice_neg(s: str) -> str:
    return s[::-1]


def s_len(s: str) -> int:
    return len(s)


def s_in(s: str) -> bool:
    return "l" in s


def s_iter(s: str) -> List[str]:
    out: List[str] = []
    for c in s:
        out.append(c)
    return out


def s_list(s: str) -> List[str]:
    return list(s)


def s_ord(s: str) -> List[int]:
    return [ord(c) for c in s]


def s_removeprefix(s: str) -> str:
    return s.removeprefix("he")


def s_casefold(s: str) -> str:
    return s.casefold()


def s_encode(s: str) -> str:
    return s.encode()


def casts(a: float, s: str, b: bool) -> Tuple[int, float, int, str, bool]:
    return int(a), float(s), int(b), str(a), bool(a)


def cast_bad(s: str) -> int:
    return int(s)


def strs(a: int, b: float, c: bool, d: List[int], e: Dict[str, int]) -> List[str]:
    return [str(a), str(b), str(c), str(d), str(e), str((a, b)), str(None)]


def hexbin(a: int) -> List[str]:
    return [hex(a), bin(a), oct(a), chr(65)]


def tolist1(x: Tensor) -> List[List[float]]:
    y: List[List[float]] = x.tolist()
    return y


def tolist2(x: Tensor) -> List[float]:
    y: List[float] = x[0].tolist()
    return y


def tolist_int(x: Tensor) -> List[int]:
    y: List[int] = x.to(torch.int64)[0].tolist()
    return y


def tolist_scalar(x: Tensor) -> float:
    y: float = x[0, 0].tolist()
    return y


def tolist_wrongdim(x: Tensor) -> List[float]:
    y: List[float] = x.tolist()
    return y


def tolist_wrongtype(x: Tensor) -> List[List[int]]:
    y: List[List[int]] = x.tolist()
    return y


def tolist_bool(x: Tensor) -> List[List[bool]]:
    y: List[List[bool]] = (x > 2).tolist()
    return y


def tolist_noann(x: Tensor) -> List[float]:
    y = x.tolist()
    return y


def tolist_ret(x: Tensor) -> List[List[float]]:
    return x.tolist()


def tolist_annotate(x: Tensor) -> List[List[float]]:
    return torch.jit.annotate(List[List[float]], x.tolist())


def tolist_double(x: Tensor) -> List[List[float]]:
    y: List[List[float]] = x.double().tolist()
    return y


def tolist_i32(x: Tensor) -> List[List[int]]:
    y: List[List[int]] = x.int().tolist()
    return y


def tolist_half(x: Tensor) -> List[List[float]]:
    y: List[List[float]] = x.half().tolist()
    return y


def tolist_complex(x: Tensor) -> List[List[complex]]:
    y: List[List[complex]] = x.to(torch.complex64).tolist()
    return y


def tolist_str(x: Tensor) -> List[str]:
    y: List[str] = x.tolist()
    return y


def tolist_arg(x: Tensor) -> List[List[float]]:
    y: List[List[float]] = (x + 1).tolist()
    y.append([1.0])
    return y


CASES = [
    *[
        (f, s)
        for f in (s_upper, s_pad, s_find, s_is, s_split)
        for s in ("hello world", "  Hello\tWorld\nfoo", "", "123", "ABC", "aa lll bb")
    ],
    (s_index, "abc"),
    (s_join, ["a", "b"]),
    (s_join, []),
    (s_replace, "hello"),
    (s_format, "a", 1, 2.5),
    (s_format2, "a", 1, 2.5),
    (s_percent, "a", 1, 2.5),
    (s_percent2, "a", 1),
    (s_percent3, "a", 1),
    (s_percent4, 100, 2.5),
    (s_percent5, 1, 2.5),
    (s_percent6, L),
    (s_percent7, X),
    (s_percent8, 42),
    (s_mul, "ab", 3),
    (s_mul, "ab", -1),
    (s_cmp, "a", "b"),
    (s_cmp, "a", "a"),
    (s_slice, "hello"),
    (s_slice_neg, "hello"),
    (s_len, "abc"),
    (s_in, "hello"),
    (s_iter, "abc"),
    (s_list, "abc"),
    (s_ord, "abc"),
    (s_removeprefix, "hello"),
    (s_casefold, "HELLO"),
    (s_encode, "a"),
    (casts, 2.7, "3.5", True),
    (cast_bad, "x"),
    (cast_bad, "12"),
    (strs, 1, 2.5, True, L, D),
    (hexbin, 255),
    (hexbin, -255),
    (tolist1, X),
    (tolist2, X),
    (tolist_int, X),
    (tolist_scalar, X),
    (tolist_wrongdim, X),
    (tolist_wrongtype, X),
    (tolist_bool, X),
    (tolist_noann, X),
    (tolist_ret, X),
    (tolist_annotate, X),
    (tolist_double, X),
    (tolist_i32, X),
    (tolist_half, X),
    (tolist_complex, X),
    (tolist_str, X),
    (tolist_arg, X),
]
