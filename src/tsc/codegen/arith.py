"""`arith` on integers, indices and floats, scalars and vectors, to LLVM instructions."""

from collections.abc import Callable, Mapping
from typing import Any

from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    Float32Type,
    FloatAttr,
    IndexType,
    IntegerAttr,
    VectorType,
)
from xdsl.ir import Attribute, Operation, SSAValue

from tsc.analysis.builtin_types import is_vector
from tsc.codegen.affine_indices import AffineSum
from tsc.codegen.conversions import narrow, widen
from tsc.codegen.function_emitter import FunctionEmitter
from tsc.codegen.types import (
    bits_of,
    element_of,
    float_text,
    is_float,
    is_reduced,
    lanes_of,
    llvm_type,
    scalar_type,
    suffix,
    with_lanes,
)
from tsc.errors import CodegenError

F32 = Float32Type()


def constant_text(value: float, element: Attribute, lanes: int = 0) -> str:
    """A constant operand: a scalar, or the same in every lane."""
    if is_float(element):
        text = float_text(value, element)
    else:
        text = str(int(value)) if bits_of(element) > 1 else ("true" if value else "false")
    return f"splat ({scalar_type(element)} {text})" if lanes else text


def constant(function: FunctionEmitter, op: arith.ConstantOp) -> None:
    """``arith.constant``: an operand, not an instruction."""
    value = op.value
    if isinstance(op.result.type, IndexType) and isinstance(value, IntegerAttr):
        function.define_index(op.result, AffineSum((), value.value.data))
    elif isinstance(value, IntegerAttr | FloatAttr):
        function.define(op.result, constant_text(value.value.data, op.result.type))
    elif isinstance(value, DenseIntOrFPElementsAttr) and is_vector(op.result.type):
        function.define(op.result, _dense(value, op.result.type))
    else:
        raise CodegenError(
            f"arith.constant: requires a scalar or a vector at the loop stage; got {op.result.type}"
        )


def _dense(value: DenseIntOrFPElementsAttr, type_: VectorType[Attribute]) -> str:
    element, lanes = type_.element_type, lanes_of(type_)
    values = [float(v) if is_float(element) else int(v) for v in value.get_values()]  # pyright: ignore[reportArgumentType]
    if len(values) == 1 or len({repr(v) for v in values}) == 1:
        return constant_text(values[0], element, lanes)
    return "<" + ", ".join(f"{scalar_type(element)} {constant_text(v, element)}" for v in values) + ">"


def flags_of(op: Operation) -> str:
    """The fast-math flags of an op as LLVM spells them, with a trailing space."""
    flags = op.properties.get("fastmath")
    if not isinstance(flags, arith.FastMathFlagsAttr) or not flags.data:
        return ""
    return "".join(f"{flag.value} " for flag in sorted(flags.data))


# Integers


def _overflow(op: Operation) -> str:
    flags = op.properties.get("overflowFlags")
    if not isinstance(flags, arith.IntegerOverflowAttr):
        return ""
    return "".join(f"{flag.value} " for flag in sorted(flags.data, reverse=True))


def _integer(instruction: str) -> Callable[[FunctionEmitter, Any], None]:
    def emit(function: FunctionEmitter, op: Any) -> None:
        type_ = llvm_type(op.result.type)
        lhs, rhs = function.use(op.lhs), function.use(op.rhs)
        function.define(op.result, function.emit(f"{instruction} {_overflow(op)}{type_} {lhs}, {rhs}"))

    return emit


def _affine(
    combine: Callable[[AffineSum, AffineSum], AffineSum | None], instruction: str
) -> Callable[[FunctionEmitter, Any], None]:
    general = _integer(instruction)

    def emit(function: FunctionEmitter, op: Any) -> None:
        if isinstance(op.result.type, IndexType):
            total = combine(function.index(op.lhs), function.index(op.rhs))
            if total is not None:
                function.define_index(op.result, total)
                return
        general(function, op)

    return emit


def _product(lhs: AffineSum, rhs: AffineSum) -> AffineSum | None:
    if rhs.is_constant:
        return lhs.scaled(rhs.constant)
    return rhs.scaled(lhs.constant) if lhs.is_constant else None


def _shifted(lhs: AffineSum, rhs: AffineSum) -> AffineSum | None:
    return lhs.scaled(1 << rhs.constant) if rhs.is_constant and 0 <= rhs.constant < 63 else None


