"""Which functions of a program another one calls."""

from __future__ import annotations

from collections.abc import Iterator

from xdsl.dialects.func import CallOp, FuncOp

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_ops import PrimCallMethodOp
from tsc.dialects.walking import walk
from tsc.frontend.unit import Function, Unit


def called_functions(root: FuncOp, unit: Unit) -> Iterator[Function]:
    """The functions and methods that are called below `root`; of an interface the compiled ones of all
    classes that have such a method.
    """
    for op in walk(root):
        if isinstance(op, CallOp):
            found = unit.functions.get(op.callee.root_reference.data)
            if found is not None:
                yield found
        elif isinstance(op, PrimCallMethodOp):
            kind = op.operands[0].type
            if isinstance(kind, (tt.ModuleType, tt.ClassType)):
                found = unit.class_named(kind.data).methods.get(op.method)
                yield from () if found is None else (found,)
            else:
                named = (cls.methods.get(op.method) for cls in list(unit.classes.values()))
                yield from (found for found in named if found is not None and found.op is not None)
