"""Scalar formulas as `arith` and `math` operations: the backend of `ops.scalar` that lowering uses."""

from __future__ import annotations

from typing import Any

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import FloatAttr, IntegerAttr, IntegerType, bf16, f16, f32, f64
from xdsl.ir import Attribute, Block, Operation, SSAValue

from tsc import dtypes
from tsc.dialects.sized import SizeOp
from tsc.dialects.tsc import RemainderOp
from tsc.dims import Dim
from tsc.dtypes import DType
from tsc.errors import CodegenError

_FLOAT_TYPES: dict[DType, Any] = {dtypes.F16: f16, dtypes.F32: f32, dtypes.F64: f64, dtypes.BF16: bf16}
_FLOAT_UNARY: dict[str, type[Operation]] = {
    "neg": arith.NegfOp, "abs": math.AbsFOp, "exp": math.ExpOp, "exp2": math.Exp2Op, "expm1": math.ExpM1Op,
    "log": math.LogOp, "log2": math.Log2Op, "log10": math.Log10Op, "log1p": math.Log1pOp, "tanh": math.TanhOp,
    "erf": math.ErfOp, "sqrt": math.SqrtOp, "sin": math.SinOp, "cos": math.CosOp, "tan": math.TanOp,
    "asin": math.AsinOp,
    "acos": math.AcosOp, "atan": math.AtanOp, "sinh": math.SinhOp, "cosh": math.CoshOp, "asinh": math.AsinhOp,
    "acosh": math.AcoshOp, "atanh": math.AtanhOp, "floor": math.FloorOp, "ceil": math.CeilOp,
    "trunc": math.TruncOp,
    "roundeven": math.RoundEvenOp,
}  # fmt: skip
_FLOAT_BINARY: dict[str, type[Operation]] = {
    "add": arith.AddfOp, "sub": arith.SubfOp, "mul": arith.MulfOp, "div": arith.DivfOp,
    "min": arith.MinimumfOp, "max": arith.MaximumfOp, "pow": math.PowFOp, "atan2": math.Atan2Op,
    "copysign": math.CopySignOp,
}  # fmt: skip
_INT_BINARY: dict[str, type[Operation]] = {
    "add": arith.AddiOp, "sub": arith.SubiOp, "mul": arith.MuliOp, "and": arith.AndIOp, "or": arith.OrIOp,
    "xor": arith.XOrIOp, "shl": arith.ShLIOp,
}  # fmt: skip
_SIGNED_BINARY: dict[str, type[Operation]] = {
    "min": arith.MinSIOp,
    "max": arith.MaxSIOp,
    "shr": arith.ShRSIOp,
}
_UNSIGNED_BINARY: dict[str, type[Operation]] = {
    "min": arith.MinUIOp,
    "max": arith.MaxUIOp,
    "shr": arith.ShRUIOp,
}
_BOOL_BINARY: dict[str, type[Operation]] = {
    "add": arith.OrIOp, "mul": arith.AndIOp, "and": arith.AndIOp, "or": arith.OrIOp, "xor": arith.XOrIOp,
    "min": arith.AndIOp, "max": arith.OrIOp,
}  # fmt: skip
_DIVISIONS: dict[str, dict[bool, type[Operation]]] = {
    "divtrunc": {True: arith.DivSIOp, False: arith.DivUIOp},
    "rem": {True: arith.RemSIOp, False: arith.RemUIOp},
}
"""Of integers, signed or not."""
_FLOAT_PREDICATE = {"eq": "oeq", "ne": "une", "lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge"}
_SIGNED_PREDICATE = {"eq": "eq", "ne": "ne", "lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge"}
_UNSIGNED_PREDICATE = {"eq": "eq", "ne": "ne", "lt": "ult", "le": "ule", "gt": "ugt", "ge": "uge"}


def element_type(dtype: DType) -> Any:
    """The signless builtin type of an element.

    Raises:
        CodegenError: complex numbers have no native form.
    """
    if dtype in _FLOAT_TYPES:
        return _FLOAT_TYPES[dtype]
    if dtype.is_complex:
        raise CodegenError(f"native code: dtype must be real; got {dtype.name}")
    return IntegerType(1 if dtype is dtypes.BOOL else dtype.bits)


def _is_safe_divisor(value: SSAValue, dtype: DType) -> bool:
    """Whether no division of integers by `value` fails: it is a size, or a constant, neither 0 nor -1."""
    owner = value.owner
    if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
        return divides(owner.value.value.data, dtype)
    return isinstance(owner, arith.IndexCastOp) and isinstance(owner.operands[0].owner, SizeOp)


def divides(number: int, dtype: DType) -> bool:
    """Whether all elements of `dtype` can be divided by `number`: not by 0, for which PyTorch raises, nor by
    -1, for which the smallest integer has no quotient.
    """
    mask = (1 << dtype.bits) - 1
    return number & mask != 0 and not (dtype.is_signed and number & mask == mask)


