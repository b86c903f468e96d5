"""A class of the program as TorchScript's Python: module, script class, named tuple, enum, interface."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.errors import NotSupportedError
from tsc.frontend.compile import read_signature
from tsc.frontend.hooks import hooks_of
from tsc.frontend.unit import REQUIRED, Class, Function
from tsc.printing.node_text import constant_text, is_identifier
from tsc.printing.python import CodePrinter
from tsc.printing.spelling import code_type, quoted

PrintMethod = Callable[[Function], None]
_BASES = {
    "module": "(Module)",
    "class": "",
    "namedtuple": "(NamedTuple)",
    "enum": "(Enum)",
}


def print_class(out: CodePrinter, cls: Class, methods: Sequence[Function], print_method: PrintMethod) -> None:
    """The ``class`` statement of `cls` with `methods`, each printed by `print_method`."""
    out.write(f"class {cls.name.rpartition('.')[2]}{_base(cls)}:")
    out.level += 1
    start = len(out.lines)
    if cls.kind == "enum":
        for name, value in cls.members.items():
            out.write(f"{name} = {constant_text(_enum_value(cls, value), out.constants)}")
    elif cls.kind == "namedtuple":
        for name, kind in cls.attributes.items():
            _declare(out, name, kind)
    elif cls.kind == "interface":
        for method in methods:
            _interface_method(out, method)
    else:
        _print_object_class(out, cls, methods)
        for method in methods:
            print_method(method)
        if "container" in cls.members and "__len__" not in cls.methods:
            out.write(f"def __len__(self: {cls.name}) -> int:")
            out.write(f"  return {len(cls.members['container'])}")
    if len(out.lines) == start:
        out.write("pass")
    out.level -= 1


def _base(cls: Class) -> str:
    return cls.members["$base"] if cls.kind == "interface" else _BASES[cls.kind]


def _enum_value(cls: Class, value: object) -> Any:
    if not isinstance(value, (int, float, str)) or isinstance(value, bool):
        raise NotSupportedError(f"save: members of enum {cls.name} must be int, float or str; got {value!r}")
    return value


def _print_object_class(out: CodePrinter, cls: Class, methods: Sequence[Function]) -> None:
    if cls.kind == "module":
        out.write(f"__parameters__ = [{_listed(n for n in cls.attributes if n in cls.parameters)}]")
        out.write(f"__buffers__ = [{_listed(n for n in cls.attributes if n in cls.buffers)}]")
        for title, hooks in zip(("pre_hooks", "hooks"), hooks_of(cls), strict=True):
            names = [hook.short_name for hook in hooks if hook in methods]
            if names:
                out.write(f"__forward_{title}__ = [{_listed(names)}]")
    for i, (name, kind) in enumerate(cls.attributes.items()):
        if i == 0 and not is_identifier(name):
            out.write("__annotations__ = []")
        _declare(out, name, kind)
    for name, value in cls.constants.items():
        kind = constant_type(value)
        if kind is not None and is_identifier(name):
            out.write(f"{name} : Final[{code_type(kind)}] = {constant_text(value, out.constants)}")


def _listed(names: Iterable[str]) -> str:
    return "".join(f'"{name}", ' for name in names)


def _declare(out: CodePrinter, name: str, kind: TorchType) -> None:
    out.used.add_type(kind)
    if is_identifier(name):
        out.write(f"{name} : {code_type(kind)}")
    else:
        out.write(f"__annotations__[{quoted(name)}] = {code_type(kind)}")


def _interface_method(out: CodePrinter, method: Function) -> None:
    read_signature(method)
    result = method.result or tt.TENSOR
    for kind in (*(p.type for p in method.parameters), result):
        out.used.add_type(kind)
    listed = "".join(f", {p.name}: {code_type(p.type)}" for p in method.parameters)
    out.write(f"def {method.short_name}(self{listed}) -> {code_type(result)}:")
    out.write("  pass")


def constant_type(value: Any) -> TorchType | None:
    """The type of a class constant; None for what an archive cannot hold."""
    scalars: dict[type, TorchType] = {
        bool: tt.BOOL, int: tt.INT, float: tt.FLOAT, complex: tt.COMPLEX, str: tt.STRING, type(None): tt.NONE,
    }  # fmt: skip
    if type(value) in scalars:
        return scalars[type(value)]
    if not isinstance(value, (list, tuple)) or value is REQUIRED:
        return None
    parts = [constant_type(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
    known = [p for p in parts if p is not None]
    if len(known) != len(parts):
        return None
    if isinstance(value, tuple):
        return tt.TupleType(tuple(known))
    return tt.ListType(known[0]) if known and all(k is known[0] for k in known) else None
