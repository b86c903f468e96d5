"""Compiles small programs to a stage, for tests of passes."""

from collections.abc import Callable
from typing import Any

from xdsl.dialects.builtin import ModuleOp

import tsc
from tsc.compiler.specialization import lowered
from tsc.dialects.tsc import GroupOp


def module_at(program: Any, arguments: str, stage: str) -> ModuleOp:
    """`program` (a function or a torch module) at a stage, for arguments as `specialize` spells them."""
    scripted = tsc.script(program)
    callable_: Any = tsc.freeze(scripted).forward if hasattr(scripted, "_object") else scripted
    entry = callable_._entry()
    entry.fuses_contractions = True
    return lowered(entry, arguments.split(","), stage)


def group_kinds(program: Callable[..., Any], arguments: str) -> list[str]:
    """The kinds of the fusion groups of a program, in order."""
    return [op.kind for op in module_at(program, arguments, "fused").walk() if isinstance(op, GroupOp)]
