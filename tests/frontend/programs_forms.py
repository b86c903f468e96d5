# type: ignore
# ruff: noqa
"""Programs with slices, ellipses and dicts by name, containers of several types, and identity."""

import torch
from typing import *
from torch import Tensor

X = torch.arange(24.0).reshape(2, 3, 4)


def slices_by_name(x):
    return (
        x[slice(1)],
        x[slice(0, 1), slice(None, 2)],
        x[:, slice(1, 3)],
        x[slice(0, 2, 2), ..., slice(1, None, 2)],
    )


def slices_as_values(x, n: int):
    s = slice(n, n + 2)
    e = slice(None, n)
    return x[:, s], x[e, s], x[s], x[0][s]


def slices_of_others():
    l = [1, 2, 3, 4, 5]
    s = slice(1, 4)
    t = (1, "a", 2.0)
    return (
        l[s],
        l[slice(2)],
        l[slice(0, 5, 2)],
        t[slice(0, 2)],
        "hello"[slice(1, 3)],
        "hello"[s],
        t[slice(1, None)],
    )


def slices_written(x):
    y = x.clone()
    y[slice(0, 1)] = 5
    y[:, slice(1, 2)] += 3
    s = slice(0, 2)
    y[..., s] = 7
    return y


def slice_as_result(x):
    return slice(1, 2)


def slice_without_bounds(x):
    return x[slice()]


def ellipsis_by_name(x):
    y = x.clone()
    y[Ellipsis, 0] = 4
    return x[Ellipsis, 0], x[0, Ellipsis], x[Ellipsis, None, 1:2], y


def two_ellipses(x):
    return x[..., Ellipsis]


def dicts_by_name():
    return (
        dict([("a", 1)]),
        dict({"a": 1}),
        dict({"a": 1}, b=2),
        dict(a=1, b=2),
        dict(zip(["q"], [1.0])),
        dict([("a", 1)], q=3),
        dict(enumerate(["x"])),
        dict({"a": 1}, a=5),
    )


def empty_dicts():
    d: Dict[int, str] = dict()
    d[1] = "a"
    e: Optional[Dict[str, int]] = dict()
    f: Dict[str, int] = dict([])
    return d, e, f


def empty_dict_returned() -> Dict[str, int]:
    return dict()


def dict_copied():
    d = {"a": 1}
    e = dict(d)
    e["b"] = 3
    return d, e


def dict_of_two_kinds():
    return dict({"a": 1}, b="x")


def same_objects():
    a = [1]
    b = a
    c = {"a": 1}
    d = c
    return a is b, a is not b, [1] is [1], c is d, c is not d, {"a": 1} is c, [1] is not a


def list_of_unions(v: Union[int, str]):
    l: List[Union[int, str]] = [1, "a"]
    l.append("c")
    l.append(3)
    l.append(v)
    l.insert(0, "q")
    l[1] = "z"
    l.remove("q")
    return l, l.count("c"), l.index("z"), "c" in l


def list_of_unions_of_lists():
    l: List[Union[int, List[int]]] = []
    l.append(1)
    l.append([2])
    return l


def list_of_any():
    l: List[Any] = []
    l.append(1)
    l.append("a")
    return l


def union_list_extended():
    l: List[Union[int, str]] = [1, "a"]
    l.extend(["a"])
    return l


def del_of_nothing():
    del nothing
    return 1


CASES = [
    (slices_by_name, X),
    (slices_as_values, X, 1),
    (slices_of_others,),
    (slices_written, X),
    (slice_as_result, X),
    (slice_without_bounds, X),
    (ellipsis_by_name, X),
    (two_ellipses, X),
    (dicts_by_name,),
    (empty_dicts,),
    (empty_dict_returned,),
    (dict_copied,),
    (dict_of_two_kinds,),
    (same_objects,),
    (list_of_unions, 5),
    (list_of_unions_of_lists,),
    (list_of_any,),
    (union_list_extended,),
    (del_of_nothing,),
]


class Weight:
    def __init__(self, x: int, name: str):
        self.x = x
        self.name = name

    def __lt__(self, other: "Weight") -> bool:
        return self.x < other.x


class Bare:
    def __init__(self, x: int):
        self.x = x


def objects_sorted():
    l = [Weight(3, "a"), Weight(1, "b"), Weight(2, "c"), Weight(1, "d")]
    s = sorted(l)
    before = [w.name for w in l]
    l.sort()
    empty: List[Weight] = []
    empty.sort()
    return before, [w.name for w in s], [w.name for w in l], len(empty)


def objects_sorted_backwards():
    l = [Weight(3, "a"), Weight(1, "b"), Weight(2, "c")]
    l.sort(reverse=True)
    return [w.name for w in l]


def objects_without_order():
    l = [Bare(2), Bare(1)]
    l.sort()
    return l[0].x


CASES += [(objects_sorted,), (objects_sorted_backwards,), (objects_without_order,)]


ONE = torch.ones(1)


def with_default_tensor(x: Tensor, k: int = 2, w: Tensor = ONE):
    return x * k + w


def calls_with_default_tensor(x):
    return with_default_tensor(x)


def tensors_hashed(x, y):
    return hash(x) == hash(x), hash(x) == hash(y)


def tensors_of_a_dtype(x: torch.FloatTensor, y: Optional[torch.LongTensor]) -> Dict[str, torch.FloatTensor]:
    z: torch.DoubleTensor = x * 2
    return {"z": z, "y": x if y is None else y}


CASES += [
    (tensors_of_a_dtype, torch.ones(2), None),
    (tensors_of_a_dtype, torch.ones(2), torch.ones(2)),
    (calls_with_default_tensor, torch.ones(2)),
    (tensors_hashed, torch.ones(2), torch.ones(2)),
]
