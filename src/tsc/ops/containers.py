"""Lists and ranges: TorchScript's operators on Python's own, mutated in place."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np

from tsc.dialects import torch_types as tt
from tsc.dialects.schema import Schema
from tsc.dialects.torch_types import TorchType
from tsc.dims import holds_dim
from tsc.dtypes import Array, Number
from tsc.errors import BoundsError, Error, ShapeError
from tsc.narrowing import is_array, is_list
from tsc.ops.definition import Family, Meaning
from tsc.ops.int_ranges import ANY_INT, COUNT, Range, add, always, multiply
from tsc.ops.machine_forms import Machine
from tsc.ops.machine_lists import LIST_FORMS, extreme, repeated, total
from tsc.ops.number_functions import wrap64
from tsc.ops.python_forms import PythonForm, python_form
from tsc.ops.shapes import broadcast

FAMILY = Family()


def _first(schema: Schema) -> TorchType | None:
    return schema.arguments[0].type if schema.arguments else None


def _takes_list(schema: Schema) -> bool:
    return isinstance(_first(schema), tt.ListType)


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


_LIST_FUNCTIONS: dict[str, Meaning] = {
    "append": append, "extend": lambda a, b: a.extend(list(b)), "insert": lambda a, i, el: a.insert(i, el),
    "pop": pop, "remove": remove, "clear": lambda a: a.clear(), "index": index,
    "count": lambda a, el: sum(same(x, el) for x in a), "sort": _sort, "reverse": lambda a: a.reverse(),
    "copy": list, "slice": _slice, "__getitem__": lambda a, i: a[_position(a, i)], "_set_item": set_item,
    "Delete": delete, "add": lambda a, b: [*a, *b], "mul_": _repeat_in_place,
    "add_": extend_in_place,
    "len": len, "list": list, "__contains__": lambda a, el: _place(a, el) is not None,
    "sorted": lambda a: sorted(a, key=_sort_key), "eq": same, "ne": lambda a, b: not same(a, b),
}  # fmt: skip
_LIST_PYTHON = {
    "append": python_form("{0}.append({1})", gives_first=True), "extend": python_form("{0}.extend({1})"),
    "insert": python_form("{0}.insert({1}, {2})"), "pop": python_form("{0}.pop({1})"),
    "clear": python_form("{0}.clear()"), "reverse": python_form("{0}.reverse()"),
    "copy": python_form("list({0})"), "slice": python_form("{0}[{1}:{2}:{3}]"),
    "__getitem__": python_form("{0}[{1}]"),
    "_set_item": python_form("{0}[{1}] = {2}", gives_first=True), "Delete": python_form("del {0}[{1}]"),
    "add": python_form("{0} + {1}"), "add_": python_form("{0}.extend({1})", gives_first=True),
    "len": python_form("len({0})", is_sure=True, reads=True), "list": python_form("list({0})"),
}  # fmt: skip
"""What lists do as Python's."""
_COMPARING_PYTHON = {
    "__contains__": python_form("{1} in {0}", is_sure=True, reads=True),
    "index": python_form("{0}.index({1})"),
    "count": python_form("{0}.count({1})"), "remove": python_form("{0}.remove({1})"),
    "eq": python_form("{0} == {1}", is_sure=True, reads=True),
    "ne": python_form("{0} != {1}", is_sure=True, reads=True),
}  # fmt: skip
"""What they do as Python's if equality of elements is Python's, of which each is equal to itself."""
_SORTING_PYTHON = {
    "sort": python_form("{0}.sort(reverse={1})"), "sorted": python_form("sorted({0})"),
}  # fmt: skip
"""What they do as Python's if elements are no tensors."""


def _element(schema: Schema) -> TorchType | None:
    kind = _first(schema)
    return kind.data if isinstance(kind, tt.ListType) else None


def _equals_itself(schema: Schema) -> bool:
    return _element(schema) in (tt.INT, tt.BOOL, tt.STRING)


