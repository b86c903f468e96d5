"""Pass `read-numbers`: integers that are read from tensors made of integers are computed as such."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from tsc import dtypes
from tsc.analysis.constant_numbers import is_only_read
from tsc.analysis.known_values import UNKNOWN, constant_of, unwrapped
from tsc.analysis.number_reads import SCALARS
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.constants import ConstantPool, literal_array
from tsc.dialects.context import pool_of
from tsc.dialects.replacing import replace
from tsc.dialects.torch_ops import DerefineOp, NonValueTensorLiteralOp, ValueTensorLiteralOp
from tsc.dialects.walking import walk
from tsc.dims import certainly_natural
from tsc.passes import Rewriting

READS = ("aten::Int.Tensor", *SCALARS)
"""Operators that give the only element of a tensor of integers as an integer, or a number."""


@dataclass(frozen=True)
class ReadNumbers(Rewriting):
    """Compute integers that are read from tensors which were made of integers, and which nobody writes to, of
    those, and such tensors too: traces by PyTorch compute sizes with tensors of one element.

    Requires: nothing.
    Leaves: tensors that were made of one integer, for whoever reads them otherwise.

    ```mlir
    %0 = torch.prim.NumToTensor.Scalar %n
    %1 = torch.aten.floor_divide %0, %two
    %2 = torch.aten.Int.Tensor %1    // torch.aten.floordiv.int %n, %int2
    ```
    """

    name = "read-numbers"

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Rewrite what is read, and computed, everywhere in the module."""
        found = [op for op in walk(module) if isinstance(op, AtenOp) and _may_be_integer(op)]
        return any([_rewrite(op, pool_of(ctx)) for op in found])


def _may_be_integer(op: AtenOp) -> bool:
    """Whether `op` reads an integer, or computes one in a tensor, for all that its name says."""
    name = op.schema.full_name
    return name in READS or (name in FORMS and FORMS[name].name is not None)


def _rewrite(op: AtenOp, pool: ConstantPool) -> bool:
    """Replace one operation that gives an integer; whether that could be."""
    held = _Held(pool)
    is_read, wanted = op.schema.full_name in READS, op.results[0].type
    given = op.operands[0] if is_read else op.results[0]
    if not held.is_integer(given):
        return False
    builder = TorchBuilder(before=op)
    builder.location = op.location
    number = held.integer(given, builder)
    if not is_read:
        number = builder.aten("prim::NumToTensor.Scalar", [number], [wanted]).results[0]
    elif wanted is not tt.INT:
        cast = DerefineOp.create(operands=[number], result_types=[wanted], location=op.location)
        number = builder.insert(cast).results[0]
    replace(op, [number])
    return True


@dataclass
class _Held:
    """Integers that tensors without dims hold."""

    pool: ConstantPool
    known: dict[SSAValue, bool] = field(default_factory=dict[SSAValue, bool])
    written: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])

    def is_integer(self, value: SSAValue) -> bool:
        """Whether a value is an integer, or a tensor that holds one which can be computed without it."""
        if value not in self.known:
            self.known[value] = self._is_integer(value)
        return self.known[value]

    def _is_integer(self, value: SSAValue) -> bool:
        owner = value.owner
        if not isinstance(value.type, tt.TensorType):
            return unwrapped(value).type is tt.INT
        if not is_only_read(value):
            return False
        if isinstance(owner, (NonValueTensorLiteralOp, ValueTensorLiteralOp)):
            array = literal_array(self.pool, owner)
            return not array.shape and array.dtype == dtypes.I64.numpy
        form = FORMS.get(owner.schema.full_name) if isinstance(owner, AtenOp) else None
        if form is None or not isinstance(owner, AtenOp):
            return False
        operands = owner.operands[: form.count]
        return all(map(self.is_integer, operands)) and form.holds(owner, self)

    def integer(self, value: SSAValue, builder: TorchBuilder) -> SSAValue:
        """The integer, where `builder` is."""
        owner = value.owner
        if not isinstance(value.type, tt.TensorType):
            return unwrapped(value)
        if value not in self.written:
            if isinstance(owner, AtenOp):
                form = FORMS[owner.schema.full_name]
                operands = [self.integer(o, builder) for o in owner.operands[: form.count]]
                made = builder.aten(form.name, operands, [tt.INT]).results[0] if form.name else operands[0]
            else:
                assert isinstance(owner, (NonValueTensorLiteralOp, ValueTensorLiteralOp))
                made = builder.constant(literal_array(self.pool, owner).item())
            self.written[value] = made
        return self.written[value]

    def constant(self, value: SSAValue) -> Any:
        """The integer, or size, where it is known, else `UNKNOWN`."""
        owner = value.owner
        if isinstance(owner, (NonValueTensorLiteralOp, ValueTensorLiteralOp)):
            return literal_array(self.pool, owner).item()
        form = FORMS.get(owner.schema.full_name) if isinstance(owner, AtenOp) else None
        if isinstance(owner, AtenOp) and form is not None and form.name is None:
            return self.constant(owner.operands[0])
        return constant_of(value)


def _always(op: AtenOp, held: _Held) -> bool:
    return True


def _by_one(op: AtenOp, held: _Held) -> bool:
    """Whether what is added is not multiplied first."""
    factor = constant_of(op.operands[2])
    return isinstance(factor, int) and factor == 1


def _by_known(op: AtenOp, held: _Held) -> bool:
    """Whether the divisor certainly is not 0: the errors of tensors and of numbers are not the same."""
    divisor = held.constant(op.operands[1])
    return divisor is not UNKNOWN and (certainly_natural(divisor - 1) or certainly_natural(-divisor - 1))


def _floors(op: AtenOp, held: _Held) -> bool:
    return constant_of(op.operands[2]) == "floor" and _by_known(op, held)


def _stays_int64(op: AtenOp, held: _Held) -> bool:
    return constant_of(op.operands[1]) == dtypes.I64.code


@dataclass(frozen=True)
class _Form:
    """An operator on integers for one on tensors."""

    name: str | None
    """None where the first operand is the result."""
    count: int
    """How many operands are integers, or hold some."""
    holds: Callable[[AtenOp, _Held], bool] = _always
    """Whether it is the same for an operation."""


FORMS: Mapping[str, _Form] = {
    "prim::NumToTensor.Scalar": _Form(None, 1),
    "aten::detach": _Form(None, 1),
    "aten::clone": _Form(None, 1),
    "aten::to.dtype": _Form(None, 1, _stays_int64),
    "aten::neg": _Form("aten::neg.int", 1),
    **{f"aten::add.{of}": _Form("aten::add.int", 2, _by_one) for of in ("Tensor", "Scalar")},
    **{f"aten::sub.{of}": _Form("aten::sub.int", 2, _by_one) for of in ("Tensor", "Scalar")},
    **{f"aten::mul.{of}": _Form("aten::mul.int", 2) for of in ("Tensor", "Scalar")},
    **{f"aten::remainder.{of}": _Form("aten::remainder.int", 2, _by_known) for of in ("Tensor", "Scalar")},
    **{f"aten::div.{of}_mode": _Form("aten::floordiv.int", 2, _floors) for of in ("Tensor", "Scalar")},
    "aten::floor_divide": _Form("aten::floordiv.int", 2, _by_known),
    "aten::floor_divide.Scalar": _Form("aten::floordiv.int", 2, _by_known),
    "aten::minimum": _Form("prim::min.int", 2),
    "aten::maximum": _Form("prim::max.int", 2),
}
"""The operators on tensors without dims that such tensors are computed with."""
