# type: ignore
# ruff: noqa
"""Programs that assign: annotated, augmented, through subscripts, from inside branches and loops."""

import enum
import torch
from typing import *
from torch import Tensor, nn

X = torch.arange(24.0).reshape(2, 3, 4)
M = torch.arange(6.0).reshape(2, 3)
I = torch.tensor([1, 0])


def floordiv_in_place(x: Tensor):
    x //= 2
    return x


def matmul_in_place(x: Tensor):
    x @= x.t()
    return x


def floordiv_item(l: List[int]):
    l[0] //= 2
    return l


def shifts_in_place(x: Tensor):
    y = x
    y <<= 2
    z = x
    z >>= 1
    return x, y, z


def bits_in_place(x: Tensor):
    y = x
    y |= 2
    z = x
    z &= 1
    w = x
    w ^= 3
    return x, y, z, w


def tuple_item(t: Tuple[Tensor, int]):
    t[0] += 1
    return t


def dict_item_is_not_written(d: Dict[str, Tensor]):
    y = d["a"]
    d["a"] += 1
    d["a"] *= 2
    return y, d


def list_item_is_written(l: List[Tensor]):
    y = l[0]
    l[0] += 1
    l[1][0] = 5
    l[0][..., 0] *= 2
    return y, l


def list_key_once(l: List[int], m: List[int]):
    l[m.pop()] += 5
    return l, m


def dict_key_once(d: Dict[str, int], m: List[str]):
    d[m.pop(0)] += 5
    return d, m


def nested_lists(l: List[List[int]], d: Dict[str, List[int]]):
    l[0] += [2]
    d["a"] += [3]
    return l, d


def gathered_is_a_copy(x: Tensor, i: Tensor):
    y = x[i]
    z = y
    z += 1
    x[i] += 10
    return x, y, z


def annotation_holds_once(n: int):
    x: int = n
    x = x + 1.0
    return x


def annotated_optional_is_assigned(n: int):
    x: Optional[int] = None
    x = n
    return x + 1


def annotated_list_is_assigned(n: int):
    x: List[Optional[int]] = [1]
    x = [n]
    return x


def annotated_then_narrower(c: bool):
    x: Optional[int] = 1
    x = 2
    if c:
        x = None
    return x


def annotated_in_a_branch(c: bool):
    x = 1
    if c:
        x: int = 2
    return x


def narrowed_in_a_branch(c: bool):
    x: Optional[int] = 1
    if c:
        x = 2
        return x + 1
    x = 4
    return x + 1


def annotated_in_a_loop(n: int):
    found: Dict[str, List[int]] = {}
    for i in range(n):
        if i > 0:
            fresh: List[int] = []
            found[str(i)] = fresh
        best: List[int] = []
        best.append(i)
    return found


def empty_list_of_the_outer_type(n: int):
    runs: List[Tuple[int, List[int]]] = [(0, [n])]
    for i in range(n):
        runs = []
        while len(runs) < 2:
            runs.append((i, [i]))
    return runs


def without_a_value(n: int):
    a: int
    a = n
    return a


def dots(n: int):
    ...
    return n


def imports(n: int):
    import math

    return math.pi


def unary_plus(n: int):
    return +n


def two_ellipses(x: Tensor):
    return x[..., ..., 0]


def empty_index(x: Tensor):
    return x[()]


def bools_as_index(x: Tensor):
    return x[:, [True, False, True]], x[[True, False]], x[[0, 1], [1, 2]]


def floats_as_index(x: Tensor):
    return x[[0.7, 1.9]]


def rows_and_columns(x: Tensor, i: Tensor):
    x[i, 1:] = 0.0
    x[:, i, 1:3] = torch.ones(2, 2, 2)
    x[x > 10] = -1.0
    x[i, i] -= x[i, i]
    return x


def swapped(x: Tensor):
    y = x.clone()
    y[0], y[1] = y[1].clone(), y[0].clone()
    return y


def mixed_keys(n: int):
    return {1: "a", "b": 2}


def tuple_keys(n: int):
    d: Dict[Tuple[int, int], int] = {(1, 2): n}
    return d


def complex_keys(n: int):
    d: Dict[complex, int] = {1j: n}
    return d


def while_refines_nothing(x: Optional[int]) -> int:
    z = 0
    while x is not None:
        z += x
        x = None
    return z


def tuple_message(n: int):
    assert n > 5, ("a", n)
    return n


def raised_string(n: int):
    raise "abc"


def print_to(s: str):
    print(s, end="")
    return s


def truths(a: str, b: List[int], c: Dict[str, int]):
    return bool(a), bool(b), bool(c), bool("")


def parts_of_tensors(x: Tensor):
    return complex(x[0, 0, 1]), complex(x[0, 0, 1], 2), complex(1.5, x[0, 0, 3]), complex(True)


def hashes(a: str):
    return hash(a) == hash("a"), hash(1), hash(2.5) == hash(2.5)


def magnitudes(x: Tensor):
    return abs(-x), abs(-2), abs(-2.5)


def attribute_of_a_tensor(x: Tensor):
    return hasattr(x, "shape")


class Mixed(enum.Enum):
    A = 1
    B = "b"


class OfTensors(enum.Enum):
    A = torch.ones(1)


def mixed_enum(m: Mixed):
    return m.name


def enum_of_tensors(n: int):
    return OfTensors.A


def module_walk_with_break(t: Tuple[int, int]):
    for x in t:
        if x > 1:
            break
    return x


CASES = [
    (floordiv_in_place, M),
    (matmul_in_place, M),
    (floordiv_item, [4, 5]),
    (shifts_in_place, I),
    (bits_in_place, I),
    (tuple_item, (M, 1)),
    (dict_item_is_not_written, {"a": M}),
    (list_item_is_written, [M, M + 1]),
    (list_key_once, [1, 2], [0, 1]),
    (dict_key_once, {"a": 1}, ["a", "b"]),
    (nested_lists, [[1]], {"a": [2]}),
    (gathered_is_a_copy, M, I),
    (annotation_holds_once, 1),
    (annotated_optional_is_assigned, 1),
    (annotated_list_is_assigned, 1),
    (annotated_then_narrower, True),
    (annotated_in_a_branch, True),
    (narrowed_in_a_branch, True),
    (narrowed_in_a_branch, False),
    (annotated_in_a_loop, 3),
    (empty_list_of_the_outer_type, 2),
    (without_a_value, 1),
    (dots, 1),
    (imports, 1),
    (unary_plus, 1),
    (two_ellipses, X),
    (empty_index, X),
    (bools_as_index, X),
    (floats_as_index, X),
    (rows_and_columns, X, I),
    (swapped, X),
    (mixed_keys, 1),
    (tuple_keys, 1),
    (complex_keys, 1),
    (while_refines_nothing, 1),
    (tuple_message, 1),
    (raised_string, 1),
    (print_to, "a"),
    (truths, "a", [], {"a": 1}),
    (parts_of_tensors, X),
    (hashes, "a"),
    (magnitudes, M),
    (attribute_of_a_tensor, M),
    (mixed_enum, Mixed.A),
    (enum_of_tensors, 1),
    (module_walk_with_break, (1, 2)),
]
