# type: ignore
# ruff: noqa
"""Programs whose conditions say what type a variable has, and classes in containers."""

import torch, enum
from typing import *
from torch import Tensor, nn

KONST = 5
X = torch.arange(6.0).reshape(2, 3)


class P:
    def __init__(self, x: int):
        self.x = x

    def inc(self, k: int) -> int:
        self.x += k
        return self.x


def lst(n: int) -> List[int]:
    ps = [P(n), P(n + 1)]
    for p in ps:
        p.inc(10)
    return [p.x for p in ps]


def opt(n: int) -> int:
    p: Optional[P] = None
    if n > 2:
        p = P(n)
    if p is not None:
        return p.x
    return -1


def dic(n: int) -> int:
    d: Dict[str, P] = {}
    d["a"] = P(n)
    d["a"].inc(4)
    return d["a"].x


def tern_union(n: int) -> Union[int, str]:
    return "a" if n > 2 else n


def mixed_list(n: int) -> List[Union[int, str]]:
    return [1, "a", n]


def mixed_list2(n: int) -> int:
    a = [1, "a", n]
    return len(a)


def diff_types(n: int) -> int:
    if n > 2:
        x = 1
    else:
        x = "a"
    return n


def diff_types2(n: int) -> int:
    if n > 2:
        x = 1
    else:
        x = "a"
    return len(x)


def ann_union(n: int) -> Union[int, str, None]:
    x: Union[int, str, None] = None
    if n > 2:
        x = n
    elif n > 1:
        x = "one"
    return x


def union_list(n: int) -> Union[int, List[int]]:
    if n > 2:
        return [n]
    return n


def opt_list(xs: List[Optional[int]]) -> int:
    s = 0
    for x in xs:
        if x is not None:
            s += x
    return s


def opt_dict(xs: Dict[str, Optional[int]]) -> int:
    x = xs["a"]
    if x is None:
        return 0
    return x


def isinst_list(x: Any) -> int:
    if isinstance(x, List[Tensor]):
        return len(x)
    if isinstance(x, Dict[str, int]):
        return x["a"]
    if isinstance(x, Tuple[int, str]):
        return x[0]
    return -1


def loop_union(n: int) -> int:
    x: Union[int, str] = 0
    for i in range(n):
        if isinstance(x, int):
            x = "a" * i
        else:
            x = len(x) + 5
    if isinstance(x, int):
        return x
    return -len(x)


def assert_opt(x: Optional[int]) -> int:
    assert x is not None
    return x + 1


def assert_opt2(x: Optional[int]) -> int:
    assert x is not None and x > 2
    return x + 1


def not_or(x: Optional[int], y: Optional[int]) -> int:
    if not (x is None or y is None):
        return x + y
    return 0


def while_opt(x: Optional[int]) -> int:
    while x is not None:
        if x > 5:
            x = None
        else:
            x = x + 1
    return 7


def tern_opt(x: Optional[int]) -> int:
    return x if x is not None else 3


def tern_opt2(x: Optional[Tensor]) -> Tensor:
    y = torch.zeros(2) if x is None else x
    return y + 1


def and_tern(x: Optional[int]) -> bool:
    return x is not None and x > 3


def or_tern(x: Optional[int]) -> bool:
    return x is None or x > 3


def opt_attr_index(x: Tuple[Optional[int], int]) -> int:
    a, b = x
    if a is not None:
        return a + b
    return b


def isnone_any(x: Any) -> int:
    if x is None:
        return 1
    return 2


def isinst_opt(x: Optional[Tensor]) -> int:
    if isinstance(x, Tensor):
        return x.dim()
    return -1


def isinst_none(x: Optional[int]) -> bool:
    return isinstance(x, type(None))


def isinst_tuple(x: Union[int, float, str]) -> int:
    if isinstance(x, (int, str)):
        if isinstance(x, int):
            return x
        return len(x)
    return int(x)


def none_filled_in_loop(x: Optional[Tensor], y: Tensor, n: int):
    if x is None:
        for i in range(n):
            x = y + i
    return x


def none_filled_in_while(x: Optional[Tensor], y: Tensor, n: int):
    if x is None:
        while n > 0:
            x = y
            n -= 1
        return x
    return y


def none_filled_and_added(x: Optional[int], n: int):
    if x is None:
        for i in range(n):
            if x is not None:
                x += i
            else:
                x = 7
    return x


def none_filled_in_branch(x: Optional[Tensor], y: Tensor):
    if x is None:
        if bool(y.sum() > 0):
            x = y
    return x


