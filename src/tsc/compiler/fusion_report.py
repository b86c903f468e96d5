"""Which operations of a compiled function run in Python, and why; and what ``strict_fusion`` says to that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from xdsl.dialects.func import CallOp, FuncOp
from xdsl.ir import Operation, SSAValue

from tsc.analysis.kernel_refusals import lacks_native_form, why_no_kernel
from tsc.analysis.parts import is_part_call, why_beside_parts
from tsc.compiler.descent import Descent
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.locations import is_strictly_fused
from tsc.dialects.torch_ops import (
    PrimCallMethodOp,
    PrimForkOp,
    PrimIfOp,
    PrimLoopOp,
    PrimPythonOp,
    PrimRaiseExceptionOp,
    PrimSetAttrOp,
)
from tsc.dialects.tsc import GroupOp
from tsc.dialects.walking import walk
from tsc.errors import StrictFusionError
from tsc.runtime.exceptions import places_of

CONTROL_FLOW = (PrimIfOp, PrimLoopOp)
OPERATORS = (
    AtenOp, CallOp, PrimCallMethodOp, PrimForkOp, PrimPythonOp, PrimRaiseExceptionOp, PrimSetAttrOp,
    *CONTROL_FLOW,
)  # fmt: skip
"""Operations that do something; the others make constants and containers, or read attributes."""


def is_operator(op: Operation) -> bool:
    """Whether `op` does something."""
    return isinstance(op, OPERATORS)


def operator_name(op: Operation) -> str:
    """``aten::add.Tensor``, ``prim::If``."""
    if isinstance(op, AtenOp):
        return op.schema.full_name
    if isinstance(op, CallOp):
        return "prim::CallFunction"
    return op.name.removeprefix("torch.").replace(".", "::", 1)


def groups_of(descent: Descent) -> Iterator[tuple[int, GroupOp, str | None]]:
    """The groups of a function at stage `fused`, by number, and why one runs in Python."""
    groups = (op for op in walk(descent.function) if isinstance(op, GroupOp))
    for number, group in enumerate(groups):
        yield number, group, descent.compilation.python_groups.get(number)


def python_operators(descent: Descent) -> Iterator[tuple[Operation, str]]:
    """The operators of a function at stage `fused` that is not native which run in Python, and why."""
    for _, group, reason in groups_of(descent):
        if reason is not None:
            yield from ((op, reason) for op in walk(group.body) if is_operator(op))
    for op in walk(descent.function):
        if not is_operator(op) or isinstance(op.parent_op(), GroupOp):
            continue
        refusal = descent.compilation.whole_refusal
        if isinstance(op, CONTROL_FLOW) and refusal is not None:
            yield op, f"branches and loops are native where all in them is: {refusal}"
        else:
            yield op, why_no_kernel(op)


def causes_of(function: FuncOp, found: Iterable[tuple[Operation, str]]) -> Iterator[Operation]:
    """Those of the operators of a function which were `found` to run in Python that do so for their own sake,
    and not because the shapes of what they read are unknown. Branches and loops are none of them.
    """
    refused = {op for op, _ in found}
    unknown: set[SSAValue] = set()
    for op in walk(function):
        reads_unknown = any(operand in unknown for operand in op.operands)
        if op in refused and not op.regions and not reads_unknown:
            yield op
        if op in refused or reads_unknown:
            unknown.update(r for r in op.results if not _is_static(r))


def _is_static(value: SSAValue) -> bool:
    return isinstance(value.type, tt.TensorType) and value.type.is_static


def python_beside_parts(function: FuncOp) -> Iterator[tuple[Operation, str]]:
    """The operators of a function with native parts that run in Python, and why."""
    for op in walk(function):
        if is_operator(op) and not is_part_call(op):
            yield op, why_beside_parts(op)


def python_in_parts(descent: Descent) -> Iterator[tuple[Operation, str]]:
    """The operators of a function at stage `fused` which no part computes either, and why."""
    for op, _ in python_operators(descent):
        reason = lacks_native_form(op)
        if reason is not None:
            yield op, reason


def require_fused(name: str, found: Iterable[tuple[Operation, str]]) -> None:
    """Refuse operators that run in Python in a ``with strict_fusion()`` block.

    Raises:
        StrictFusionError: there are some; each is named, with the reason and its place in the program.
    """
    unfused = [(op, reason) for op, reason in found if is_strictly_fused(op.location)]
    if not unfused:
        return
    texts: list[str] = []
    for op, reason in unfused:
        texts.append(f"\t{_declaration(op)}: {reason}")
        texts += [place.highlight() for place in places_of(op.location, name)]
    raise StrictFusionError("\n".join(["Found unfused operators:", *texts]))


def has_strict_operators(function: FuncOp) -> bool:
    """Whether a function has operators in a ``with strict_fusion()`` block."""
    return any(is_operator(op) and is_strictly_fused(op.location) for op in walk(function))


def require_nothing_strict(function: FuncOp, reason: str) -> None:
    """Refuse a function that is not compiled, if it has operators in a ``with strict_fusion()`` block.

    Raises:
        StrictFusionError: it has.
    """
    require_fused(function.sym_name.data, ((op, reason) for op in walk(function) if is_operator(op)))


def _declaration(op: Operation) -> str:
    schema: Any = op.schema if isinstance(op, AtenOp) else operator_name(op)
    return str(schema)
