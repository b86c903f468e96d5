"""Writes arithmetic on numbers as arithmetic on tensors without dims."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Block, Operation, SSAValue

from tsc import dtypes
from tsc.analysis.known_values import UNKNOWN, constant_of, is_part_of_result, spec_of_type, unwrapped
from tsc.analysis.memory_aliases import is_seen_twice
from tsc.analysis.number_reads import NUMBERS, READS, is_number_read, is_rounded_read
from tsc.analysis.operator_effects import not_repeatable
from tsc.dialects import schema as schemas
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.constants import ConstantPool, literal
from tsc.dialects.regions import rebuilt
from tsc.dialects.torch_ops import (
    DerefineOp,
    PrimIfOp,
    PrimIfYieldOp,
    PrimLoopConditionOp,
    PrimLoopOp,
    PrimUncheckedCastOp,
    PrimUninitializedOp,
)
from tsc.dialects.tsc import PrefixOp, RequireOp
from tsc.dialects.walking import walk
from tsc.dims import Dim
from tsc.dtypes import DType
from tsc.ops.composite import Aten
from tsc.ops.numbers_on_tensors import (
    ARITHMETIC,
    COMPARISONS,
    DIVISIONS,
    EXTREMES,
    FULL,
    LOGICAL,
    TENSORS_OF_NUMBERS,
    VIEWS,
    WITH_TENSORS,
    arithmetic,
    at_index,
    clamped,
    compared,
    divided,
    divides,
    in_dtype,
    window,
)
from tsc.ops.promotion import result_dtype
from tsc.ops.registry import find
from tsc.ops.shapes import wrap_dims
from tsc.passes.decompose import building_aten
from tsc.passes.numbers import functions
from tsc.passes.numbers.lists import spread_lists

Number: TypeAlias = SSAValue | int | float | Dim
"""An operand of arithmetic: the tensor that stands for a number, or a number that is known."""


class CannotConvertError(Exception):
    """A number is used by something that wants a number."""


class Conversion:
    """One function whose numbers become tensors."""

    def __init__(self, function: FuncOp, in_regions: bool, pool: ConstantPool) -> None:
        self.pool = pool
        self.function = function
        self.block = function.body.block
        self.in_regions = in_regions
        self.may_repeat = not_repeatable(function) is None
        """Whether the generic tier may do a call again that native code has begun."""
        self.tensors: dict[SSAValue, SSAValue] = {}
        """The tensors without dims that stand for numbers."""
        self.kinds: dict[SSAValue, Attribute] = {}
        """The types that results of branches, and what loops carry, had as numbers."""

    def run(self) -> None:
        """Rewrite the function.

        Raises:
            CannotConvertError: it wants a number as one.
        """
        spread_lists(self.function, self.pool)
        self._block(self.block)

    def _block(self, block: Block) -> None:
        for op in list(block.ops):
            self._operation(op, building_aten(TorchBuilder(before=op), []))

    def _operation(self, op: Operation, aten: Aten) -> None:
        if isinstance(op, PrimIfOp) and self.in_regions:
            self._branch(op)
        elif isinstance(op, PrimLoopOp) and self.in_regions:
            self._loop(op)
        elif isinstance(op, (PrimIfYieldOp, PrimLoopConditionOp)) and self.in_regions:
            return  # what they give back is seen with the branch or loop
        elif is_number_read(op) or (is_rounded_read(op) and self.may_repeat):
            self.tensors[op.results[0]] = functions.read(op, aten)
        elif isinstance(op, (PrefixOp, RequireOp)):
            self._condition(op, len(op.operands) - 1)
        elif any(map(self._is_tensor, op.operands)):
            self._use(op, aten)
        for inner in (i for r in op.regions for b in r.blocks for i in walk(b)):
            if not self.in_regions and any(map(self._is_tensor, inner.operands)):
                raise CannotConvertError(inner.name)

    # --- control flow ---

    def _branch(self, op: PrimIfOp) -> None:
        self._condition(op, 0)
        numbers = [i for i, r in enumerate(op.results) if r.type in NUMBERS]
        for region in op.regions:
            self._block(region.block)
            self._end(region.block, numbers)
        self._rebuilt(op, op.operands, numbers)

    def _loop(self, op: PrimLoopOp) -> None:
        self._condition(op, 0)
        self._condition(op, 1)
        numbers = [i for i, r in enumerate(op.results) if r.type in NUMBERS]
        operands = list(op.operands)
        for i in numbers:
            operands[i + 2] = self._converted(operands[i + 2], op)
        body = op.regions[0].block
        for i in numbers:
            self._becomes_tensor(body.args[i + 1])
        first, index = body.first_op, body.args[0]
        assert first is not None
        if index.first_use is not None:
            kind = tt.ValueTensorType.of((), dtypes.I64)
            made = TorchBuilder(before=first).aten("prim::NumToTensor.Scalar", [index], [kind])
            self.tensors[index] = made.results[0]
        for inner in list(body.ops):
            if inner.operands and isinstance(inner, AtenOp) and inner.results[0] is self.tensors.get(index):
                continue
            self._operation(inner, building_aten(TorchBuilder(before=inner), []))
        self._end(body, [0, *(i + 1 for i in numbers)], condition=True)
        self._rebuilt(op, operands, numbers)

    def _condition(self, op: Operation, number: int) -> None:
        """Let a condition, or a number of rounds, be read from its tensor where it is wanted."""
        value = op.operands[number]
        if self._is_tensor(value):
            op.operands[number] = self._number_of(value, op)

    def _end(self, block: Block, numbers: Sequence[int], *, condition: bool = False) -> None:
        """What a region gives back: tensors for `numbers`; of a loop, the first is the condition."""
        end = block.last_op
        assert end is not None
        for i, value in enumerate(end.operands):
            if condition and i == 0:
                self._condition(end, 0)
            elif i in numbers:
                end.operands[i] = self._converted(value, end)
            elif self._is_tensor(value):
                raise CannotConvertError(end.name)

    def _rebuilt(self, op: Operation, operands: Sequence[SSAValue], numbers: Sequence[int]) -> None:
        """Put a branch or loop whose results `numbers` are tensors in place of `op`."""
        if not numbers:
            return
        kinds = [
            tt.ValueTensorType.of((), NUMBERS[r.type]) if i in numbers else r.type
            for i, r in enumerate(op.results)
        ]
        numbers_before = [op.results[i].type for i in numbers]
        made = rebuilt(op, operands, kinds)
        for i, kind in zip(numbers, numbers_before, strict=True):
            self.kinds[made.results[i]] = kind
            self.tensors[made.results[i]] = made.results[i]

    def _becomes_tensor(self, number: SSAValue) -> None:
        """From now on a carried number is a tensor, also where the program still wants the number."""
        self.kinds[number] = number.type
        number._type = tt.ValueTensorType.of((), NUMBERS[number.type])  # pyright: ignore[reportPrivateUsage]
        self.tensors[number] = number

    def _converted(self, value: SSAValue, before: Operation) -> SSAValue:
        """The tensor of a number, which may be a constant."""
        if self._is_tensor(value):
            return self._tensor(value)
        known = constant_of(value)
        if isinstance(unwrapped(value).owner, PrimUninitializedOp):
            known = 0  # nobody reads it
        if known is UNKNOWN:
            raise CannotConvertError("a number that is known to nobody")
        array = np.asarray(known, NUMBERS[unwrapped(value).type].numpy)
        return TorchBuilder(before=before).insert(literal(self.pool, "number", array)).results[0]

    def _number_of(self, value: SSAValue, before: Operation) -> SSAValue:
        """A number, read from its tensor."""
        number = unwrapped(value)
        if isinstance(number.owner, AtenOp) and is_number_read(number.owner):
            return number
        kind = self._kind(number)
        name = next(name for name, read in READS.items() if read is kind)
        return TorchBuilder(before=before).aten(name, [self.tensors[number]], [kind]).results[0]

    def _is_tensor(self, value: SSAValue) -> bool:
        return unwrapped(value) in self.tensors

    def _kind(self, value: SSAValue) -> Attribute:
        """The type of a number, also of one that has become a tensor."""
        number = unwrapped(value)
        return self.kinds.get(number, number.type)

    # --- operators ---

    def _use(self, op: Operation, aten: Aten) -> None:
        if is_part_of_result(op):
            for i, operand in enumerate(op.operands):
                if self._is_tensor(operand):
                    op.operands[i] = self._number_of(operand, op)
        elif isinstance(op, (DerefineOp, PrimUncheckedCastOp)):
            return  # seen through
        elif isinstance(op, AtenOp) and len(op.results) == 1:
            self._operator(op, aten)
        else:
            raise CannotConvertError(op.name)

    def _operator(self, op: AtenOp, aten: Aten) -> None:
        stem = op.schema.full_name.removeprefix("aten::").partition(".")[0]
        kind = op.results[0].type
        if kind in NUMBERS:
            self.tensors[op.results[0]] = self._number(op, stem, aten)
        elif op.schema.name == "prim::NumToTensor":
            # Not the very tensor: what reads this one takes a tensor, and no number.
            self._replace(op, aten("reshape", self._tensor(op.operands[0]), []))
        elif isinstance(kind, tt.ValueTensorType):
            self._replace(op, self._on_tensor(op, stem, aten))
        else:
            raise CannotConvertError(op.schema.full_name)

    def _tensor(self, value: SSAValue) -> SSAValue:
        return self.tensors[unwrapped(value)]

    def _replace(self, op: AtenOp, value: SSAValue) -> None:
        if value.type != op.results[0].type:
            raise CannotConvertError(op.schema.full_name)
        op.results[0].replace_all_uses_with(value)

    def _number(self, op: AtenOp, stem: str, aten: Aten) -> SSAValue:
        """The tensor of a number that is computed from others."""
        dtype = NUMBERS[op.results[0].type]
        if stem == "neg":
            return aten("neg", self._tensor(op.operands[0]))
        if stem == "Float" or (stem == "Int" and self._kind(op.operands[0]) is not tt.FLOAT):
            return in_dtype(self._tensor(op.operands[0]), dtype, aten)
        if stem == "Bool":
            return aten("ne.Scalar", self._tensor(op.operands[0]), 0)
        if stem == "__not__":
            return aten("logical_not", self._tensor(op.operands[0]))
        if stem in LOGICAL and dtype is dtypes.BOOL:
            a, b = (self._converted(o, op) for o in op.operands)
            return aten(LOGICAL[stem], a, b)
        if len(op.operands) == 2 and (made := self._number_of_two(op, stem, dtype, aten)) is not None:
            return made
        return self._function(op, stem, dtype, aten)

    def _function(self, op: AtenOp, stem: str, dtype: DType, aten: Aten) -> SSAValue:
        function = functions.function_of_numbers(stem, dtype)
        if function is None or any(self._kind(o) not in NUMBERS for o in op.operands):
            raise CannotConvertError(op.schema.full_name)
        given = dtypes.F64 if functions.is_of_floats(stem) else dtype
        operands = [in_dtype(self._converted(o, op), given, aten) for o in op.operands]
        if stem in functions.REFUSE_LARGE and not self.may_repeat:
            raise CannotConvertError(op.schema.full_name)
        if stem in functions.REFUSE_LARGE:
            functions.require_integer(aten, operands[0])
        return function(aten, operands)

    def _number_of_two(self, op: AtenOp, stem: str, dtype: DType, aten: Aten) -> SSAValue | None:
        if stem in ARITHMETIC:
            return self._binary(op, dtype, aten, lambda a, b, form: arithmetic(stem, a, b, form, aten))
        if stem in DIVISIONS and self._kind(op.operands[0]) is tt.INT and self._is_tensor(op.operands[0]):
            divisor = constant_of(op.operands[1])
            return divided(stem, self._tensor(op.operands[0]), divisor, aten) if divides(divisor) else None
        if stem in EXTREMES and dtype is dtypes.I64:
            return aten(EXTREMES[stem], *(self._converted(o, op) for o in op.operands))
        if stem in COMPARISONS and dtype is dtypes.BOOL:
            return self._binary(
                op, self._wider(op), aten, lambda a, b, form: compared(stem, a, b, form, aten)
            )
        return None

    def _binary(
        self, op: AtenOp, dtype: DType, aten: Aten, make: Callable[[SSAValue, Number, str], SSAValue]
    ) -> SSAValue:
        """`make` of two operands in `dtype`; one of them may be a constant number."""
        if dtype is dtypes.BOOL:
            raise CannotConvertError(op.schema.full_name)
        operands: list[Number] = []
        for operand in op.operands:
            if unwrapped(operand) in self.tensors:
                operands.append(in_dtype(self._tensor(operand), dtype, aten))
                continue
            known = constant_of(operand)
            if known is UNKNOWN:
                raise CannotConvertError(op.schema.full_name)
            kind = float if dtype is dtypes.F64 else int
            operands.append(known if isinstance(known, Dim) else kind(known))
        a, b = operands
        if isinstance(a, SSAValue):
            return make(a, b, "Tensor" if isinstance(b, SSAValue) else "Scalar")
        assert isinstance(b, SSAValue)
        return make(b, a, "turned")

    def _wider(self, op: AtenOp) -> DType:
        """The dtype in which two numbers are compared."""
        kinds = [self._kind(o) for o in op.operands]
        if any(k not in NUMBERS for k in kinds):
            raise CannotConvertError(op.schema.full_name)
        return dtypes.F64 if tt.FLOAT in kinds else NUMBERS[kinds[0]]

    def _on_tensor(self, op: AtenOp, stem: str, aten: Aten) -> SSAValue:
        """What an operator on a tensor and a number gives with a tensor for the number, in the dtype in which
        PyTorch computes: numbers take part in promotion only by their kind.
        """
        name = op.schema.full_name
        if any(isinstance(o.type, tt.TensorType) and o.type.dtype is None for o in op.operands):
            raise CannotConvertError(name)
        if name in VIEWS and is_seen_twice(op, self.function):
            raise CannotConvertError(name)  # what is read at an index that is a tensor is a copy
        if name in ("aten::select.int", "aten::select_scatter"):
            return self._at_index(op, aten)
        known = [constant_of(o) for o in op.operands[1::2]]
        if name == "aten::narrow" and UNKNOWN not in known and self.may_repeat:
            return window(op.operands[0], known[0], self._tensor(op.operands[2]), known[1], aten)
        if name in TENSORS_OF_NUMBERS and isinstance(op.results[0].type, tt.TensorType):
            dtype = op.results[0].type.dtype
            if dtype is None:
                raise CannotConvertError(name)
            return aten("clone", in_dtype(self._tensor(op.operands[0]), dtype, aten), None)
        if name in ("aten::clamp", "aten::clip"):
            given = [constant_of(o) for o in op.operands[1:]]
            limits = [
                g if g is None else self._converted(o, op)
                for g, o in zip(given, op.operands[1:], strict=True)
            ]
            return clamped(op.operands[0], limits, aten)
        if name in WITH_TENSORS or name in FULL:
            return self._filled(op, name, aten)
        return self._with_tensor(op, stem, aten)

    def _with_tensor(self, op: AtenOp, stem: str, aten: Aten) -> SSAValue:
        """The form of an operator that takes a tensor for the number."""
        name = op.schema.full_name
        other = schemas.lookup(f"aten::{stem}.Tensor")
        if not name.endswith(".Scalar") or other is None or find(other.full_name) is None:
            raise CannotConvertError(name)
        number, source = op.operands[1], op.operands[0]
        spec = spec_of_type(source.type) if isinstance(source.type, tt.TensorType) else None
        if spec is None or unwrapped(number) not in self.tensors:
            raise CannotConvertError(name)
        example = {dtypes.I64: 1, dtypes.F64: 1.0, dtypes.BOOL: True}[NUMBERS[self._kind(number)]]
        dtype = result_dtype([spec, example])
        rest = [constant_of(o) for o in list(op.operands)[2:]]
        if any(r is UNKNOWN for r in rest) or len(other.arguments) != len(op.operands):
            raise CannotConvertError(name)
        return aten(f"{stem}.Tensor", source, in_dtype(self._tensor(number), dtype, aten), *rest)

    def _filled(self, op: AtenOp, name: str, aten: Aten) -> SSAValue:
        """What puts numbers into places of a tensor, or of a new one, with tensors for the numbers."""
        kind = op.results[0].type
        assert isinstance(kind, tt.TensorType)
        if kind.dtype is None:
            raise CannotConvertError(name)
        values = [self._filling(o, kind.dtype, aten) for o in op.operands]
        if name not in FULL:
            return aten(WITH_TENSORS[name], *values)
        if kind.sizes is None:
            raise CannotConvertError(name)
        return aten("clone", aten("expand", values[FULL[name]], list(kind.sizes)), None)

    def _filling(self, value: SSAValue, dtype: DType, aten: Aten) -> object:
        if unwrapped(value) in self.tensors:
            return in_dtype(self._tensor(value), dtype, aten)
        known = constant_of(value)
        return value if known is UNKNOWN else known

    def _at_index(self, op: AtenOp, aten: Aten) -> SSAValue:
        """The part of a tensor at an index that is a tensor, or the tensor with another one there."""
        source, *parts, dim, index = op.operands
        spec = spec_of_type(source.type) if isinstance(source.type, tt.TensorType) else None
        known = constant_of(dim)
        if spec is None or known is UNKNOWN or not self._is_tensor(index) or not self.may_repeat:
            raise CannotConvertError(op.schema.full_name)
        (number,) = wrap_dims([known], spec.ndim)
        return at_index(source, number, self._tensor(index), parts[0] if parts else None, aten)
