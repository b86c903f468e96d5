"""Which elementary functions a module uses, and their LLVM text: one internal function per (name, type)."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from inspect import signature

from tsc.analysis.target import Target
from tsc.codegen.math import (
    error_function,
    exponential,
    integer_power,
    inverse_trigonometric,
    logarithm,
    power,
    remainder,
    trigonometric,
)
from tsc.codegen.math.math_builder import Formula, FormulaBuilder, MathValue
from tsc.codegen.types import suffix
from tsc.errors import CodegenError


@cache
def formulas() -> Mapping[str, Formula]:
    """All functions by name."""
    families = (exponential, logarithm, trigonometric, inverse_trigonometric, error_function, power)
    return {name: formula for family in families for name, formula in family.FORMULAS.items()}


@dataclass
class MathLibrary:
    """Collects requested functions and what they need; each becomes an always-inlined LLVM function."""

    target: Target
    declarations: dict[str, str] = field(default_factory=dict[str, str])
    _functions: dict[str, str] = field(default_factory=dict[str, str])

    def request(self, name: str, type_: str) -> str:
        """The LLVM name of function `name` on `type_` (``float``, ``<8 x double>``), written on first use.

        Raises:
            CodegenError: there is no such function, or not for that type.
        """
        full = f"tsc.{name}.{suffix(type_)}"
        if full not in self._functions:
            self._functions[full] = ""  # a formula may call others, never itself
            self._functions[full] = self._write(full, name, type_)
        return full

    def _write(self, full: str, name: str, type_: str) -> str:
        if name == "ipow":
            return integer_power.function_text(full, type_)
        if name == "fmod":
            return remainder.function_text(full, type_, self.declare)
        lanes, scalar = (
            (int(type_[1:].split(" ")[0]), type_[1:-1].split(" ")[-1]) if type_[0] == "<" else (0, type_)
        )
        formula = formulas().get(name)
        if formula is None or scalar not in ("float", "double"):
            raise CodegenError(f"math: requires a known function on float or double; got {name} on {type_}")
        builder = FormulaBuilder(self, 32 if scalar == "float" else 64, lanes)
        count = len(signature(formula).parameters) - 1
        arguments = [MathValue(builder, f"%x{i}", "f") for i in range(count)]
        result = formula(builder, *arguments)
        parameters = ", ".join(f"{type_} %x{i}" for i in range(count))
        body = "\n".join(builder.lines)
        head = f"define internal {type_} @{full}({parameters}) alwaysinline nounwind"
        return f"{head} {{\nentry:\n{body}\n  ret {type_} {result.text}\n}}"

    def declare(self, name: str, result: str, arguments: Sequence[str]) -> None:
        """Declare an intrinsic or C function, once."""
        self.declarations.setdefault(name, f"declare {result} @{name}({', '.join(arguments)})")

    def float_text(self, value: float, bits: int) -> str:
        """A float constant exactly, as LLVM reads it: the bits of a double."""
        if bits == 32:
            value = struct.unpack("f", struct.pack("f", value))[0]
        return "0x" + struct.pack(">d", value).hex().upper()

    def float_bits(self, value: float, bits: int) -> int:
        """The bits of a float."""
        pattern, code = ("f", "I") if bits == 32 else ("d", "Q")
        return struct.unpack(code, struct.pack(pattern, value))[0]

    def text(self) -> list[str]:
        """The functions' text."""
        return list(self._functions.values())