def _is_ordered(schema: Schema) -> bool:
    return _element(schema) is not tt.TENSOR


for _name, _function in _LIST_FUNCTIONS.items():
    if _name in _COMPARING_PYTHON:
        FAMILY.overloads(
            f"aten::{_name}", _takes_list, _function, _COMPARING_PYTHON[_name], _equals_itself,
            always(COUNT) if _name in ("index", "count") else None, LIST_FORMS.get(_name),
        )  # fmt: skip
    elif _name in _SORTING_PYTHON:
        FAMILY.overloads(f"aten::{_name}", _takes_list, _function, _SORTING_PYTHON[_name], _is_ordered)
    else:
        ranging = always(COUNT) if _name == "len" else None
        FAMILY.overloads(
            f"aten::{_name}", _takes_list, _function, _LIST_PYTHON.get(_name), ranging=ranging,
            machine=LIST_FORMS.get(_name),
        )  # fmt: skip


def _repeated_length(a: list[Any] | int, b: list[Any] | int) -> int:
    return math.prod(len(x) if isinstance(x, list) else x for x in (a, b))


@FAMILY.op(
    "aten::mul.left_t", kind="python", length=_repeated_length,
    python=python_form("{0} * {1} if {1} >= 0 else {eager}({0}, {1})"), machine=repeated,
)  # fmt: skip
def repeat(items: list[Any], count: int) -> list[Any]:
    """``items * count``."""
    return _repeated(items, count)


@FAMILY.op(
    "aten::mul.right_", kind="python", length=_repeated_length,
    python=python_form("{0} * {1} if {0} >= 0 else {eager}({0}, {1})"),
)  # fmt: skip
def repeat_reversed(count: int, items: list[Any]) -> list[Any]:
    """``count * items``."""
    return _repeated(items, count)


def _is_nonzero(value: object) -> bool:
    return bool(value)


def _gives_number(schema: Schema) -> bool:
    return _takes_list(schema) and schema.results[0].type is not tt.TENSOR


def _gives(kind: TorchType, schema: Schema) -> bool:
    return _takes_list(schema) and schema.results[0].type is kind


def _sum_from(start: Number, numbers: list[Any]) -> Any:
    """From left to right: Python's own may make up for rounding."""
    return reduce(operator.add, numbers, start)


FAMILY.overloads(
    "aten::any", _gives_number, lambda a: any(_is_nonzero(x) for x in a), python_form("any({0})")
)
FAMILY.overloads(
    "aten::all", _gives_number, lambda a: all(_is_nonzero(x) for x in a), python_form("all({0})")
)
FAMILY.overloads(
    "aten::sum", partial(_gives, tt.INT), lambda a: wrap64(sum(a)), python_form("sum({0})", wraps=True),
    machine=total,
)  # fmt: skip
for _kind, _start in ((tt.FLOAT, 0.0), (tt.COMPLEX, 0j)):
    FAMILY.overloads(
        "aten::sum",
        partial(_gives, _kind),
        partial(_sum_from, _start),
        python_form(f"{{reduce}}({{add}}, {{0}}, {_start})", {"reduce": reduce, "add": operator.add}),
        machine=total if _kind is tt.FLOAT else None,
    )


def _extremum(name: str, pick: Callable[..., Any]) -> Callable[..., Any]:
    def extremum(first: Sequence[Any], *second: Sequence[Any]) -> Any:
        if second:
            return pick(list(first), list(second[0]))
        if not first:
            raise Error(f"{name}() arg is an empty sequence")
        return pick(first)

    return extremum


def _takes_one(schema: Schema) -> bool:
    return _takes_list(schema) and len(schema.arguments) == 1


def _takes_two(schema: Schema) -> bool:
    return _takes_list(schema) and len(schema.arguments) == 2


