# type: ignore
# ruff: noqa
"""Programs with lists and dicts: slices, deletion, methods."""

import torch, enum
from typing import *
from torch import Tensor

L = [1, 2, 3, 4, 5]
D = {"a": 1, "b": 2}
X = torch.arange(6.0).reshape(2, 3)


def l_slices(a: List[int]) -> List[List[int]]:
    return [a[::2], a[1:3], a[-2:], a[:-1], a[5:2], a[1::2], a[-100:100]]


def l_slice_neg(a: List[int]) -> List[int]:
    return a[::-1]


def l_slice_neg2(a: List[int]) -> List[int]:
    return a[3:0:-1]


def l_slice_zero(a: List[int], n: int) -> List[int]:
    return a[::n]


def del_dict(d: Dict[str, int]) -> Dict[str, int]:
    del d["a"]
    return d


def del_dict_missing(d: Dict[str, int]) -> Dict[str, int]:
    del d["zz"]
    return d


def del_list(d: List[int]) -> List[int]:
    del d[1]
    return d


def del_list_neg(d: List[int]) -> List[int]:
    del d[-1]
    return d


def del_slice(d: List[int]) -> List[int]:
    del d[1:2]
    return d


def del_two(d: Dict[str, int]) -> Dict[str, int]:
    del d["a"], d["b"]
    return d


def del_name(n: int) -> int:
    y = n
    del y
    return n


def del_name_used(n: int) -> int:
    y = n
    del y
    return y


def l_mul(a: List[int]) -> List[int]:
    return a * 3


def l_mul_r(a: List[int]) -> List[int]:
    return 2 * a


def l_imul(a: List[int]) -> List[int]:
    a *= 2
    return a


def l_imul_alias(a: List[int]) -> List[int]:
    b = a
    a *= 2
    return b


def l_neg_mul(a: List[int]) -> List[int]:
    return a * -1


def l_add(a: List[int]) -> List[int]:
    return a + [5]


def aug_nested(d: Dict[str, int]) -> Dict[str, int]:
    d["a"] += 5
    d["b"] *= 2
    return d


def aug_list(a: List[int]) -> List[int]:
    a[0] += 5
    a[-1] -= 1
    return a


def list_methods(a: List[int]) -> List[int]:
    a.append(1)
    a.extend([5, 4])
    a.insert(0, 9)
    a.pop()
    a.pop(0)
    a.remove(2)
    a.reverse()
    a.sort()
    b = a.copy()
    b.append(a.count(1) + a.index(3))
    b.sort(reverse=True)
    return b


def list_clear(a: List[int]) -> List[int]:
    a.clear()
    return a


def list_in(a: List[int]) -> List[bool]:
    return [3 in a, 99 in a, 3 not in a]


def list_cmp(a: List[int]) -> List[bool]:
    return [a == [1, 2], a != [1, 2], a == a]


def list_lt(a: List[int]) -> bool:
    return a < [5]


def dict_methods(d: Dict[str, int]) -> List[int]:
    out = [d.get("a", 5), d.get("zz", 7), len(d), d.pop("a"), d.pop("qq", 4), d.setdefault("new", 3)]
    d.update({"b": 100})
    out.append(d["b"])
    return out


def dict_get_none(d: Dict[str, int]) -> Optional[int]:
    return d.get("zz")


def dict_popitem(d: Dict[str, int]) -> int:
    k, v = d.popitem()
    return len(d)


def dict_keys(d: Dict[str, int]) -> Tuple[List[str], List[int]]:
    return list(d.keys()), list(d.values())


def dict_items(d: Dict[str, int]) -> List[Tuple[str, int]]:
    return d.items()


def dict_in(d: Dict[str, int]) -> List[bool]:
    return ["a" in d, "zz" in d, "a" not in d]


def dict_ctor(a: List[Tuple[str, int]]) -> Dict[str, int]:
    return dict(a)


def dict_kw() -> Dict[str, int]:
    return dict(a=1, b=2)


def dict_copy(d: Dict[str, int]) -> Dict[str, int]:
    e = d.copy()
    e["q"] = 1
    d.clear()
    return e


def dict_float_keys() -> Dict[float, str]:
    return {1.5: "a", 2.5: "b"}


def dict_bool_keys() -> Dict[bool, str]:
    return {True: "a", False: "b"}


def list_of(a: Tuple[int, int]) -> List[int]:
    return list(a)


def nested_list(a: List[List[int]]) -> int:
    a[0][1] = 9
    return a[0][1] + a[1][0]


def listlist_lit() -> List[List[int]]:
    return [[1, 2], [], [3]]


def empty_annot() -> List[str]:
    a: List[str] = []
    return a


CASES = [
    (l_slices, L),
    (l_slice_neg, L),
    (l_slice_neg2, L),
    (l_slice_zero, L, 0),
    (l_slice_zero, L, -1),
    (l_slice_zero, L, 2),
    (del_dict, D),
    (del_dict_missing, D),
    (del_list, L),
    (del_list_neg, L),
    (del_slice, L),
    (del_two, D),
    (del_name, 1),
    (del_name_used, 1),
    (l_mul, L),
    (l_mul_r, L),
    (l_imul, L),
    (l_imul_alias, L),
    (l_neg_mul, L),
    (l_add, L),
    (aug_nested, D),
    (aug_list, L),
    (list_methods, L),
    (list_clear, L),
    (list_in, L),
    (list_cmp, [1, 2]),
    (list_lt, L),
    (dict_methods, D),
    (dict_get_none, D),
    (dict_popitem, D),
    (dict_keys, D),
    (dict_items, D),
    (dict_in, D),
    (dict_ctor, [("a", 1)]),
    (dict_kw,),
    (dict_copy, D),
    (dict_float_keys,),
    (dict_bool_keys,),
    (list_of, (1, 2)),
    (nested_list, [[1, 2], [3]]),
    (listlist_lit,),
    (empty_annot,),
]