def _quotient(lhs: AffineSum, rhs: AffineSum) -> AffineSum | None:
    if lhs.is_constant and rhs.is_constant and lhs.constant >= 0 and rhs.constant > 0:
        return AffineSum((), lhs.constant // rhs.constant)
    return lhs if rhs == AffineSum((), 1) else None


def _remainder(lhs: AffineSum, rhs: AffineSum) -> AffineSum | None:
    if lhs.is_constant and rhs.is_constant and lhs.constant >= 0 and rhs.constant > 0:
        return AffineSum((), lhs.constant % rhs.constant)
    return None


def _intrinsic(name: str) -> Callable[[FunctionEmitter, Any], None]:
    def emit(function: FunctionEmitter, op: Any) -> None:
        type_ = llvm_type(op.result.type)
        arguments = ((type_, function.use(op.lhs)), (type_, function.use(op.rhs)))
        function.define(op.result, function.call(f"llvm.{name}.{suffix(type_)}", type_, *arguments))

    return emit


def _rounded_division(is_ceiling: bool, is_signed: bool) -> Callable[[FunctionEmitter, Any], None]:
    """Division rounded down or up: the truncated quotient, moved by one where a remainder says so."""

    def emit(function: FunctionEmitter, op: Any) -> None:
        type_ = llvm_type(op.result.type)
        flag = with_lanes("i1", lanes_of(op.result.type))
        lhs, rhs = function.use(op.lhs), function.use(op.rhs)
        sign = "s" if is_signed else "u"
        quotient = function.emit(f"{sign}div {type_} {lhs}, {rhs}")
        remainder = function.emit(f"{sign}rem {type_} {lhs}, {rhs}")
        adjust = function.emit(f"icmp ne {type_} {remainder}, zeroinitializer")
        if is_signed:
            signs = function.emit(f"xor {type_} {remainder}, {rhs}")
            compare = "sge" if is_ceiling else "slt"
            same = function.emit(f"icmp {compare} {type_} {signs}, zeroinitializer")
            adjust = function.emit(f"and {flag} {adjust}, {same}")
        step = function.emit(f"zext {flag} {adjust} to {type_}")
        function.define(
            op.result, function.emit(f"{'add' if is_ceiling else 'sub'} {type_} {quotient}, {step}")
        )

    return emit


def _extended_product(extend: str) -> Callable[[FunctionEmitter, Any], None]:
    def emit(function: FunctionEmitter, op: Any) -> None:
        element, lanes = element_of(op.low.type), lanes_of(op.low.type)
        bits, type_ = bits_of(element), llvm_type(op.low.type)
        wide = with_lanes(f"i{2 * bits}", lanes)
        lhs, rhs = (function.emit(f"{extend} {type_} {function.use(v)} to {wide}") for v in (op.lhs, op.rhs))
        product = function.emit(f"mul {wide} {lhs}, {rhs}")
        shift = f"splat (i{2 * bits} {bits})" if lanes else str(bits)
        high = function.emit(f"lshr {wide} {product}, {shift}")
        function.define(op.low, function.emit(f"trunc {wide} {product} to {type_}"))
        function.define(op.high, function.emit(f"trunc {wide} {high} to {type_}"))

    return emit


def _add_with_carry(function: FunctionEmitter, op: arith.AddUIExtendedOp) -> None:
    type_ = llvm_type(op.sum.type)
    lhs, rhs = function.use(op.lhs), function.use(op.rhs)
    total = function.emit(f"add {type_} {lhs}, {rhs}")
    function.define(op.sum, total)
    function.define(op.overflow, function.emit(f"icmp ult {type_} {total}, {lhs}"))


# Floats


def computed_in(type_: Attribute) -> Attribute:
    """The type arithmetic on `type_` is done in: f32 for the 16-bit floats."""
    if not is_reduced(type_):
        return type_
    return VectorType(F32, [lanes_of(type_)]) if lanes_of(type_) else F32


def float_operation(
    function: FunctionEmitter,
    result: SSAValue,
    operands: list[SSAValue],
    emit: Callable[[str, list[str]], str],
) -> None:
    """Emit on the computation type: 16-bit operands are widened, and the result is rounded once."""
    if not is_reduced(result.type) and all(v.type is result.type for v in operands):
        function.define(result, emit(llvm_type(result.type), [function.use(v) for v in operands]))
        return
    compute = computed_in(result.type)
    values = [widen(function, function.use(v), v.type, compute) for v in operands]
    function.define(result, narrow(function, emit(llvm_type(compute), values), compute, result.type))


def _float(instruction: str) -> Callable[[FunctionEmitter, Any], None]:
    def emit(function: FunctionEmitter, op: Any) -> None:
        def write(type_: str, values: list[str]) -> str:
            return function.emit(f"{instruction} {flags_of(op)}{type_} {', '.join(values)}")

        float_operation(function, op.result, list(op.operands), write)

    return emit


def _float_intrinsic(name: str) -> Callable[[FunctionEmitter, Any], None]:
    def emit(function: FunctionEmitter, op: Any) -> None:
        def write(type_: str, values: list[str]) -> str:
            operands = [(type_, v) for v in values]
            return function.call(f"llvm.{name}.{suffix(type_)}", type_, *operands, flags=flags_of(op))

        float_operation(function, op.result, list(op.operands), write)

    return emit


# Comparisons and selection

INTEGER_PREDICATES = ("eq", "ne", "slt", "sle", "sgt", "sge", "ult", "ule", "ugt", "uge")
FLOAT_PREDICATES = (
    "false", "oeq", "ogt", "oge", "olt", "ole", "one", "ord",
    "ueq", "ugt", "uge", "ult", "ule", "une", "uno", "true",
)  # fmt: skip


def _compare_integers(function: FunctionEmitter, op: arith.CmpiOp) -> None:
    predicate = INTEGER_PREDICATES[op.predicate.value.data]
    lhs, rhs = function.use(op.lhs), function.use(op.rhs)
    function.define(op.result, function.emit(f"icmp {predicate} {llvm_type(op.lhs.type)} {lhs}, {rhs}"))


def _compare_floats(function: FunctionEmitter, op: arith.CmpfOp) -> None:
    predicate = FLOAT_PREDICATES[op.predicate.value.data]
    compute = computed_in(op.lhs.type)
    lhs, rhs = (widen(function, function.use(v), v.type, compute) for v in (op.lhs, op.rhs))
    function.define(op.result, function.emit(f"fcmp {predicate} {llvm_type(compute)} {lhs}, {rhs}"))


def _select(function: FunctionEmitter, op: arith.SelectOp) -> None:
    operands = ", ".join(function.typed(v) for v in (op.cond, op.lhs, op.rhs))
    function.define(op.result, function.emit(f"select {operands}"))


HANDLERS: Mapping[type[Operation], Callable[[FunctionEmitter, Any], None]] = {
    arith.ConstantOp: constant,
    arith.AddiOp: _affine(lambda a, b: a + b, "add"),
    arith.SubiOp: _affine(lambda a, b: a - b, "sub"),
    arith.MuliOp: _affine(_product, "mul"),
    arith.ShLIOp: _affine(_shifted, "shl"),
    arith.DivSIOp: _affine(_quotient, "sdiv"),
    arith.DivUIOp: _affine(_quotient, "udiv"),
    arith.RemSIOp: _affine(_remainder, "srem"),
    arith.RemUIOp: _affine(_remainder, "urem"),
    arith.FloorDivSIOp: _rounded_division(False, True),
    arith.CeilDivSIOp: _rounded_division(True, True),
    arith.CeilDivUIOp: _rounded_division(True, False),
    arith.AndIOp: _integer("and"),
    arith.OrIOp: _integer("or"),
    arith.XOrIOp: _integer("xor"),
    arith.ShRUIOp: _integer("lshr"),
    arith.ShRSIOp: _integer("ashr"),
    arith.MinSIOp: _intrinsic("smin"),
    arith.MaxSIOp: _intrinsic("smax"),
    arith.MinUIOp: _intrinsic("umin"),
    arith.MaxUIOp: _intrinsic("umax"),
    arith.MulSIExtendedOp: _extended_product("sext"),
    arith.MulUIExtendedOp: _extended_product("zext"),
    arith.AddUIExtendedOp: _add_with_carry,
    arith.AddfOp: _float("fadd"),
    arith.SubfOp: _float("fsub"),
    arith.MulfOp: _float("fmul"),
    arith.DivfOp: _float("fdiv"),
    arith.NegfOp: _float("fneg"),
    arith.MaximumfOp: _float_intrinsic("maximum"),
    arith.MinimumfOp: _float_intrinsic("minimum"),
    arith.MaxnumfOp: _float_intrinsic("maxnum"),
    arith.MinnumfOp: _float_intrinsic("minnum"),
    arith.CmpiOp: _compare_integers,
    arith.CmpfOp: _compare_floats,
    arith.SelectOp: _select,
}