def none_emptied_elsewhere(x: Optional[Tensor], y: Tensor, n: int):
    if x is None:
        if n > 1:
            for i in range(n):
                x = y
    else:
        x = None
    return x


def not_none_negated(x: Optional[int], n: int):
    if not (x is not None):
        for i in range(n):
            x = i
    return x


def either_none(x: Optional[int], y: Optional[int], n: int):
    if x is None or y is None:
        for i in range(n):
            x = i
            y = 2 * i
    return x, y


def none_of_tuple(x: Optional[Tuple[int, Optional[int]]], n: int):
    if x is None:
        for i in range(n):
            x = (i, None)
    return x


def none_asserted(x: Optional[int], n: int):
    assert x is None
    for i in range(n):
        x = i
    return x


def another_name(x: Optional[int], n: int):
    if x is None:
        y = x
        for i in range(n):
            y = i
        return y
    return 1


def refined_stays_refined(x: Optional[int], n: int):
    if x is None:
        return -1
    for i in range(n):
        x = None
    return x


def default_list(x: Optional[List[int]], n: int):
    if x is None:
        x = []
    for i in range(n):
        x.append(i)
    return x


def default_list_of_lists(x: Optional[List[List[int]]], n: int):
    if x is None:
        x = []
    x.append([n])
    return x


def list_while_none(x: Optional[List[int]], n: int):
    while x is None:
        x = []
    return x


def list_emptied_in_loop(x: Optional[List[int]], n: int):
    for i in range(n):
        x = []
    return x


def list_emptied_in_branch(x: Optional[List[int]], n: int):
    if n > 2:
        x = []
    return x


def wrong_default_list(x: Optional[List[int]], n: int):
    if x is None:
        x = [1.0]
    return x


OVER_OPTIONALS = [
    none_filled_and_added,
    not_none_negated,
    none_asserted,
    another_name,
    refined_stays_refined,
]
OVER_LISTS = [
    default_list,
    list_while_none,
    list_emptied_in_loop,
    list_emptied_in_branch,
    wrong_default_list,
]


CASES = [
    *(
        (f, x, y, n)
        for f in (none_filled_in_loop, none_filled_in_while, none_emptied_elsewhere)
        for x, y, n in ((None, X, 0), (None, X, 3), (X, X + 1, 0), (X, X + 1, 3))
    ),
    *((none_filled_in_branch, x, y) for x in (None, X) for y in (X, -X)),
    *((f, x, n) for f in OVER_OPTIONALS for x in (None, 5) for n in (0, 3)),
    *((f, x, n) for f in OVER_LISTS for x in (None, [5]) for n in (0, 3)),
    *((either_none, x, y, 3) for x in (None, 1) for y in (None, 2)),
    *((none_of_tuple, x, 3) for x in (None, (4, None))),
    *((default_list_of_lists, x, 3) for x in (None, [[4]])),
    (lst, 3),
    (opt, 3),
    (opt, 1),
    (dic, 3),
    (tern_union, 1),
    (tern_union, 4),
    (mixed_list, 3),
    (mixed_list2, 3),
    (diff_types, 3),
    (diff_types2, 3),
    (ann_union, 1),
    (ann_union, 2),
    (ann_union, 3),
    (union_list, 1),
    (union_list, 3),
    (opt_list, [1, None, 3]),
    (opt_dict, {"a": None}),
    (opt_dict, {"a": 3}),
    (isinst_list, [X]),
    (isinst_list, {"a": 3}),
    (isinst_list, (4, "a")),
    (isinst_list, 3),
    (loop_union, 0),
    (loop_union, 3),
    (loop_union, 4),
    (assert_opt, None),
    (assert_opt, 3),
    (assert_opt2, 1),
    (assert_opt2, 4),
    (not_or, 1, 2),
    (not_or, None, 2),
    (while_opt, 3),
    (while_opt, None),
    (tern_opt, None),
    (tern_opt, 5),
    (tern_opt2, None),
    (tern_opt2, torch.ones(2)),
    (and_tern, None),
    (and_tern, 5),
    (or_tern, None),
    (or_tern, 2),
    (opt_attr_index, (None, 3)),
    (opt_attr_index, (1, 3)),
    (isnone_any, None),
    (isnone_any, 3),
    (isinst_opt, X),
    (isinst_opt, None),
    (isinst_none, None),
    (isinst_tuple, 1),
    (isinst_tuple, "abc"),
    (isinst_tuple, 2.5),
]
