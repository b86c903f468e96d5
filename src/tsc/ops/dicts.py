"""Dicts: TorchScript's operators on Python's own, mutated in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from tsc.dialects import torch_types as tt
from tsc.dialects.schema import Schema
from tsc.dtypes import Number
from tsc.errors import Error
from tsc.ops.definition import Family, Meaning
from tsc.ops.int_ranges import COUNT, always
from tsc.ops.python_forms import PythonForm, python_form

FAMILY = Family()
Key: TypeAlias = str | Number
"""What keys of dicts are."""


def _takes_dict(schema: Schema) -> bool:
    return bool(schema.arguments) and isinstance(schema.arguments[0].type, tt.DictType)


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


_DICT_FUNCTIONS: dict[str, Meaning] = {
    "__getitem__": _required, "__contains__": lambda d, key: key in d, "len": len, "keys": list,
    "values": lambda d: list(d.values()), "items": lambda d: list(d.items()), "get": _get,
    "setdefault": lambda d, key, value: d.setdefault(key, value), "update": lambda d, more: d.update(more),
    "pop": _pop_key, "popitem": _pop_item, "Delete": _delete_key, "clear": lambda d: d.clear(), "copy": dict,
    "dict": dict, "_set_item": _set_key,
}  # fmt: skip


def _method_text(name: str) -> Callable[..., str]:
    """Of a method with and without a default."""

    def write(self: str, *rest: str) -> str:
        return f"{self}.{name}({', '.join(rest)})"

    return write


_DICT_PYTHON = {
    "__getitem__": python_form("{0}[{1}]"),
    "__contains__": python_form("{1} in {0}", is_sure=True, reads=True),
    "len": python_form("len({0})", is_sure=True, reads=True), "keys": python_form("list({0})"),
    "values": python_form("list({0}.values())"), "items": python_form("list({0}.items())"),
    "get": PythonForm(_method_text("get")),
    "setdefault": python_form("{0}.setdefault({1}, {2})"), "update": python_form("{0}.update({1})"),
    "pop": PythonForm(_method_text("pop")), "Delete": python_form("del {0}[{1}]"),
    "clear": python_form("{0}.clear()"), "copy": python_form("dict({0})"), "dict": python_form("dict({0})"),
    "_set_item": python_form("{0}[{1}] = {2}"),
}  # fmt: skip
for _name, _function in _DICT_FUNCTIONS.items():
    FAMILY.overloads(
        f"aten::{_name}", _takes_dict, _function, _DICT_PYTHON.get(_name),
        ranging=always(COUNT) if _name == "len" else None,
    )  # fmt: skip
FAMILY.overloads("aten::dict", lambda schema: not _takes_dict(schema), _dict_of)
