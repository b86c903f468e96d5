"""Pass `numbers-as-tensors`: numbers that are read from tensors are computed with as tensors without dims."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from tsc import dtypes
from tsc.analysis.known_values import CONSTRUCTIONS, UNKNOWN, constant_of, spec_of_type, unwrapped
from tsc.dialects import schema as schemas
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import DerefineOp, PrimUncheckedCastOp
from tsc.dtypes import DType
from tsc.errors import OPERATOR_FAILURES
from tsc.ops.composite import Aten
from tsc.ops.promotion import result_dtype
from tsc.ops.registry import find
from tsc.passes.decompose import building_aten

NUMBERS: dict[Any, DType] = {tt.INT: dtypes.I64, tt.FLOAT: dtypes.F64, tt.BOOL: dtypes.BOOL}
"""The dtypes that hold numbers of each type exactly."""
READS: dict[str, Any] = {
    "aten::Int.Tensor": tt.INT,
    "aten::Float.Tensor": tt.FLOAT,
    "aten::Bool.Tensor": tt.BOOL,
}
"""Operators that give the only element of a tensor as a number."""
ARITHMETIC = ("add", "sub", "mul")
COMPARISONS = {"lt": "gt", "gt": "lt", "le": "ge", "ge": "le", "eq": "eq", "ne": "ne"}
"""With what each becomes when its operands change places."""


class _CannotConvertError(Exception):
    """A number is used by something that wants a number."""


@dataclass(frozen=True)
class NumbersAsTensors(ModulePass):
    """Compute with numbers from tensors on tensors without dims, so that kernels do it.

    Requires: tensors are values, composites expanded, types refined.
    Leaves: functions in which such a number is wanted as one (a size, a condition), and arithmetic that may
    raise, as they are. A number that is returned is read from its tensor at the end.

    ```mlir
    %1 = torch.aten.Float.Tensor %s : !torch.vtensor<[],f64> -> !torch.float
    %2 = torch.aten.mul.Scalar %x, %1 : !torch.vtensor<[4],f32>, !torch.float
    // %1 = torch.aten.to.dtype %s, f32; %2 = torch.aten.mul.Tensor %x, %1
    ```
    """

    name = "numbers-as-tensors"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite every function of the module that allows it."""
        for function in op.ops:
            if isinstance(function, FuncOp) and any(map(is_number_read, function.body.block.ops)):
                _convert(function)


def is_number_read(op: Operation) -> bool:
    """Whether `op` gives the only element of a value, which certainly has one, and is such a number."""
    if not isinstance(op, AtenOp) or op.schema.full_name not in READS:
        return False
    kind = op.operands[0].type
    spec = spec_of_type(kind) if isinstance(kind, tt.ValueTensorType) else None
    if spec is None or spec.size != 1 or spec.dtype.is_complex:
        return False
    return READS[op.schema.full_name] is not tt.INT or not spec.dtype.is_floating


def _convert(function: FuncOp) -> None:
    trial = function.clone()
    try:
        _Conversion(trial).run()
    except (_CannotConvertError, *OPERATOR_FAILURES):
        return  # an operator that is given what it cannot take stays, and raises when the program runs
    function.body.detach_block(function.body.block)
    block = trial.body.block
    trial.body.detach_block(block)
    function.body.add_block(block)


