"""MLIR types to the spelling LLVM has for them, in registers and in memory."""

import struct
from functools import cache

from xdsl.dialects.builtin import (
    BFloat16Type,
    Float16Type,
    Float32Type,
    Float64Type,
    IndexType,
    IntegerType,
    MemRefType,
    VectorType,
)
from xdsl.ir import Attribute

from tsc.errors import CodegenError

FLOAT_BITS = {Float64Type: 64, Float32Type: 32, Float16Type: 16, BFloat16Type: 16}
_I1 = IntegerType(1)
_FLOAT_NAMES = {Float64Type: "double", Float32Type: "float", Float16Type: "half"}


def element_of(type_: Attribute) -> Attribute:
    """The element of a vector; a scalar type itself."""
    return type_.element_type if isinstance(type_, VectorType) else type_  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]


def lanes_of(type_: Attribute) -> int:
    """How many lanes a vector has; 0 for a scalar."""
    if not isinstance(type_, VectorType):
        return 0
    shape = type_.get_shape()
    if len(shape) != 1:
        raise CodegenError(f"vector: requires one dimension at the loop stage; got {type_}")
    return shape[0]


def bits_of(element: Attribute) -> int:
    """Width of a scalar type in registers."""
    if isinstance(element, IntegerType):
        return element.bitwidth
    if isinstance(element, IndexType):
        return 64
    bits = FLOAT_BITS.get(type(element))  # pyright: ignore[reportArgumentType]
    if bits is None:
        raise CodegenError(f"codegen: requires a signless integer, index or float type; got {element}")
    return bits


def is_float(type_: Attribute) -> bool:
    """Whether the elements are floating-point numbers."""
    return isinstance(element_of(type_), Float64Type | Float32Type | Float16Type | BFloat16Type)


def is_reduced(type_: Attribute) -> bool:
    """Whether the elements are 16-bit floats, whose arithmetic is done in f32."""
    return isinstance(element_of(type_), Float16Type | BFloat16Type)


def is_bf16(type_: Attribute) -> bool:
    """Whether the elements are bfloat16, which LLVM IR holds as plain 16-bit integers (see `conversions`)."""
    return isinstance(element_of(type_), BFloat16Type)


@cache
def scalar_type(element: Attribute) -> str:
    """``f32`` -> ``float``; ``index`` -> ``i64``; ``bf16`` -> ``i16``."""
    name = _FLOAT_NAMES.get(type(element))  # pyright: ignore[reportArgumentType]
    return name or f"i{bits_of(element)}"


def with_lanes(scalar: str, lanes: int) -> str:
    """``float``, 8 -> ``<8 x float>``; 0 lanes is the scalar."""
    return f"<{lanes} x {scalar}>" if lanes else scalar


@cache
def llvm_type(type_: Attribute) -> str:
    """The LLVM type of an SSA value."""
    if isinstance(type_, MemRefType):
        return "ptr"
    return with_lanes(scalar_type(element_of(type_)), lanes_of(type_))


@cache
def memory_type(type_: Attribute) -> str:
    """The LLVM type a value has in memory: as in registers, but ``i1`` is a byte."""
    return with_lanes(storage(element_of(type_)), lanes_of(type_))


def storage(element: Attribute) -> str:
    """The LLVM type of one element in memory."""
    return "i8" if element == _I1 else scalar_type(element)


def size_bytes(element: Attribute) -> int:
    """Bytes of one element in memory."""
    return (bits_of(element) + 7) // 8


def suffix(llvm: str) -> str:
    """The mangling of a type in intrinsic names: ``<8 x float>`` -> ``v8f32``."""
    if llvm.startswith("<"):
        lanes, _, scalar = llvm[1:-1].partition(" x ")
        return f"v{lanes}{suffix(scalar)}"
    return {"float": "f32", "double": "f64", "half": "f16", "ptr": "p0"}.get(llvm, llvm)


def float_text(value: float, element: Attribute) -> str:
    """A floating constant, exactly: LLVM reads the bits of a double for ``float`` and ``double``."""
    if isinstance(element, Float16Type):
        try:
            packed = struct.pack(">e", value)
        except OverflowError:
            packed = struct.pack(">e", float("inf") if value > 0 else float("-inf"))
        return "0xH" + packed.hex().upper()
    if isinstance(element, BFloat16Type):
        return str(bf16_bits(value))
    if isinstance(element, Float32Type):
        value = round_f32(value)
    return "0x" + struct.pack(">d", value).hex().upper()


def round_f32(value: float) -> float:
    """The nearest float32, as a Python float."""
    try:
        return struct.unpack("f", struct.pack("f", value))[0]
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def bf16_bits(value: float) -> int:
    """The bits of `value` as bfloat16, rounded to nearest even."""
    if value != value:
        return 0x7FC0
    (bits,) = struct.unpack("I", struct.pack("f", round_f32(value)))
    return min((bits + 0x7FFF + (bits >> 16 & 1)) >> 16, 0xFFFF)
