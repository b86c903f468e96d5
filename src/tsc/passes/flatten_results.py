"""Pass `flatten-results`: a function returns its tensors one by one; how they were nested stands in an
attribute.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr, UnitAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.known_values import CONSTRUCTIONS, UNKNOWN, constant_of, is_list_mutated, unwrapped
from tsc.analysis.result_layouts import is_row_major
from tsc.analysis.result_views import View, shared_bases
from tsc.dialects import torch_types as tt
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import pool_of
from tsc.dialects.torch_ops import (
    DerefineOp,
    PrimDictConstructOp,
    PrimListConstructOp,
    PrimTupleConstructOp,
    PrimUncheckedCastOp,
)

ATTRIBUTE = "tsc.result"
ROW_MAJOR = "tsc.row_major"
"""The attribute of functions whose results are row-major in PyTorch when all arguments are."""


@dataclass(frozen=True)
class FlattenResults(ModulePass):
    r"""Return the distinct tensors inside tuples, lists and dicts; `tsc.result` says how to put the result
    together again, and `tsc.row_major` that they are row-major. Tensors that are views of one memory come
    back as views of it, so that what the caller writes to one is seen in the others.

    Requires: stage `value`.
    Leaves: functions whose result is not built from tensors and constants, unchanged and without the
    attribute.

    ```mlir
    %r = torch.prim.TupleConstruct %a, %b : ...
    return %r
    // return %a, %b  {tsc.result = "[\"tuple\", [[\"tensor\", 0], [\"tensor\", 1]]]"}
    ```
    """

    name = "flatten-results"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Flatten the results of every function."""
        for function in op.ops:
            if isinstance(function, FuncOp) and ATTRIBUTE not in function.attributes:
                _flatten(function, pool_of(ctx))


def _flatten(function: FuncOp, pool: ConstantPool) -> None:
    end = function.body.block.last_op
    assert end is not None
    if len(end.operands) != 1:
        return
    tensors: list[SSAValue] = []
    shared = shared_bases(_returned(end.operands[0]))
    structure = _structure(end.operands[0], tensors, shared)
    if structure is None:
        return
    function.attributes[ATTRIBUTE] = StringAttr(json.dumps(structure))
    if all(is_row_major(t, pool) for t in tensors if t not in {v.base for v in shared.values()}):
        function.attributes[ROW_MAJOR] = UnitAttr()
    end.operands = tensors
    function.update_function_type()


def _returned(value: SSAValue) -> list[SSAValue]:
    """The tensors that a result holds."""
    if isinstance(value.type, tt.ValueTensorType):
        return [value]
    owner = value.owner
    holds = (*CONSTRUCTIONS, DerefineOp, PrimUncheckedCastOp)
    return [v for o in owner.operands for v in _returned(o)] if isinstance(owner, holds) else []


def _structure(value: SSAValue, tensors: list[SSAValue], shared: dict[SSAValue, View]) -> list[Any] | None:
    """How `value` is made of tensors (appended to `tensors`, each once) and constants; None when not."""
    value = unwrapped(value)
    owner = value.owner
    if isinstance(value.type, tt.ValueTensorType):
        view = shared.get(value)
        if view is not None:
            return ["view", _index_in(tensors, view.base), view.shape, view.strides, view.offset]
        return ["tensor", _index_in(tensors, value)]
    if isinstance(owner, PrimListConstructOp) and not is_list_mutated(value):
        return _parts("list", owner.operands, tensors, shared)
    if isinstance(owner, PrimTupleConstructOp):
        kind = value.type
        made = _parts("tuple", owner.operands, tensors, shared)
        if made is not None and isinstance(kind, tt.NamedTupleType):
            return ["namedtuple", kind.data[0], list(kind.fields), made[1]]
        return made
    if isinstance(owner, PrimDictConstructOp) and not is_list_mutated(value):
        return _dict(owner, tensors, shared)
    known = constant_of(value)
    if known is UNKNOWN or isinstance(known, complex):
        return None
    return ["constant", known]


def _index_in(tensors: list[SSAValue], value: SSAValue) -> int:
    if value not in tensors:
        tensors.append(value)
    return tensors.index(value)


def _parts(
    kind: str, operands: Any, tensors: list[SSAValue], shared: dict[SSAValue, View]
) -> list[Any] | None:
    parts = [_structure(o, tensors, shared) for o in operands]
    return None if any(p is None for p in parts) else [kind, parts]


def _dict(
    owner: PrimDictConstructOp, tensors: list[SSAValue], shared: dict[SSAValue, View]
) -> list[Any] | None:
    n = len(owner.operands) // 2
    keys = [constant_of(k) for k in owner.operands[:n]]
    if any(k is UNKNOWN or isinstance(k, complex) for k in keys):
        return None
    parts = _parts("dict", owner.operands[n:], tensors, shared)
    return None if parts is None else ["dict", keys, parts[1]]
