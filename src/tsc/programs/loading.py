"""The objects of an archive as objects of a program; script modules of other programs taken into one."""

from __future__ import annotations

import ast
import copy
import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.archive.pickles import ArchiveObject
from tsc.archive.reader import Archive
from tsc.errors import ArchiveError, NotSupportedError
from tsc.frontend.archived import ArchiveProgram
from tsc.frontend.compile import Compiler
from tsc.frontend.unit import Class, EnumValue, Function, ScriptObject
from tsc.interop import torch as torch_interop
from tsc.narrowing import is_array, is_dict, is_list, is_tuple
from tsc.runtime.instances import has_type
from tsc.runtime.tensor import Tensor


def root_object(program: ArchiveProgram) -> ScriptObject:
    """The module an archive holds, and all below it; sharing is kept.

    Raises:
        NotSupportedError: the archive's code lacks a class.
    """
    made: dict[int, ScriptObject] = {}
    root = _objects(program, program.archive.root, made)
    live: dict[int, Any] = {}
    for held in made.values():
        _attach_parameters(held, program.archive.container.trained, live)
    return root


def _objects(program: ArchiveProgram, held: object, made: dict[int, ScriptObject]) -> Any:
    """Archive objects as program objects."""
    if isinstance(held, ArchiveObject):
        if id(held) not in made:
            cls = program.class_named(held.qualified_name)
            if cls is None:
                raise NotSupportedError(f"load: class {held.qualified_name} is not in the archive's code")
            if cls.kind == "enum":
                return _member(cls, held.state)
            made[id(held)] = ScriptObject(cls)
            _fill(program, made[id(held)], held, made)
        return made[id(held)]
    if is_list(held):
        return [_objects(program, v, made) for v in held]
    if is_tuple(held):
        return tuple(_objects(program, v, made) for v in held)
    if is_dict(held):
        return {k: _objects(program, v, made) for k, v in held.items()}
    return held


def _fill(
    program: ArchiveProgram, own: ScriptObject, held: ArchiveObject, made: dict[int, ScriptObject]
) -> None:
    """Give an object the attributes it was saved with, or the state, which its ``__setstate__`` reads."""
    restore = own.cls.methods.get("__setstate__")
    if restore is None:
        attributes = {k: _objects(program, v, made) for k, v in held.attributes.items()}
        _require_types(own.cls, attributes)
        own.attributes = attributes
    else:
        state = _objects(program, held.state, made)
        program.compiler.compile(restore)
        if len(restore.parameters) != 1 or not has_type(state, restore.parameters[0].type):
            raise ArchiveError(f"load: __setstate__ of {own.cls.name} does not take a state of this type")
        program.unit.call(restore, own, state)


def _member(cls: Class, value: object) -> EnumValue:
    """The member of an enum that has a value."""
    for name, held in cls.members.items():
        if type(held) is type(value) and held == value:
            return EnumValue(cls, name)
    raise ArchiveError(f"load: enum {cls.name} has no member of the value {value!r:.80}")


def _require_types(cls: Class, attributes: Mapping[str, Any]) -> None:
    """Hold the values of an object to what its class declares.

    Raises:
        ArchiveError: one is missing, or of another type.
    """
    for name, kind in cls.attributes.items():
        if name not in attributes:
            raise ArchiveError(f"load: an object of {cls.name} lacks its attribute '{name}'")
        if not has_type(attributes[name], kind):
            raise ArchiveError(
                f"load: attribute '{name}' of {cls.name} must be of type {kind.torchscript()}; got a "
                f"{type(attributes[name]).__name__}"
            )


def _attach_parameters(held: ScriptObject, trained: Mapping[int, Any], live: dict[int, Any]) -> None:
    """Note which parameters ask for gradients, and put tensors behind them: PyTorch's where it is there."""
    arrays = {n: v for n, v in held.attributes.items() if n in held.cls.parameters and is_array(v)}
    held.untrained = frozenset(n for n, v in arrays.items() if id(v) not in trained or not _can_be_trained(v))
    wrap = torch_interop.wrapper()
    tensors = held.own if wrap is None else held.live
    for name, array in arrays.items():
        if id(array) not in live:
            live[id(array)] = (wrap or Tensor)(array).requires_grad_(name not in held.untrained)
        tensors[name] = live[id(array)]


def _can_be_trained(array: np.ndarray[Any, Any]) -> bool:
    """Whether gradients of it exist: it holds no integers."""
    dtype = dtypes.by_numpy(array.dtype)
    return dtype.is_floating or dtype.is_complex


# --- script modules of other programs ---


def object_of(compiler: Compiler, module: object) -> ScriptObject | None:
    """The object of a script module, in the program of `compiler`; None for anything else.

    One of another program (a loaded one, or PyTorch's) is read from the archive it would be saved as; its
    tensors are shared with it.

    Raises:
        NotSupportedError: an archive cannot hold it.
    """
    held = getattr(module, "_object", None)
    if isinstance(held, ScriptObject):
        is_own = compiler.unit.classes.get(held.cls.name) is held.cls
        return held if is_own else _adopted(compiler, module, held)
    return _adopted(compiler, module, module) if torch_interop.is_script_module(module) else None


def function_of(compiler: Compiler, scripted: Any) -> Function:
    """A function that PyTorch compiled, in the program of `compiler`: read from the archive it would be saved
    as, where it is the ``forward`` of a module without attributes. Its defaults are those of its schema.

    Raises:
        NotSupportedError: an archive cannot hold it.
    """
    known = compiler.unit.adopted_functions
    if scripted not in known:
        archive = Archive(io.BytesIO(scripted.save_to_buffer()))
        cls = ArchiveProgram(archive, compiler).class_named(archive.root.qualified_name)
        if cls is None:
            raise NotSupportedError(f"script: requires a function with code; got {scripted!r}")
        forward = cls.methods["forward"]
        definition = copy.deepcopy(forward.definition)
        definition.name = scripted.name
        definition.args.args.pop(0)
        declared = [a.default_value for a in scripted.schema.arguments if a.has_default_value()]
        definition.args.defaults = [ast.parse(repr(v), mode="eval").body for v in declared]
        name = compiler.unit.unique_name(scripted.qualified_name)
        made = Function(name, definition, forward.source, forward.resolver)
        known[scripted] = compiler.unit.functions[name] = made
    return known[scripted]


def _adopted(compiler: Compiler, module: Any, key: object) -> ScriptObject:
    known = compiler.unit.adopted_objects
    if key not in known:
        program = ArchiveProgram(Archive(io.BytesIO(module.save_to_buffer())), compiler)
        own = root_object(program)
        for method in own.cls.methods.values():
            compiler.compile(method)
        if isinstance(key, ScriptObject):
            _share(own, key)
        else:
            _share_torch(own, module)
        known[key] = own
    return known[key]


def _share(own: ScriptObject, other: ScriptObject) -> None:
    """Let `own` and the objects below it hold the tensors of `other`."""
    own.live, own.untrained = other.live, other.untrained
    for name, value in other.attributes.items():
        if is_array(value):
            own.attributes[name] = value
        elif isinstance(value, ScriptObject):
            _share(own.attributes[name], value)


def _share_torch(own: ScriptObject, module: Any) -> None:
    for tensors in (module.named_parameters, module.named_buffers):
        for path, tensor in tensors(remove_duplicate=False):
            held, *parents, name = own, *path.split(".")
            for parent in parents:
                held = held.attributes[parent]
            held.live[name], held.attributes[name] = tensor, torch_interop.to_numpy(tensor)
