"""How much a kernel of stage `linalg` computes: operations on elements, counted in its loops."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from xdsl.dialects.func import FuncOp
from xdsl.dialects.linalg.ops import GenericOp
from xdsl.ir import Block

from tsc.analysis import winograd
from tsc.dialects.loop_extents import loop_extents, shape_of
from tsc.dialects.tsc import ScatterOp
from tsc.dialects.tsc_matrices import MatrixOp
from tsc.dialects.tsc_order import OrderOp
from tsc.dialects.walking import walk
from tsc.dims import is_known

FACTORED = (winograd.INPUT, winograd.OUTPUT)
"""Kinds of kernels that compute less than their loops say: products of matrices, with the zeros left out."""
COUNTED = frozenset(
    f"arith.{name}"
    for name in ("addf", "subf", "mulf", "divf", "negf", "minimumf", "maximumf", "minnumf", "maxnumf")
)
"""Operations that are one floating-point operation; so is each function of the dialect `math`."""


@dataclass(frozen=True)
class KernelWork:
    """What a kernel does."""

    kind: str
    """Its form: ``contraction``, ``row``."""
    operations: int | None
    """Floating-point operations of one call; None where they are not known when it is compiled."""
    reads_all: bool
    """Whether it goes through its buffers as a whole, so that their bytes say what it moves."""


def kernel_work(kernel: FuncOp) -> KernelWork:
    """What `kernel`, at stage `linalg`, does."""
    kind = str(getattr(kernel.attributes.get("tsc.kind"), "data", ""))
    generics = [op for op in walk(kernel) if isinstance(op, GenericOp)]
    counts = [_operations(op) for op in generics]
    counts += [_of_matrices(op) for op in walk(kernel) if isinstance(op, MatrixOp)]
    depends_on_data = any(isinstance(op, (ScatterOp, OrderOp)) for op in walk(kernel))
    gathers = any(op.name == "tensor.extract" for op in walk(kernel))
    known = [count for count in counts if count is not None]
    is_complete = len(known) == len(counts) and not depends_on_data and kind not in FACTORED
    operations = sum(known) if is_complete else None
    return KernelWork(kind, operations, not depends_on_data and not gathers)


def _operations(op: GenericOp) -> int | None:
    extents = loop_extents(op)
    return prod(extents) * _in_body(op.body.block) if all(map(is_known, extents)) else None


def _of_matrices(op: MatrixOp) -> int | None:
    batches = shape_of(op.results[0])[0]
    return batches * op.operations if is_known(batches) else None


def _in_body(body: Block) -> int:
    return sum(op.name in COUNTED or op.name.startswith("math.") for op in body.ops)
