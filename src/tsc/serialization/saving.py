"""A program as the records of an archive: its classes and functions as code, its objects as pickles."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
from xdsl.dialects.func import FuncOp

from tsc.archive.pickle_writer import Instance, Member, PickleWriter
from tsc.archive.storages import Storages
from tsc.archive.writer import Record
from tsc.dialects import torch_types as tt
from tsc.dialects.constants import ConstantPool
from tsc.dialects.torch_types import TorchType
from tsc.dialects.walking import walk
from tsc.errors import NotSupportedError
from tsc.frontend.compile import Compiler
from tsc.frontend.hooks import hooks_of
from tsc.frontend.object_graph import callee_of, reachable
from tsc.frontend.unit import Class, EnumValue, Function, ScriptObject, untrained_of
from tsc.interop import torch as torch_interop
from tsc.printing.spelling import code_type
from tsc.serialization.saved_code import CodeFiles, methods_to_save

Visibility = Callable[[Class, str], bool]
"""Whether objects of a class still have an attribute or a method."""
Entries = dict[str, tuple[FuncOp, ConstantPool]]
"""The methods of a frozen module: their operations, and the arrays of their constants."""

PLACEHOLDER = "__torch__.PlaceholderModule"
"""The class PyTorch wraps a function in that is saved alone."""
LATEST_WITH_OLD_PATH = 5
"""Format versions above this one stand in ``.data/version``."""


def archive_records(
    root: ScriptObject, files: CodeFiles, extra_files: dict[str, Any] | None = None
) -> list[Record]:
    """Everything an archive of `root` holds; `files` has printed its classes.

    Raises:
        NotSupportedError: an archive cannot hold something; its path or source line is named.
    """
    constants: list[Any] = files.constants.values
    pickled_root, storages = _pickled(root)
    table = Storages([v for v in constants if isinstance(v, np.ndarray)])  # pyright: ignore[reportUnknownArgumentType]
    kinds = tuple(_constant_type(v) for v in constants)
    pickled_constants = PickleWriter(table, describe, code_type).dump(
        tuple(constants), tt.TupleType(kinds), "CONSTANTS"
    )
    records = [Record(f"data/{key}", data) for key, data in storages]
    records.append(Record("data.pkl", pickled_root))
    for name, text, ranges in files.texts():
        records.append(Record(f"code/{name}", text.encode(), is_compressed=True))
        records.append(Record(f"code/{name}.debug_pkl", ranges, is_compressed=True))
    records += [Record(f"constants/{key}", data) for key, data in table.contents()]
    records.append(Record("constants.pkl", pickled_constants))
    records += [_extra_record(name, content) for name, content in (extra_files or {}).items()]
    version = files.version
    records.append(
        Record("version" if version <= LATEST_WITH_OLD_PATH else ".data/version", b"%d\n" % version)
    )
    records.append(Record("byteorder", b"little"))
    return records


def _extra_record(name: str, content: object) -> Record:
    if not isinstance(content, (str, bytes, bytearray, memoryview)):
        raise TypeError(
            f"save: _extra_files: requires text or bytes; got {type(content).__name__} for {name!r}"
        )
    data = content.encode() if isinstance(content, str) else bytes(cast("bytes", content))
    return Record(f"extra/{name}", data)


def _constant_type(value: object) -> TorchType:
    return tt.TENSOR if isinstance(value, np.ndarray) else tt.STRING


def _pickled(root: ScriptObject) -> tuple[bytes, list[tuple[str, memoryview]]]:
    storages = Storages(arrays_of(root))
    writer = PickleWriter(storages, describe, code_type)
    data = writer.dump(root, tt.ModuleType(root.cls.name), "")
    return data, storages.contents()


def describe(value: object, kind: TorchType) -> Instance | Member | None:
    """An object or enum member as an archive holds it."""
    if isinstance(value, EnumValue):
        return Member(value.cls.name, value.value)
    if isinstance(value, enum.Enum) and isinstance(kind, tt.EnumType):
        return Member(kind.data, value.value)
    if not isinstance(value, ScriptObject):
        return None
    cls = value.cls
    missing = [n for n in cls.attributes if n not in value.attributes]
    if missing:
        raise NotSupportedError(
            f"save: an object of {cls.name} requires attribute '{missing[0]}'; it has none"
        )
    return Instance(
        cls.name,
        [(n, k, value.attributes[n], _wants_gradient(value, n)) for n, k in cls.attributes.items()],
    )


def _wants_gradient(held: ScriptObject, name: str) -> bool:
    """Whether the tensor `name` is saved as one whose gradients are recorded."""
    if name in held.live:
        return torch_interop.requires_grad(held.live[name])
    return name in held.cls.parameters and name not in untrained_of(held)


def objects_of(root: ScriptObject) -> list[ScriptObject]:
    """`root` and every object it holds, in lists, tuples and dicts too, each once."""
    found: dict[int, ScriptObject] = {}
    for value in _values(root):
        if isinstance(value, ScriptObject):
            found.setdefault(id(value), value)
    return list(found.values())


def arrays_of(root: ScriptObject) -> list[np.ndarray[Any, Any]]:
    """Every tensor `root` holds."""
    return [v for v in _values(root) if isinstance(v, np.ndarray)]


def _values(root: ScriptObject) -> Iterator[Any]:
    """Everything below `root`, containers entered once."""
    seen: set[int] = set()
    pending: list[Any] = [root]
    while pending:
        value = pending.pop()
        if isinstance(value, (ScriptObject, list, dict, tuple)):
            if id(value) in seen:  # pyright: ignore[reportUnknownArgumentType]
                continue
            seen.add(id(value))  # pyright: ignore[reportUnknownArgumentType]
        yield value
        pending += reversed(list(_inside(value)))


def _inside(value: Any) -> Sequence[Any]:
    if isinstance(value, ScriptObject):
        return [value.attributes[n] for n in value.cls.attributes if n in value.attributes]
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return list(value) if isinstance(value, (list, tuple)) else []  # pyright: ignore[reportUnknownArgumentType]


# --- what to save ---


def module_records(
    root: ScriptObject,
    compiler: Compiler,
    frozen: Entries | None,
    extra_files: dict[str, Any] | None,
    is_visible: Visibility | None = None,
) -> list[Record]:
    """The records of a module; `frozen` has the functions of one whose attributes are constants, except those
    that are visible.

    Raises:
        CompileError: a method that must be saved is not TorchScript.
        NotSupportedError: an archive cannot hold something.
    """
    if frozen is not None and is_visible is not None:
        return _frozen_records(root, compiler, frozen, is_visible, extra_files)
    objects = objects_of(root)
    entries = [m for held in objects for m in entry_methods(held.cls)]
    for method in entries:
        compiler.compile(method)
    reached = set(reachable(compiler.unit, entries))
    files = CodeFiles(compiler.unit, _Compiled(compiler))
    for held in objects:
        files.add_class(held.cls, methods_to_save(held.cls, reached))
    files.print_all()
    return archive_records(root, files, extra_files)


def function_records(
    function: Function, compiler: Compiler, extra_files: dict[str, Any] | None
) -> list[Record]:
    """The records of a function: a module without attributes whose ``forward`` it is, as in PyTorch."""
    compiler.compile(function)
    cls = Class(PLACEHOLDER, "module", {"training": tt.BOOL})
    forward = replace(function, name=f"{PLACEHOLDER}.forward", self_type=tt.ModuleType(PLACEHOLDER))
    files = CodeFiles(compiler.unit, _Compiled(compiler))
    files.add_class(cls, [forward])
    files.print_all()
    return archive_records(ScriptObject(cls, {"training": True}), files, extra_files)


class _Compiled:
    """Gives functions their operations, compiling them when asked for."""

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler

    def __call__(self, function: Function) -> tuple[FuncOp, ConstantPool]:
        """The operation of a function, and the arrays of its constants."""
        self.compiler.compile(function)
        assert function.op is not None
        return function.op, self.compiler.unit.pool


def entry_methods(cls: Class) -> list[Function]:
    """The methods of a class that an archive holds even when no other calls them: ``forward`` and exported
    ones; all that an archive held before; all of a script class.
    """
    if cls.kind == "interface":
        return []
    hooks = [hook for group in hooks_of(cls) for hook in group]
    return [m for m in cls.methods.values() if cls.kind == "class" or m in hooks or is_entry(m)]


def is_entry(method: Function) -> bool:
    """Whether a method is compiled and saved though nothing calls it."""
    if method.python is None:
        return True
    modifier = str(getattr(method.python, "_torchscript_modifier", ""))
    if modifier.startswith(("ignore", "unused")):
        return False
    is_forward = method.short_name == "forward" and method.definition.name == "forward"
    return is_forward or modifier.startswith("export")


# --- frozen modules ---


def _frozen_records(
    root: ScriptObject,
    compiler: Compiler,
    frozen: Entries,
    is_visible: Visibility,
    extra_files: dict[str, Any] | None,
) -> list[Record]:
    held = _remaining(root, is_visible, {})
    others = objects_of(held)[1:]
    entries = [m for other in others for m in entry_methods(other.cls) if is_visible(other.cls, m.short_name)]
    for method in entries:
        compiler.compile(method)
    called = _called(frozen, compiler) | set(reachable(compiler.unit, entries))
    methods = [root.cls.methods[name] for name in frozen]
    methods += [m for m in methods_to_save(root.cls, called) if m not in methods]
    compiled = _Compiled(compiler)
    bodies = {root.cls.methods[name]: body for name, body in frozen.items()}

    def body(function: Function) -> tuple[FuncOp, ConstantPool]:
        return bodies[function] if function in bodies else compiled(function)

    files = CodeFiles(compiler.unit, body)
    files.add_class(held.cls, methods)
    for other in others:
        is_plain = other.cls.kind == "class"
        files.add_class(
            other.cls, entry_methods(other.cls) if is_plain else methods_to_save(other.cls, called)
        )
    files.print_all()
    return archive_records(held, files, extra_files)


def _called(frozen: Entries, compiler: Compiler) -> set[Function]:
    """What frozen functions still call: forks are not inlined."""
    callees = (callee_of(compiler.unit, op) for function, _ in frozen.values() for op in walk(function))
    return set(reachable(compiler.unit, [c for c in callees if c is not None]))


def _remaining(held: ScriptObject, is_visible: Visibility, memo: dict[int, ScriptObject]) -> ScriptObject:
    """A module with the attributes that freezing has left it and the modules below."""
    if id(held) not in memo:
        left = {n: k for n, k in held.cls.attributes.items() if is_visible(held.cls, n)}
        memo[id(held)] = made = ScriptObject(replace(held.cls, attributes=left, constants={}))
        made.live, made.untrained = held.live, held.untrained
        for name, value in held.attributes.items():
            is_module = isinstance(value, ScriptObject) and value.cls.kind == "module"
            made.attributes[name] = _remaining(value, is_visible, memo) if is_module else value
    return memo[id(held)]