class _Conversion:
    def __init__(self, function: FuncOp) -> None:
        self.block = function.body.block
        self.tensors: dict[SSAValue, SSAValue] = {}
        """The tensors without dims that stand for numbers."""
        self.returned: list[SSAValue] = []

    def run(self) -> None:
        """Rewrite the function.

        Raises:
            _CannotConvertError: it wants a number as one.
        """
        for op in list(self.block.ops):
            self._operation(op, building_aten(TorchBuilder(before=op), []))
        reads = {kind: name for name, kind in READS.items()}
        for number in self.returned:
            owner = cast("Operation", number.owner)
            if not is_number_read(owner):
                read = (
                    TorchBuilder(before=owner)
                    .aten(reads[number.type], [self.tensors[number]], [number.type])
                    .results[0]
                )
                number.replace_uses_with_if(read, lambda use: _is_part_of_result(use.operation))

    def _operation(self, op: Operation, aten: Aten) -> None:
        if is_number_read(op):
            assert isinstance(op, AtenOp)
            self.tensors[op.results[0]] = self._read(op, aten)
        elif any(unwrapped(o) in self.tensors for o in op.operands):
            self._use(op, aten)
        for inner in (i for r in op.regions for b in r.blocks for i in b.walk()):
            if any(unwrapped(o) in self.tensors for o in inner.operands):
                raise _CannotConvertError(inner.name)

    def _read(self, op: AtenOp, aten: Aten) -> SSAValue:
        source = op.operands[0]
        spec = spec_of_type(cast("tt.TensorType", source.type))
        assert spec is not None
        flat = source if spec.shape == () else aten("reshape", source, [])
        return _as(flat, NUMBERS[READS[op.schema.full_name]], aten)

    def _use(self, op: Operation, aten: Aten) -> None:
        if _is_part_of_result(op):
            self.returned += [o for o in op.operands if o in self.tensors and o not in self.returned]
        elif isinstance(op, (DerefineOp, PrimUncheckedCastOp)):
            return  # seen through
        elif isinstance(op, AtenOp) and len(op.results) == 1:
            self._operator(op, aten)
        else:
            raise _CannotConvertError(op.name)

    def _operator(self, op: AtenOp, aten: Aten) -> None:
        stem = op.schema.full_name.removeprefix("aten::").partition(".")[0]
        kind = op.results[0].type
        if kind in NUMBERS:
            self.tensors[op.results[0]] = self._number(op, stem, aten)
        elif op.schema.name == "prim::NumToTensor":
            self._replace(op, self._tensor(op.operands[0]))
        elif isinstance(kind, tt.ValueTensorType):
            self._replace(op, self._on_tensor(op, stem, aten))
        else:
            raise _CannotConvertError(op.schema.full_name)

    def _tensor(self, value: SSAValue) -> SSAValue:
        return self.tensors[unwrapped(value)]

    def _replace(self, op: AtenOp, value: SSAValue) -> None:
        if value.type != op.results[0].type:
            raise _CannotConvertError(op.schema.full_name)
        op.results[0].replace_all_uses_with(value)

    def _number(self, op: AtenOp, stem: str, aten: Aten) -> SSAValue:
        """The tensor of a number that is computed from others."""
        dtype = NUMBERS[op.results[0].type]
        if stem == "neg":
            return aten("neg", self._tensor(op.operands[0]))
        if stem == "Float":
            return _as(self._tensor(op.operands[0]), dtypes.F64, aten)
        if stem in ARITHMETIC and len(op.operands) == 2:
            return self._binary(op, dtype, aten, lambda a, b, form: _arithmetic(stem, a, b, form, aten))
        if stem in COMPARISONS and len(op.operands) == 2 and dtype is dtypes.BOOL:
            return self._binary(op, _wider(op), aten, lambda a, b, form: _compared(stem, a, b, form, aten))
        raise _CannotConvertError(op.schema.full_name)

    def _binary(
        self, op: AtenOp, dtype: DType, aten: Aten, make: Callable[[Any, Any, str], SSAValue]
    ) -> SSAValue:
        """`make` of two operands in `dtype`; one of them may be a constant number."""
        if dtype is dtypes.BOOL:
            raise _CannotConvertError(op.schema.full_name)
        operands: list[Any] = []
        for operand in op.operands:
            if unwrapped(operand) in self.tensors:
                operands.append(_as(self._tensor(operand), dtype, aten))
                continue
            known = constant_of(operand)
            if known is UNKNOWN:
                raise _CannotConvertError(op.schema.full_name)
            operands.append(float(known) if dtype is dtypes.F64 else int(known))
        a, b = operands
        if not isinstance(a, SSAValue):
            return make(b, a, "turned")
        return make(a, b, "Tensor" if isinstance(b, SSAValue) else "Scalar")

    def _on_tensor(self, op: AtenOp, stem: str, aten: Aten) -> SSAValue:
        """What an operator on a tensor and a number gives with a tensor for the number, in the dtype in which
        PyTorch computes: numbers take part in promotion only by their kind.
        """
        name = op.schema.full_name
        other = schemas.lookup(f"aten::{stem}.Tensor")
        if not name.endswith(".Scalar") or other is None or find(other.full_name) is None:
            raise _CannotConvertError(name)
        number, source = op.operands[1], op.operands[0]
        spec = spec_of_type(source.type) if isinstance(source.type, tt.TensorType) else None
        if spec is None or unwrapped(number) not in self.tensors:
            raise _CannotConvertError(name)
        example = {dtypes.I64: 1, dtypes.F64: 1.0, dtypes.BOOL: True}[NUMBERS[unwrapped(number).type]]
        dtype = result_dtype([spec, example])
        rest = [constant_of(o) for o in list(op.operands)[2:]]
        if any(r is UNKNOWN for r in rest) or len(other.arguments) != len(op.operands):
            raise _CannotConvertError(name)
        return aten(f"{stem}.Tensor", source, _as(self._tensor(number), dtype, aten), *rest)


def _is_part_of_result(op: Operation) -> bool:
    """Whether what `op` makes is, or is in, nothing but the result."""
    if isinstance(op, ReturnOp):
        return True
    if not isinstance(op, CONSTRUCTIONS):
        return False
    uses = [use.operation for use in op.results[0].uses]
    return bool(uses) and all(map(_is_part_of_result, uses))


def _wider(op: AtenOp) -> DType:
    """The dtype in which two numbers are compared."""
    kinds = [unwrapped(o).type for o in op.operands]
    if any(k not in NUMBERS for k in kinds):
        raise _CannotConvertError(op.schema.full_name)
    return dtypes.F64 if tt.FLOAT in kinds else NUMBERS[kinds[0]]


def _arithmetic(stem: str, a: Any, b: Any, form: str, aten: Aten) -> SSAValue:
    if form == "turned":
        return aten("rsub.Scalar", a, b, 1) if stem == "sub" else _arithmetic(stem, a, b, "Scalar", aten)
    return aten(f"mul.{form}", a, b) if stem == "mul" else aten(f"{stem}.{form}", a, b, 1)


def _compared(stem: str, a: Any, b: Any, form: str, aten: Aten) -> SSAValue:
    if form == "turned":
        return aten(f"{COMPARISONS[stem]}.Scalar", a, b)
    return aten(f"{stem}.{form}", a, b)


def _as(tensor: SSAValue, dtype: DType, aten: Aten) -> SSAValue:
    """`tensor` in another dtype."""
    kind = cast("tt.TensorType", tensor.type)
    return tensor if kind.dtype is dtype else aten("to.dtype", tensor, dtype.code, False, False, None)
