"""Forward pre-hooks and hooks of modules: functions called around ``forward``, whose types must fit it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.errors import CompileError
from tsc.frontend.sugared import Arguments, MethodRef, Sugared, SugaredValue, TupleOf
from tsc.frontend.unit import Class, Function

if TYPE_CHECKING:
    from tsc.frontend.call_reader import CallReader

PRE_HOOKS, HOOKS = "pre_hooks", "hooks"
"""Keys of `Class.members`: the hooks of a module class, in the order they run."""


def hooks_of(cls: Class) -> tuple[list[Function], list[Function]]:
    """The forward pre-hooks and the forward hooks of a module class."""
    return cls.members.get(PRE_HOOKS, []), cls.members.get(HOOKS, [])


def call_between_hooks(
    reader: CallReader, cls: Class, value: SugaredValue, arguments: Arguments, node: ast.AST
) -> Sugared:
    """``pre(self, (x,))``, ``forward``, ``hook(self, (x,), result)``: what a hook returns replaces what it
    was given, unless that is None.
    """
    forward = cls.methods["forward"]
    before, after = hooks_of(cls)
    inputs: SugaredValue = reader.plain(TupleOf([reader.plain(a, node) for a in arguments.positional]), node)
    for hook in before:
        returned = reader.plain(reader.call_function(hook, Arguments([inputs]), node, value.ssa), node)
        if returned.type is not tt.NONE:
            is_tuple = isinstance(returned.type, tt.TupleType)
            inputs = returned if is_tuple else reader.plain(TupleOf([returned]), node)
    if before:
        arguments = Arguments([SugaredValue(v) for v in reader.unpack_tuple(inputs.ssa)], arguments.keywords)
    result = MethodRef(forward, value.ssa).call(reader, arguments, node)
    for hook in after:
        given = Arguments([inputs, result])
        returned = reader.plain(reader.call_function(hook, given, node, value.ssa), node)
        if returned.type is not tt.NONE:
            result = returned
    return result


def check_hooks(cls: Class) -> None:
    """Refuse hooks whose types do not fit ``forward``; everything concerned is compiled.

    Raises:
        CompileError: a hook takes or returns something else than it must.
    """
    forward = cls.methods["forward"]
    before, after = hooks_of(cls)
    wanted = tt.TupleType(tuple(p.type for p in forward.parameters))
    for hook in before:
        _Hook(hook, cls, "Pre-hook").check_inputs(wanted, 2)
        _Hook(hook, cls, "Pre-hook").check_returned(wanted)
    output = forward.result
    for hook in after:
        _Hook(hook, cls, "Hook").check_inputs(wanted, 3)
        _Hook(hook, cls, "Hook").check_output(output)
        output = hook.result


class _Hook:
    """One hook whose signature is checked."""

    def __init__(self, hook: Function, cls: Class, kind: str) -> None:
        self.hook = hook
        self.title = f"{kind} '{hook.short_name}' on module '{cls.name.rpartition('.')[2]}'"

    def error(self, found: str) -> CompileError:
        """The error that says what was found, at the hook."""
        source = self.hook.source
        return CompileError(f"{self.title} {found}", source.range(self.hook.definition, self.hook.short_name))

    def check_inputs(self, wanted: tt.TupleType, count: int) -> None:
        """It takes self, a tuple of what ``forward`` takes, and (a hook) what ``forward`` gives."""
        found = self.hook.parameters
        if len(found) != count - 1:
            raise self.error(
                f"was expected to only have exactly {count} inputs but it had {len(found) + 1} inputs."
            )
        given = found[0].type
        text = given.torchscript()
        if not isinstance(given, tt.TupleType):
            raise self.error(
                f"expected the input argument to be typed as a Tuple but found type: '{text}' instead."
            )
        if not wanted.data and given.data:
            raise self.error(f"was expecting Tuple[()] as the input type. Received type: '{text}'.")
        if len(given.data) != len(wanted.data):
            raise self.error(
                "has the wrong number of contained types for the input argument's Tuple. "
                f"Received type: '{text}'. Expected type: '{wanted.torchscript()}'."
            )
        if given is not wanted:
            raise self.error(
                f"has the wrong inner types for the input tuple argument. Received type: '{text}'. "
                f"Expected type: '{wanted.torchscript()}'."
            )

    def check_returned(self, wanted: tt.TupleType) -> None:
        """A pre-hook gives None, the new inputs, or the only input alone if that is no tuple."""
        returned = self.hook.result
        if returned is tt.NONE or returned is wanted:
            return
        alone = wanted.data[0] if len(wanted.data) == 1 else None
        if returned is not None and returned is alone and not isinstance(returned, tt.TupleType):
            return
        text = "" if returned is None else returned.torchscript()
        if returned is alone:
            raise self.error(
                f"returned the wrong type of: '{text}'. When forward has a single tuple input argument, the "
                f"return needs to be 'None' or a nested tuple containing forward's input tuple argument as "
                f"in: 'Tuple[{text}]'."
            )
        raise self.error(
            f"returned the wrong type of: '{text}'. It must be None or '{wanted.torchscript()}'."
        )

    def check_output(self, output: TorchType | None) -> None:
        """A hook takes what ``forward``, or the hook before, gives."""
        given = self.hook.parameters[1].type
        if given is not output:
            wanted = "" if output is None else output.torchscript()
            raise self.error(
                f"has the wrong type for the output argument. Received type: '{given.torchscript()}'. "
                f"Expected type: '{wanted}'."
            )
