"""Pass `split-complex`: complex tensors become their real and their imaginary parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.complex_values import form_in_parts, lacks_form
from tsc.analysis.fusion import has_complex, reads_values
from tsc.analysis.known_values import UNKNOWN, argument_of, constant_of, spec_of_value, unwrapped
from tsc.analysis.operator_effects import definition_of, is_layout_read
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.constants import ConstantPool, literal, literal_array
from tsc.dialects.context import pool_of
from tsc.dialects.torch_ops import PrimListConstructOp, ValueTensorLiteralOp
from tsc.dialects.walking import walk
from tsc.errors import OPERATOR_FAILURES
from tsc.narrowing import is_list
from tsc.ops.composite import Aten
from tsc.ops.definition import Operator, TensorSpec
from tsc.ops.parts_emitter import PART_DTYPES, Parts
from tsc.passes.decompose import building_aten


@dataclass(frozen=True)
class SplitComplex(ModulePass):
    """Compute complex numbers in operators on reals: each operator that has such a form becomes it.

    Requires: stage `value`, decomposed.
    Leaves: complex tensors where a function takes or gives them, at transforms, and at operators without such
    a form: between `aten.complex`, which joins parts, and `aten.real` and `aten.imag`.

    ```mlir
    %2 = torch.aten.mul.Tensor %z, %w : ... complex<f32> ...
    %3 = torch.aten.abs %2
    // aten.real, aten.imag of %z and %w; four products; aten.hypot
    ```
    """

    name = "split-complex"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Split in every block of every function."""
        for function in op.ops:
            if isinstance(function, FuncOp) and any(map(has_complex, walk(function))):
                split = _Split(pool_of(ctx))
                for block in [b for o in walk(function) for r in o.regions for b in r.blocks]:
                    split.block(block)


@dataclass
class _Split:
    """The parts of complex values; each is made where the value is, once."""

    pool: ConstantPool
    parts: dict[SSAValue, Parts] = field(default_factory=dict[SSAValue, Parts])

    def block(self, block: Block) -> None:
        """Split what is in a block itself."""
        for op in list(block.ops):
            if isinstance(op, AtenOp) and has_complex(op) and reads_values(op):
                operator = definition_of(op)
                if operator is not None:
                    self.operation(op, operator)

    def operation(self, op: AtenOp, operator: Operator) -> None:
        """Replace an operator by its form in parts, if it has one. A view stays where it is asked how it
        lies.
        """
        if any(map(is_layout_read, op.results)):
            return
        if operator.kind == "fourier":
            if not lacks_form(op, [argument_of(o) for o in op.operands]):
                self._transform(op)
            return
        builder = TorchBuilder(before=op)
        arguments = [self._argument(o) for o in op.operands]
        before = op.prev_op  # behind the parts of operands, which others read too
        form = form_in_parts(operator)
        specs = [spec for result in op.results if (spec := spec_of_value(result)) is not None]
        if form is None or any(a is UNKNOWN for a in arguments) or len(specs) < len(op.results):
            return
        aten = building_aten(builder, []).expanded()
        try:
            result = form(aten, *arguments)
            values = list(cast("tuple[Any, ...]", result)) if isinstance(result, tuple) else [result]
            whole = [self._whole(builder, aten, v, s) for v, s in zip(values, specs, strict=True)]
        except OPERATOR_FAILURES:
            _forget(op, before)
            return
        for old, value in zip(op.results, whole, strict=True):
            value.name_hint = value.name_hint or old.name_hint
            old.replace_all_uses_with(value)
        op.detach()
        op.erase()

    def _transform(self, op: AtenOp) -> None:
        """A transform of complex numbers reads parts that are joined."""
        for position, operand in enumerate(op.operands):
            if _is_complex(operand) and not _is_joined(operand):
                parts = self._parts(operand)
                made = TorchBuilder(before=op).aten("aten::complex", [parts.real, parts.imag], [operand.type])
                op.operands[position] = made.results[0]

    def _argument(self, value: SSAValue) -> Any:
        """What a form gets: parts, the values of other tensors, lists of such, Python constants."""
        known = argument_of(value)
        if known is UNKNOWN:
            return UNKNOWN
        value = unwrapped(value)
        if isinstance(value.type, tt.TensorType):
            return self._parts(value) if _is_complex(value) else value
        if isinstance(value.owner, PrimListConstructOp) and is_list(known) and _holds_tensors(known):
            return [self._argument(o) for o in value.owner.operands]
        return constant_of(value) if constant_of(value) is not UNKNOWN else known

    def _parts(self, value: SSAValue) -> Parts:
        if value not in self.parts:
            self.parts[value] = self._taken_apart(value)
        return self.parts[value]

    def _taken_apart(self, value: SSAValue) -> Parts:
        """The parts of a value that is no join of this pass, behind what makes it."""
        owner = value.owner
        following = owner.first_op if isinstance(owner, Block) else owner.next_op
        assert following is not None
        builder = TorchBuilder(before=following)
        if isinstance(owner, ValueTensorLiteralOp):
            array = literal_array(self.pool, owner)
            arrays = (np.ascontiguousarray(part) for part in (array.real, array.imag))
            return Parts(*(builder.insert(literal(self.pool, "part", a)).results[0] for a in arrays))
        aten = building_aten(builder, [])
        return Parts(aten("real", value), aten("imag", value))

    def _whole(self, builder: TorchBuilder, aten: Aten, value: Any, spec: TensorSpec) -> SSAValue:
        """A result as a value of its type."""
        if not isinstance(value, Parts):
            return self._coerced(builder, aten, value, spec)
        part = TensorSpec(spec.shape, PART_DTYPES[spec.dtype])
        real, imag = (self._coerced(builder, aten, v, part) for v in (value.real, value.imag))
        joined = aten("complex", real, imag)
        self.parts[joined] = Parts(real, imag)
        return joined

    def _coerced(self, builder: TorchBuilder, aten: Aten, value: Any, spec: TensorSpec) -> SSAValue:
        """A tensor of a shape and dtype, of one that broadcasts to it, or of a number."""
        if isinstance(value, (int, float)):
            array = np.asarray(value, spec.dtype.numpy)
            value = builder.insert(literal(self.pool, "number", array)).results[0]
        if aten.dtype(value) is not spec.dtype:
            value = aten("to.dtype", value, spec.dtype.code)
        return value if aten.shape(value) == spec.shape else aten("expand", value, list(spec.shape))


def _forget(op: Operation, before: Operation | None) -> None:
    """Erase what was made between two operations."""
    while (made := op.prev_op) is not before:
        assert made is not None
        made.detach()
        made.erase()


def _is_complex(value: SSAValue) -> bool:
    return (
        isinstance(value.type, tt.TensorType) and value.type.dtype is not None and value.type.dtype.is_complex
    )


def _is_joined(value: SSAValue) -> bool:
    return isinstance(value.owner, AtenOp) and value.owner.schema.full_name == "aten::complex"


def _holds_tensors(known: Sequence[object]) -> bool:
    return any(isinstance(k, TensorSpec) for k in known)