class ArithEmitter:
    """Appends to `block`; equal constants are made once. Values are `SSAValue`s of `element_type`."""

    def __init__(self, block: Block) -> None:
        self.block = block
        self._constants: dict[tuple[str, DType], SSAValue] = {}

    def emit(
        self, cls: type[Operation], operands: list[SSAValue], result: Attribute, **parts: Any
    ) -> SSAValue:
        """Append one operation."""
        op = cls.create(operands=operands, result_types=[result], **parts)
        self.block.add_op(op)
        return op.results[0]

    def const(self, value: Any, dtype: DType) -> SSAValue:
        """``arith.constant``; integers wrap to the width of `dtype`."""
        found = self._constants.get((repr(value), dtype))
        if found is None:
            kind = element_type(dtype)
            if isinstance(value, Dim):
                return self._size(value, dtype)
            if dtype.is_floating:
                attribute: Attribute = FloatAttr(float(value), kind)
            elif dtype is dtypes.BOOL:
                attribute = IntegerAttr(-int(bool(value)), kind)
            else:
                attribute = IntegerAttr(_wrap(int(value), dtype.bits), kind)
            found = self.emit(arith.ConstantOp, [], kind, properties={"value": attribute})
            self._constants[repr(value), dtype] = found
        return found

    def _size(self, size: Dim, dtype: DType) -> SSAValue:
        """A symbolic size as an element."""
        op = SizeOp.of(size)
        self.block.add_op(op)
        number = self.emit(arith.IndexCastOp, [op.results[0]], IntegerType(64))
        return self.cast(number, dtypes.I64, dtype)

    def unary(self, name: str, x: SSAValue, dtype: DType) -> SSAValue:
        """A `math` operation on floats; negation, absolute value and complement on integers."""
        if dtype.is_floating and name in _FLOAT_UNARY:
            return self.emit(_FLOAT_UNARY[name], [x], x.type, **_fastmath())
        if not dtype.is_floating:
            return self._integer_unary(name, x, dtype)
        raise CodegenError(f"native code: {name} requires another dtype; got {dtype.name}")

    def _integer_unary(self, name: str, x: SSAValue, dtype: DType) -> SSAValue:
        if name in ("floor", "ceil", "trunc", "roundeven"):
            return x
        if name == "not":
            return self.emit(
                arith.XOrIOp, [x, self.const(True if dtype is dtypes.BOOL else -1, dtype)], x.type
            )
        if name == "neg" and dtype is not dtypes.BOOL:
            return self.emit(arith.SubiOp, [self.const(0, dtype), x], x.type)
        if name == "abs":
            if not dtype.is_signed:
                return x
            return self.emit(arith.MaxSIOp, [x, self._integer_unary("neg", x, dtype)], x.type)
        raise CodegenError(f"native code: {name} requires a floating dtype; got {dtype.name}")

    def binary(self, name: str, a: SSAValue, b: SSAValue, dtype: DType) -> SSAValue:
        """The `arith` or `math` operation for `name`."""
        if dtype.is_floating:
            if name == "rem":
                return self.emit(RemainderOp, [a, b], a.type)
            if name in _FLOAT_BINARY:
                return self.emit(_FLOAT_BINARY[name], [a, b], a.type, **_fastmath())
        else:
            table = _BOOL_BINARY if dtype is dtypes.BOOL else _integer_table(dtype)
            if name in table:
                return self.emit(table[name], [a, b], a.type)
        if name in _DIVISIONS and _is_safe_divisor(b, dtype):
            return self.emit(_DIVISIONS[name][dtype.is_signed], [a, b], a.type)
        # Other integer division is left to the generic tier: it must raise on zero, and a native trap would
        # end the process.
        raise CodegenError(f"native code: {name} has no native form for {dtype.name}")

    def compare(self, predicate: str, a: SSAValue, b: SSAValue, dtype: DType) -> SSAValue:
        """``arith.cmpf`` or ``arith.cmpi``."""
        if dtype.is_floating:
            op: Operation = arith.CmpfOp(a, b, _FLOAT_PREDICATE[predicate])
        else:
            table = _SIGNED_PREDICATE if dtype.is_signed else _UNSIGNED_PREDICATE
            op = arith.CmpiOp(a, b, table[predicate])
        self.block.add_op(op)
        return op.results[0]

    def select(self, condition: SSAValue, a: SSAValue, b: SSAValue, dtype: DType) -> SSAValue:
        """``arith.select``."""
        return self.emit(arith.SelectOp, [condition, a, b], a.type)

    def cast(self, x: SSAValue, source: DType, target: DType) -> SSAValue:
        """The conversion between two dtypes."""
        if source is target:
            return x
        if target is dtypes.BOOL:
            return self.compare("ne", x, self.const(0, source), source)
        result = element_type(target)
        if source.is_floating:
            return self._cast_float(x, source, target, result)
        if target.is_floating:
            unsigned = not source.is_signed
            return self.emit(arith.UIToFPOp if unsigned else arith.SIToFPOp, [x], result)
        if source is dtypes.BOOL or source.bits < target.bits:
            return self.emit(arith.ExtSIOp if source.is_signed else arith.ExtUIOp, [x], result)
        return x if source.bits == target.bits else self.emit(arith.TruncIOp, [x], result)

    def _cast_float(self, x: SSAValue, source: DType, target: DType, result: Attribute) -> SSAValue:
        if not target.is_floating:
            # PyTorch converts through int64 and wraps; narrowing conversions of their own would saturate or
            # be undefined.
            wide = self.emit(arith.FPToSIOp, [x], element_type(dtypes.I64))
            return self.cast(wide, dtypes.I64, target)
        if source.size_bytes < target.size_bytes:
            return self.emit(arith.ExtFOp, [x], result)
        if source.size_bytes > target.size_bytes:
            return self.emit(arith.TruncFOp, [x], result)
        return self.cast(self.cast(x, source, dtypes.F32), dtypes.F32, target)


def _integer_table(dtype: DType) -> dict[str, type[Operation]]:
    return _INT_BINARY | (_SIGNED_BINARY if dtype.is_signed else _UNSIGNED_BINARY)


def _fastmath() -> dict[str, Any]:
    return {"properties": {"fastmath": arith.FastMathFlagsAttr("none")}}


def _wrap(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
