"""Formulas as Python expressions that write LLVM IR, for a scalar or any vector of f32 or f64.

A formula is written once; its operations are the same in every lane, so an element's result does not depend
on where it lies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tsc.codegen.types import suffix, with_lanes
from tsc.errors import CodegenError

if TYPE_CHECKING:
    from tsc.codegen.math.library import MathLibrary


@dataclass(frozen=True)
class MathValue:
    """An operand of the formula being written: a float, an integer of the same width, or a flag."""

    builder: FormulaBuilder
    text: str
    kind: str
    """``f`` float, ``i`` integer, ``b`` flag."""

    @property
    def type(self) -> str:
        """The LLVM type."""
        return self.builder.type_of(self.kind)

    def _binary(self, other: MathValue | float, names: dict[str, str]) -> MathValue:
        right = self._lift(other)
        return self.builder.emit(f"{names[self.kind]} {self.type} {self.text}, {right.text}", self.kind)

    def _lift(self, other: MathValue | float) -> MathValue:
        if isinstance(other, MathValue):
            return other
        return self.builder.number(other) if self.kind == "f" else self.builder.integer(int(other))

    def __add__(self, other: MathValue | float) -> MathValue:
        return self._binary(other, {"f": "fadd", "i": "add"})

    def __sub__(self, other: MathValue | float) -> MathValue:
        return self._binary(other, {"f": "fsub", "i": "sub"})

    def __mul__(self, other: MathValue | float) -> MathValue:
        return self._binary(other, {"f": "fmul", "i": "mul"})

    def __truediv__(self, other: MathValue | float) -> MathValue:
        return self._binary(other, {"f": "fdiv"})

    def __radd__(self, other: float) -> MathValue:
        return self._lift(other) + self

    def __rsub__(self, other: float) -> MathValue:
        return self._lift(other) - self

    def __rmul__(self, other: float) -> MathValue:
        return self._lift(other) * self

    def __rtruediv__(self, other: float) -> MathValue:
        return self._lift(other) / self

    def __neg__(self) -> MathValue:
        return self.builder.emit(f"fneg {self.type} {self.text}", "f")

    def __and__(self, other: MathValue | int) -> MathValue:
        return self._binary(other, {"i": "and", "b": "and"})

    def __or__(self, other: MathValue | int) -> MathValue:
        return self._binary(other, {"i": "or", "b": "or"})

    def __xor__(self, other: MathValue | int) -> MathValue:
        return self._binary(other, {"i": "xor", "b": "xor"})

    def __lshift__(self, bits: int) -> MathValue:
        return self._binary(bits, {"i": "shl"})

    def __rshift__(self, bits: int) -> MathValue:
        """Logical: zeros come in."""
        return self._binary(bits, {"i": "lshr"})

    def _compare(self, other: MathValue | float, float_name: str, integer_name: str) -> MathValue:
        name = f"fcmp {float_name}" if self.kind == "f" else f"icmp {integer_name}"
        return self.builder.emit(f"{name} {self.type} {self.text}, {self._lift(other).text}", "b")

    def __lt__(self, other: MathValue | float) -> MathValue:
        return self._compare(other, "olt", "slt")

    def __gt__(self, other: MathValue | float) -> MathValue:
        return self._compare(other, "ogt", "sgt")

    def __le__(self, other: MathValue | float) -> MathValue:
        return self._compare(other, "ole", "sle")

    def __ge__(self, other: MathValue | float) -> MathValue:
        return self._compare(other, "oge", "sge")

    def equals(self, other: MathValue | float) -> MathValue:
        """Flags of equal lanes (a NaN equals nothing)."""
        return self._compare(other, "oeq", "eq")

    def differs(self, other: MathValue | float) -> MathValue:
        """Flags of unequal lanes (a NaN differs from everything)."""
        return self._compare(other, "une", "ne")


@dataclass
class FormulaBuilder:
    """Writes the body of one library function for ``bits``-wide floats in `lanes` lanes (0: a scalar)."""

    library: MathLibrary
    bits: int
    lanes: int
    lines: list[str] = field(default_factory=list[str])
    _count: int = 0

    @property
    def mantissa(self) -> int:
        """Stored bits of the significand."""
        return 23 if self.bits == 32 else 52

    @property
    def bias(self) -> int:
        """The exponent's bias."""
        return 127 if self.bits == 32 else 1023

    @property
    def scalar(self) -> str:
        """The LLVM type of one lane."""
        return "float" if self.bits == 32 else "double"

    def type_of(self, kind: str) -> str:
        """The LLVM type of a kind of value."""
        scalar = {"f": self.scalar, "i": f"i{self.bits}", "b": "i1"}[kind]
        return with_lanes(scalar, self.lanes)

    def pick(self, f32: float, f64: float) -> float:
        """A parameter of the formula for this width."""
        return f32 if self.bits == 32 else f64

    def emit(self, instruction: str, kind: str) -> MathValue:
        """Write one instruction."""
        self._count += 1
        name = f"%v{self._count}"
        self.lines.append(f"  {name} = {instruction}")
        return MathValue(self, name, kind)

    def _splat(self, scalar: str, text: str) -> str:
        return f"splat ({scalar} {text})" if self.lanes else text

    def number(self, value: float) -> MathValue:
        """A float constant."""
        return MathValue(self, self._splat(self.scalar, self.library.float_text(value, self.bits)), "f")

    def integer(self, value: int) -> MathValue:
        """An integer constant (taken modulo the width)."""
        return MathValue(self, self._splat(f"i{self.bits}", str(value)), "i")

    def intrinsic(self, name: str, *values: MathValue) -> MathValue:
        """An LLVM intrinsic from floats to a float."""
        full = f"llvm.{name}.{suffix(self.type_of('f'))}"
        self.library.declare(full, self.type_of("f"), [v.type for v in values])
        operands = ", ".join(f"{v.type} {v.text}" for v in values)
        return self.emit(f"call {self.type_of('f')} @{full}({operands})", "f")

    def call(self, name: str, *values: MathValue) -> MathValue:
        """Another function of the library, on the same type."""
        full = self.library.request(name, self.type_of("f"))
        operands = ", ".join(f"{v.type} {v.text}" for v in values)
        return self.emit(f"call {self.type_of('f')} @{full}({operands})", "f")

    def fma(self, a: MathValue, b: MathValue | float, c: MathValue | float) -> MathValue:
        """``a * b + c``, rounded once where the machine can."""
        b, c = (v if isinstance(v, MathValue) else self.number(v) for v in (b, c))
        if self.library.target.has_fma:
            return self.intrinsic("fma", a, b, c)
        return a * b + c

    def exact_fma(self, a: MathValue, b: MathValue | float, c: MathValue) -> MathValue:
        """``a * b + c``, rounded once, whatever it costs."""
        return self.intrinsic("fma", a, b if isinstance(b, MathValue) else self.number(b), c)

    def polynomial(self, x: MathValue, coefficients: Sequence[float]) -> MathValue:
        """Horner's rule, highest power first."""
        result = self.number(coefficients[0])
        for coefficient in coefficients[1:]:
            result = self.fma(result, x, coefficient)
        return result

    def select(self, flag: MathValue, yes: MathValue | float, no: MathValue | float) -> MathValue:
        """`yes` where the flag is set, else `no`."""
        yes, no = (v if isinstance(v, MathValue) else self.number(v) for v in (yes, no))
        return self.emit(
            f"select {flag.type} {flag.text}, {yes.type} {yes.text}, {no.type} {no.text}", yes.kind
        )

    def at_most(self, x: MathValue, limit: float) -> MathValue:
        """The smaller of both; a NaN stays."""
        return self.select(x > limit, limit, x)

    def at_least(self, x: MathValue, limit: float) -> MathValue:
        """The larger of both; a NaN stays."""
        return self.select(x < limit, limit, x)

    def to_bits(self, x: MathValue) -> MathValue:
        """The integer with the same bits."""
        return self.emit(f"bitcast {x.type} {x.text} to {self.type_of('i')}", "i")

    def from_bits(self, x: MathValue) -> MathValue:
        """The float with the same bits."""
        return self.emit(f"bitcast {x.type} {x.text} to {self.type_of('f')}", "f")

    def shift_signed(self, x: MathValue, bits: int) -> MathValue:
        """Arithmetic shift to the right."""
        return self.emit(f"ashr {x.type} {x.text}, {self.integer(bits).text}", "i")

    def to_float(self, x: MathValue) -> MathValue:
        """An integer as a float."""
        return self.emit(f"sitofp {x.type} {x.text} to {self.type_of('f')}", "f")

    def small_to_float(self, x: MathValue) -> MathValue:
        """An integer well below ``2**(mantissa-1)`` as a float, without an instruction AVX2 lacks for 64
        bits.
        """
        magic = self.number(1.5 * 2.0**self.mantissa)
        return self.from_bits(x + self.to_bits_constant(1.5 * 2.0**self.mantissa)) - magic

    def to_bits_constant(self, value: float) -> MathValue:
        """The bits of a float constant."""
        return self.integer(self.library.float_bits(value, self.bits))

    def power_of_two(self, exponent: MathValue) -> MathValue:
        """``2.0**exponent`` for an integer exponent of normal range."""
        return self.from_bits((exponent + self.bias) << self.mantissa)

    def absolute(self, x: MathValue) -> MathValue:
        """Without the sign."""
        return self.intrinsic("fabs", x)

    def with_sign(self, x: MathValue, sign: MathValue) -> MathValue:
        """The magnitude of `x` with the sign of `sign`."""
        return self.intrinsic("copysign", x, sign)

    def square_root(self, x: MathValue) -> MathValue:
        """Correctly rounded."""
        return self.intrinsic("sqrt", x)

    def nearest(self, x: MathValue) -> tuple[MathValue, MathValue]:
        """The nearest integer of a small number, as a float and as an integer.

        Adding ``1.5 * 2**mantissa`` leaves it in the low bits: no conversion, and a NaN is harmless.
        """
        magic = 1.5 * 2.0**self.mantissa
        shifted = x + magic
        return shifted - magic, self.to_bits(shifted) - self.to_bits_constant(magic)

    def per_lane(self, function: str, *values: MathValue) -> MathValue:
        """The C library's f64 function, lane by lane (f32 is widened and rounded)."""
        if self.library.target.is_gpu:
            raise CodegenError(f"math: requires a function that exists on GPUs; got {function}")
        self.library.declare(function, "double", ["double"] * len(values))
        if not self.lanes:
            return self._c_call(function, [v.text for v in values])
        result = MathValue(self, "poison", "f")
        for lane in range(self.lanes):
            parts = [self.emit(f"extractelement {v.type} {v.text}, i32 {lane}", "f").text for v in values]
            element = self._c_call(function, parts)
            result = self.emit(
                f"insertelement {result.type} {result.text}, {self.scalar} {element.text}, i32 {lane}", "f"
            )
        return result

    def _c_call(self, function: str, operands: list[str]) -> MathValue:
        if self.bits == 32:
            operands = [self.emit(f"fpext float {operand} to double", "f").text for operand in operands]
        result = self.emit(f"call double @{function}({', '.join(f'double {o}' for o in operands)})", "f")
        return self.emit(f"fptrunc double {result.text} to float", "f") if self.bits == 32 else result

    def rarely(self, flag: MathValue, slow: Callable[[], MathValue], fast: MathValue) -> MathValue:
        """`slow()` in the lanes where `flag` is set, behind a branch taken only if there are any."""
        any_ = flag.text
        if self.lanes:
            name = f"llvm.vector.reduce.or.v{self.lanes}i1"
            self.library.declare(name, "i1", [flag.type])
            any_ = self.emit(f"call i1 @{name}({flag.type} {flag.text})", "b").text
        self._count += 1
        label = f"b{self._count}"
        self.lines.append(f"  br label %{label}.test\n{label}.test:")
        self.lines.append(f"  br i1 {any_}, label %{label}.slow, label %{label}.done\n{label}.slow:")
        chosen = self.select(flag, slow(), fast)
        self.lines.append(f"  br label %{label}.done\n{label}.done:")
        sources = f"[ {fast.text}, %{label}.test ], [ {chosen.text}, %{label}.slow ]"
        return self.emit(f"phi {fast.type} {sources}", "f")

    def widened(self, name: str, *values: MathValue) -> MathValue:
        """The f64 function `name` on f32 values."""
        double = with_lanes("double", self.lanes)
        full = self.library.request(name, double)
        parts = [self.emit(f"fpext {v.type} {v.text} to {double}", "f").text for v in values]
        result = self.emit(f"call {double} @{full}({', '.join(f'{double} {p}' for p in parts)})", "f")
        return self.emit(f"fptrunc {double} {result.text} to {self.type_of('f')}", "f")


Formula = Callable[..., MathValue]
"""``formula(builder, *arguments)``."""
