"""Lists, dicts and ranges: TorchScript's container operators on Python's own, mutated in place."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from tsc.dialects import schema as schemas
from tsc.dialects import torch_types as tt
from tsc.dialects.schema import Schema
from tsc.dialects.torch_types import TorchType
from tsc.dtypes import Array, Number
from tsc.errors import BoundsError, Error, ShapeError
from tsc.narrowing import is_array, is_list
from tsc.ops.definition import Family
from tsc.ops.python_scalars import wrap64
from tsc.ops.shapes import broadcast

FAMILY = Family()
Key: TypeAlias = str | Number
"""What keys of dicts are."""
Function = (
    Callable[[], Any]
    | Callable[[Any], Any]
    | Callable[[Any, Any], Any]
    | Callable[[Any, Any, Any], Any]
    | Callable[[Any, Any, Any, Any], Any]
)
"""By arity, so that the parameters of lambdas have types."""


def _define(
    name: str, wanted: Callable[[Schema], bool], function: Function, python: str | None = None
) -> None:
    """`function` is the meaning of the overloads `wanted` accepts, dicts keyed by tensors excepted."""
    for schema in schemas.overloads(name):
        if wanted(schema) and not _keyed_by_tensor(schema):
            text = None if python is None else python.format
            FAMILY.op(schema.full_name, kind="python", python=text)(function)


def _first(schema: Schema) -> TorchType | None:
    return schema.arguments[0].type if schema.arguments else None


def _takes_list(schema: Schema) -> bool:
    return isinstance(_first(schema), tt.ListType)


def _takes_dict(schema: Schema) -> bool:
    return isinstance(_first(schema), tt.DictType)


def _keyed_by_tensor(schema: Schema) -> bool:
    kinds = [a.type for a in (*schema.arguments, *schema.results) if isinstance(a.type, tt.DictType)]
    return any(kind.data[0] is tt.TENSOR for kind in kinds)


def same(a: object, b: object) -> bool:
    """Whether two elements are equal; tensors, if all their elements are.

    Raises:
        RuntimeError: tensors of more than one element.
    """
    if is_list(a) and is_list(b):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if not isinstance(a, np.ndarray):
        return bool(a == b)
    equal = np.asarray(a == b)
    if equal.size != 1:
        raise Error("Boolean value of Tensor with more than one value is ambiguous")
    return bool(equal.item())


def _place(items: Sequence[Any], element: object) -> int | None:
    return next((i for i, item in enumerate(items) if same(item, element)), None)


def _position(items: Sequence[Any], place: int) -> int:
    """`place` counted from the front.

    Raises:
        BoundsError: there is no such element.
    """
    wrapped = place + len(items) if place < 0 else place
    if not 0 <= wrapped < len(items):
        raise BoundsError("list index out of range")
    return wrapped


# --- lists ---


def append(self: list[Any], el: object) -> list[Any]:
    """`el` added at the end."""
    self.append(el)
    return self


def pop(self: list[Any], idx: int) -> Any:
    """The element at `idx`, which is removed."""
    if not self:
        raise BoundsError("pop from empty list")
    return self.pop(_position(self, idx))


def remove(self: list[Any], el: object) -> None:
    """Remove the first element equal to `el`."""
    place = _place(self, el)
    if place is None:
        raise Error("list.remove(x): x not in list")
    del self[place]


def index(self: Sequence[Any], el: object) -> int:
    """The place of the first element equal to `el`."""
    place = _place(self, el)
    if place is None:
        raise Error(f"'{el}' is not in list")
    return place


def set_item(self: list[Any], idx: int, el: object) -> list[Any]:
    """Replace the element at `idx`."""
    self[_position(self, idx)] = el
    return self


def delete(self: list[Any], idx: int) -> None:
    """Remove the element at `idx`."""
    del self[_position(self, idx)]


def extend_in_place(self: list[Any], b: Sequence[Any]) -> list[Any]:
    """The elements of `b` added at the end."""
    self.extend(list(b))
    return self


def _sort_key(value: Number | str | Array) -> Any:
    return value.item() if is_array(value) else value


def _sort(self: list[Any], reverse: bool = False) -> None:
    self.sort(key=_sort_key, reverse=reverse)


def _slice(items: Sequence[Any], start: int | None, end: int | None, step: int) -> Sequence[Any]:
    if step == 0:
        raise ShapeError("slice step cannot be zero")
    return items[start:end:step]


def _repeated(items: Sequence[Any], count: int) -> list[Any]:
    if count < 0 and items:
        raise ShapeError(f"list: requires a count of repetitions that is not negative; got {count}")
    return list(items) * count


def _repeat_in_place(items: list[Any], count: int) -> list[Any]:
    items[:] = _repeated(items, count)
    return items


_LIST_FUNCTIONS: dict[str, Function] = {
    "append": append, "extend": lambda a, b: a.extend(list(b)), "insert": lambda a, i, el: a.insert(i, el),
    "pop": pop, "remove": remove, "clear": lambda a: a.clear(), "index": index,
    "count": lambda a, el: sum(same(x, el) for x in a), "sort": _sort, "reverse": lambda a: a.reverse(),
    "copy": list, "slice": _slice, "__getitem__": lambda a, i: a[_position(a, i)], "_set_item": set_item,
    "Delete": delete, "add": lambda a, b: [*a, *b], "mul_": _repeat_in_place,
    "add_": extend_in_place,
    "len": len, "list": list, "__contains__": lambda a, el: _place(a, el) is not None,
    "sorted": lambda a: sorted(a, key=_sort_key), "eq": same, "ne": lambda a, b: not same(a, b),
}  # fmt: skip
_LIST_PYTHON = {"append": "{0}.append({1}) or {0}", "__getitem__": "{}[{}]", "len": "len({})"}
for _name, _function in _LIST_FUNCTIONS.items():
    _define(f"aten::{_name}", _takes_list, _function, _LIST_PYTHON.get(_name))


def _repeated_length(a: list[Any] | int, b: list[Any] | int) -> int:
    return math.prod(len(x) if isinstance(x, list) else x for x in (a, b))


@FAMILY.op("aten::mul.left_t", kind="python", length=_repeated_length)
def repeat(items: list[Any], count: int) -> list[Any]:
    """``items * count``."""
    return _repeated(items, count)


@FAMILY.op("aten::mul.right_", kind="python", length=_repeated_length)
def repeat_reversed(count: int, items: list[Any]) -> list[Any]:
    """``count * items``."""
    return _repeated(items, count)


def _is_nonzero(value: object) -> bool:
    return bool(value)


_REDUCTIONS: dict[str, Function] = {
    "aten::any": lambda a: any(_is_nonzero(x) for x in a),
    "aten::all": lambda a: all(_is_nonzero(x) for x in a),
    "aten::sum": lambda a: wrap64(sum(a)),
}
for _name, _function in _REDUCTIONS.items():
    _define(_name, lambda schema: _takes_list(schema) and schema.results[0].type is not tt.TENSOR, _function)


def _extremum(name: str, pick: Callable[..., Any]) -> Callable[..., Any]:
    def extremum(first: Sequence[Any], *second: Sequence[Any]) -> Any:
        if second:
            return pick(list(first), list(second[0]))
        if not first:
            raise Error(f"{name}() arg is an empty sequence")
        return pick(first)

    return extremum


_define("prim::min", _takes_list, _extremum("min", min))
_define("prim::max", _takes_list, _extremum("max", max))


# --- dicts ---


def _required(self: dict[Any, Any], key: Key) -> Any:
    if key not in self:
        raise Error(f"KeyError: {key}")
    return self[key]


def _pop_key(self: dict[Any, Any], key: Key, *default: object) -> Any:
    if default:
        return self.pop(key, default[0])
    _required(self, key)
    return self.pop(key)


def _pop_item(self: dict[Any, Any]) -> tuple[Any, Any]:
    if not self:
        raise Error("popitem(): dictionary is empty")
    first = next(iter(self))
    return first, self.pop(first)


def _delete_key(self: dict[Any, Any], key: Key) -> None:
    _required(self, key)
    del self[key]


def _set_key(self: dict[Any, Any], key: Key, value: object) -> None:
    self[key] = value


def _get(self: dict[Any, Any], key: Key, *default: object) -> Any:
    return self.get(key, *default)


def _dict_of(*pairs: object) -> dict[Any, Any]:
    return dict(*pairs)


_DICT_FUNCTIONS: dict[str, Function] = {
    "__getitem__": _required, "__contains__": lambda d, key: key in d, "len": len, "keys": list,
    "values": lambda d: list(d.values()), "items": lambda d: list(d.items()), "get": _get,
    "setdefault": lambda d, key, value: d.setdefault(key, value), "update": lambda d, more: d.update(more),
    "pop": _pop_key, "popitem": _pop_item, "Delete": _delete_key, "clear": lambda d: d.clear(), "copy": dict,
    "dict": dict, "_set_item": _set_key,
}  # fmt: skip
_DICT_PYTHON = {
    "__getitem__": "{}[{}]", "__contains__": "{1} in {0}", "len": "len({})", "_set_item": "{}[{}] = {}",
}  # fmt: skip
for _name, _function in _DICT_FUNCTIONS.items():
    _define(f"aten::{_name}", _takes_dict, _function, _DICT_PYTHON.get(_name))
_define("aten::dict", lambda schema: not _takes_dict(schema), _dict_of)


# --- comparisons of opaque values, ranges, and questions about the run ---


def _compares_opaque(schema: Schema) -> bool:
    return len(schema.arguments) == 2 and (
        isinstance(_first(schema), tt.EnumType) or _first(schema) in (tt.DEVICE, tt.STRING, tt.NONE)
    )


_define("aten::eq", _compares_opaque, operator.eq)
_define("aten::ne", _compares_opaque, operator.ne)
for _name, _function in (
    ("lt", operator.lt), ("le", operator.le), ("gt", operator.gt), ("ge", operator.ge),
):  # fmt: skip
    _define(f"aten::{_name}", lambda schema: _first(schema) is tt.STRING, _function)


@FAMILY.op("aten::__range_length", kind="python")
def range_length(lo: int, hi: int, step: int) -> int:
    """``len(range(lo, hi, step))``.

    Raises:
        Error: `step` is zero.
    """
    if step == 0:
        raise Error("range() arg 3 must not be zero")
    return len(range(lo, hi, step))


@FAMILY.op("aten::__derive_index", kind="python")
def derive_index(index: int, start: int, step: int) -> int:
    """``range(start, ..., step)[index]``."""
    return wrap64(start + index * step)


@FAMILY.op("prim::rangelist", kind="python")
def range_list(n: int) -> list[int]:
    """``list(range(n))``."""
    return list(range(n))


@FAMILY.op("aten::broadcast_shapes", kind="python")
def broadcast_shapes(a: Sequence[int], b: Sequence[int]) -> list[int]:
    """The shape both broadcast to."""
    return list(broadcast(a, b))


@FAMILY.op("aten::_size_if_not_equal", kind="python")
def size_if_not_equal(self_size: Sequence[int], other_size: Sequence[int]) -> list[int] | None:
    """The first size, or None where both are equal."""
    return None if list(self_size) == list(other_size) else list(self_size)