for _name, _pick in (("min", min), ("max", max)):
    _form = python_form(f"{_name}({{0}}) if {{0}} else {{eager}}({{0}})")
    _function = _extremum(_name, _pick)
    FAMILY.overloads(f"prim::{_name}", _takes_one, _function, _form, machine=extreme(_name == "max"))
    FAMILY.overloads(f"prim::{_name}", _takes_two, _function)


# --- comparisons of opaque values, ranges, and questions about the run ---


def _compares_opaque(schema: Schema) -> bool:
    return len(schema.arguments) == 2 and (
        isinstance(_first(schema), tt.EnumType) or _first(schema) in (tt.DEVICE, tt.STRING, tt.NONE)
    )


FAMILY.overloads("aten::eq", _compares_opaque, operator.eq, python_form("{0} == {1}", is_sure=True))
FAMILY.overloads("aten::ne", _compares_opaque, operator.ne, python_form("{0} != {1}", is_sure=True))
for _name, _sign, _function in (
    ("lt", "<", operator.lt), ("le", "<=", operator.le), ("gt", ">", operator.gt), ("ge", ">=", operator.ge),
):  # fmt: skip
    FAMILY.overloads(
        f"aten::{_name}",
        lambda schema: _first(schema) is tt.STRING,
        _function,
        python_form(f"{{0}} {_sign} {{1}}", is_sure=True),
    )


def _range_length(machine: Machine, low: str, high: str, step: str) -> str:
    """Downwards as upwards from the other end."""
    machine.trap_if(machine.op(f"icmp eq i64 {step}, 0"))
    is_down = machine.op(f"icmp slt i64 {step}, 0")
    first = machine.op(f"select i1 {is_down}, i64 {high}, i64 {low}")
    last = machine.op(f"select i1 {is_down}, i64 {low}, i64 {high}")
    opposite = machine.op(f"sub i64 0, {step}")
    size = machine.op(f"select i1 {is_down}, i64 {opposite}, i64 {step}")
    distance = machine.helper("distance", first, last)
    is_empty = machine.op(f"icmp eq i64 {distance}, 0")
    before = machine.op(f"sub i64 {distance}, 1")
    steps = machine.op(f"udiv i64 {before}, {size}")
    count = machine.op(f"add i64 {steps}, 1")
    return machine.op(f"select i1 {is_empty}, i64 0, i64 {count}")


@FAMILY.op(
    "aten::__range_length", kind="python", python=python_form("len(range({0}, {1}, {2}))"),
    ranging=always((0, 2 * ANY_INT[1])), machine=_range_length,
)  # fmt: skip
def range_length(lo: int, hi: int, step: int) -> int:
    """``len(range(lo, hi, step))``.

    Raises:
        Error: `step` is zero.
    """
    if step == 0:
        raise Error("range() arg 3 must not be zero")
    if not holds_dim([lo, hi]):
        return len(range(lo, hi, step))
    distance, pace = (hi - lo, step) if step > 0 else (lo - hi, -step)
    if distance <= 0:
        return 0
    return distance if pace == 1 else (distance + pace - 1) // pace


def _derived_index(machine: Machine, index: str, start: str, step: str) -> str:
    distance = machine.op(f"mul i64 {index}, {step}")
    return machine.op(f"add i64 {start}, {distance}")


def _derived_range(index: Range, start: Range, step: Range) -> Range:
    return add(start, multiply(index, step))


def _derived(index: str, start: str, step: str) -> str:
    return f"{start} + {index}" if step == "1" else f"{start} + {index} * {step}"


@FAMILY.op(
    "aten::__derive_index",
    kind="python",
    python=PythonForm(_derived, wraps=True, is_sure=True),
    ranging=_derived_range,
    machine=_derived_index,
)
def derive_index(index: int, start: int, step: int) -> int:
    """``range(start, ..., step)[index]``."""
    return wrap64(start + index * step)


@FAMILY.op("prim::rangelist", kind="python", python=python_form("list(range({0}))"))
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
