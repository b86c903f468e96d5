"""Scripting: functions, modules and classes of this process become parts of one live program."""

from __future__ import annotations

import types
from functools import partial
from typing import Any

from tsc.concurrency import once, serialized
from tsc.dialects import torch_types as tt
from tsc.errors import ArgumentError, CompileError, NotSupportedError
from tsc.frontend.live import Program
from tsc.interop import torch as torch_interop
from tsc.modules.script_modules import RecursiveScriptModule, interpreter
from tsc.narrowing import is_dict, is_list
from tsc.programs.interpreter import Interpreter
from tsc.programs.live_modules import script_object
from tsc.programs.loading import function_of, object_of
from tsc.programs.script_functions import ScriptFunction
from tsc.runtime.script_containers import script_container
from tsc.runtime.tensor import Tensor
from tsc.runtime.values import Inputs, SharedContainer

KNOWN_BASES = ("builtins", "enum", "typing")
"""Modules whose classes may be the bases of a class: exceptions, enums, named tuples."""


@once
def live_program() -> tuple[Program, Interpreter]:
    """The program made of this process's own functions and modules, and what runs it."""
    program = Program()
    program.adopt = partial(function_of, program.compiler)
    return program, interpreter(program.compiler)


@serialized
def scripted(obj: object) -> Any:
    """What `script` makes of a function, a module, a class, or a list or dict.

    Raises:
        ArgumentError: `obj` is nothing of the kind.
        CompileError: the source is not TorchScript.
    """
    if isinstance(obj, (ScriptFunction, RecursiveScriptModule, SharedContainer)):
        return obj
    program, interpreter = live_program()
    adopted = object_of(program.compiler, obj)
    if adopted is not None:
        return RecursiveScriptModule(adopted, interpreter, torch_interop.wrapper())
    if torch_interop.is_script_function(obj):
        return ScriptFunction(interpreter, function_of(program.compiler, obj), torch_interop.from_numpy)
    if torch_interop.is_module(obj) or hasattr(obj, "__tsc_module__"):
        if "_modules" not in vars(obj):
            name = f"{type(obj).__module__}.{type(obj).__qualname__}"
            raise CompileError(f"'{name}' has not been initialized, did you forget to call 'super()'?")
        return _script_module(program, interpreter, obj)
    if isinstance(obj, type):
        return _script_class(program, obj)
    if is_list(obj) or is_dict(obj):
        return script_container(obj, program.infer, torch_interop.wrapper() or Tensor)
    if not isinstance(obj, (types.FunctionType, types.MethodType)):
        kind = program.infer(obj)
        if isinstance(kind, tt.ClassType):
            inputs = Inputs()
            inputs.class_named = program.unit.class_named
            return interpreter.instance(inputs.convert(obj, kind, "object"))
        raise ArgumentError(f"script: requires a function, a module or a class; got {type(obj).__name__}")
    default = torch_interop.from_numpy if torch_interop.uses_torch(obj) else None
    return ScriptFunction(interpreter, program.function(obj), default)


def _script_class(program: Program, cls: type) -> type:
    """A class, compiled. As PyTorch, one that inherits is refused, though programs may make objects of it,
    which have what the class itself defines.
    """
    if torch_interop.is_module_class(cls):
        raise NotSupportedError(
            f"Type '{cls}' cannot be compiled since it inherits from nn.Module, pass an instance instead"
        )
    if len(cls.__mro__) > 2 and any(base.__module__ not in KNOWN_BASES for base in cls.__mro__[1:]):
        raise NotSupportedError(
            "TorchScript classes does not support inheritance yet. Please directly inherit from 'object'."
        )
    if program.class_type(cls) is None:
        raise NotSupportedError(f"script: requires a class of the program; got {cls}")
    return cls


def _script_module(program: Program, interpreter: Interpreter, module: object) -> RecursiveScriptModule:
    default = torch_interop.from_numpy if torch_interop.is_module(module) else None
    held = script_object(program, module)
    for name in ("forward", *held.cls.exports):
        if name in held.cls.methods:
            interpreter.compiler.compile(held.cls.methods[name])
    return RecursiveScriptModule(held, interpreter, default)


def run_examples(obj: Any, example_inputs: Any) -> None:
    """Let functions learn the types of parameters that nobody annotated.

    Raises:
        ValueError: `example_inputs` is neither a list nor a dict.
    """
    if not is_list(example_inputs) and not is_dict(example_inputs):
        raise ValueError(
            "Error: Unable to infer types. Please format the inputs to type `List[Tuple]` or "
            "`Dict[Callable, List[Tuple]]`."
        )
    given: dict[Any, Any] = example_inputs if is_dict(example_inputs) else {obj: example_inputs}
    program, _ = live_program()
    with program.observed.observing():
        for callee, examples in given.items():
            for example in examples:
                callee(*example)


def how_to_script(given: Any) -> str:
    """What to do with something that is no module of tsc: errors have PyTorch's words, and these after."""
    if torch_interop.is_script_module(given):
        return " Hint: this module is one of torch.jit; tsc.script(module) takes it"
    if torch_interop.is_module(given) or hasattr(given, "__tsc_module__"):
        return " Hint: tsc.script(module), or tsc.trace(module, inputs)"
    return f" Got {type(given).__name__}"
