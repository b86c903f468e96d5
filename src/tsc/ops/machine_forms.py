"""How operators on numbers are said in LLVM IR, for functions that are native without a tensor in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType


class Machine(Protocol):
    """What writes a function. Values are texts; those of a list are the address of its header: where its
    elements are, how many there are, and for how many there is room.
    """

    def op(self, text: str) -> str:
        """An instruction; its result."""
        ...

    def trap_if(self, condition: str) -> None:
        """Leave where `condition` holds: Python does the call, from the beginning."""
        ...

    def call(self, name: str, *operands: str) -> str:
        """A call of a C function of doubles."""
        ...

    def helper(self, name: str, *operands: str) -> str:
        """A call of a function on lists, which leaves where it cannot do it."""
        ...

    def ask(self, name: str, *operands: str) -> str:
        """A call of a function that only reads lists, and never leaves."""
        ...

    def load(self, items: str, place: str, kind: TorchType) -> Any:
        """The element of a list at a place that there is."""
        ...

    def store(self, items: str, place: str, value: Any, kind: TorchType) -> None:
        """Make `value` the element at a place that there is."""
        ...

    def words(self, kind: TorchType) -> int:
        """How many words of 8 bytes an element takes."""
        ...


MachineForm: TypeAlias = Callable[..., Any]
"""Of a `Machine`, and the texts of the operands (None for a None that is known): the result. Ints are
``i64``, bools ``i1``, floats ``double``, lists ``ptr``.
"""
LEAST, BEYOND = "0xC3E0000000000000", "0x43E0000000000000"
"""-(2**63) and 2**63 as doubles."""
_INT, _FLOAT, _BOOL = frozenset((tt.INT,)), frozenset((tt.FLOAT,)), frozenset((tt.BOOL,))
_MIXED = frozenset((tt.INT, tt.FLOAT))


def scalar_form(name: str, kinds: Sequence[TorchType]) -> MachineForm | None:
    """That of a scalar operator for arguments of these types; of mixed ones the ints become floats."""
    found = _FORMS.get((name, len(kinds)), ())
    given = frozenset(kinds)
    for wanted, form in found:
        if given == wanted:
            return form
    floats = next((form for wanted, form in found if wanted == _FLOAT), None)
    return (
        _of_floats(floats, kinds)
        if floats is not None and given <= _MIXED and name not in _ROUNDING
        else None
    )


_ROUNDING = ("aten::Int", "aten::ceil", "aten::floor", "aten::Float")


def _of_floats(form: MachineForm, kinds: Sequence[TorchType]) -> MachineForm:
    def write(machine: Machine, *operands: str) -> Any:
        return form(
            machine, *(_float(machine, o) if k is tt.INT else o for o, k in zip(operands, kinds, strict=True))
        )

    return write


def _float(machine: Machine, number: str) -> str:
    return machine.op(f"sitofp i64 {number} to double")


def _plain(instruction: str) -> MachineForm:
    """One instruction, of which the operands are the last."""

    def write(machine: Machine, *operands: str) -> str:
        return machine.op(f"{instruction} {', '.join(operands)}")

    return write


def _conversion(text: str) -> MachineForm:
    """One instruction, of which the operand is in the midst."""

    def write(machine: Machine, x: str) -> str:
        return machine.op(text.format(x))

    return write


def _c_function(name: str) -> MachineForm:
    def write(machine: Machine, x: str) -> str:
        return machine.call(name, x)

    return write


def _chosen(comparison: str, kind: str) -> MachineForm:
    """The first where it compares so with the second."""

    def write(machine: Machine, a: str, b: str) -> str:
        is_first = machine.op(f"{comparison} {kind} {a}, {b}")
        return machine.op(f"select i1 {is_first}, {kind} {a}, {kind} {b}")

    return write


def _trap_unless_divisor(machine: Machine, a: str, b: str) -> None:
    """Zero raises, and the quotient of the least int by -1 wraps."""
    machine.trap_if(machine.op(f"icmp eq i64 {b}, 0"))
    is_least = machine.op(f"icmp eq i64 {a}, {-(2**63)}")
    is_minus_one = machine.op(f"icmp eq i64 {b}, -1")
    machine.trap_if(machine.op(f"and i1 {is_least}, {is_minus_one}"))


def _rounds_down(machine: Machine, a: str, b: str, rest: str) -> str:
    """Whether a quotient that is cut off toward zero is one too many: it has a rest, of the other sign."""
    has_rest = machine.op(f"icmp ne i64 {rest}, 0")
    signs = machine.op(f"xor i64 {rest}, {b}")
    differ = machine.op(f"icmp slt i64 {signs}, 0")
    return machine.op(f"and i1 {has_rest}, {differ}")


def _floor_divide(machine: Machine, a: str, b: str) -> str:
    _trap_unless_divisor(machine, a, b)
    quotient, rest = machine.op(f"sdiv i64 {a}, {b}"), machine.op(f"srem i64 {a}, {b}")
    less = machine.op(f"sext i1 {_rounds_down(machine, a, b, rest)} to i64")
    return machine.op(f"add i64 {quotient}, {less}")


def _remainder(machine: Machine, a: str, b: str) -> str:
    _trap_unless_divisor(machine, a, b)
    rest = machine.op(f"srem i64 {a}, {b}")
    more = machine.op(f"select i1 {_rounds_down(machine, a, b, rest)}, i64 {b}, i64 0")
    return machine.op(f"add i64 {rest}, {more}")


def _floor_divide_floats(machine: Machine, a: str, b: str) -> str:
    return machine.call("floor", machine.op(f"fdiv double {a}, {b}"))


def _remainder_of_floats(machine: Machine, a: str, b: str) -> str:
    rest = machine.call("fmod", a, b)
    return machine.call("fmod", machine.op(f"fadd double {b}, {rest}"), b)


def _shift(instruction: str) -> MachineForm:
    def write(machine: Machine, a: str, b: str) -> str:
        places = machine.op(f"and i64 {b}, 63")
        return machine.op(f"{instruction} i64 {a}, {places}")

    return write


def _negate(machine: Machine, a: str) -> str:
    return machine.op(f"sub i64 0, {a}")


def _magnitude(machine: Machine, a: str) -> str:
    is_negative = machine.op(f"icmp slt i64 {a}, 0")
    return machine.op(f"select i1 {is_negative}, i64 {_negate(machine, a)}, i64 {a}")


def _whole(machine: Machine, x: str) -> str:
    """A float cut off toward zero, if that is an int of 64 bits."""
    low, high = (
        machine.op(f"fcmp o{test} double {x}, {end}") for test, end in (("ge", LEAST), ("lt", BEYOND))
    )
    machine.trap_if(machine.op(f"xor i1 true, {machine.op(f'and i1 {low}, {high}')}"))
    return machine.op(f"fptosi double {x} to i64")


def _rounded(name: str) -> MachineForm:
    def write(machine: Machine, x: str) -> str:
        return _whole(machine, machine.call(name, x))

    return write


def _same(machine: Machine, x: str) -> str:
    return x


def _forms() -> Iterator[tuple[str, int, frozenset[TorchType], MachineForm]]:
    for name, instruction in (("add", "add"), ("sub", "sub"), ("mul", "mul")):
        yield f"aten::{name}", 2, _INT, _plain(f"{instruction} i64")
        yield f"aten::{name}", 2, _FLOAT, _plain(f"f{instruction} double")
    for name, test in (
        ("eq", "oeq"),
        ("ne", "une"),
        ("lt", "olt"),
        ("le", "ole"),
        ("gt", "ogt"),
        ("ge", "oge"),
    ):
        is_equality = name in ("eq", "ne")
        yield f"aten::{name}", 2, _INT, _plain(f"icmp {name if is_equality else f's{name}'} i64")
        yield f"aten::{name}", 2, _FLOAT, _plain(f"fcmp {test} double")
        if is_equality:
            yield f"aten::{name}", 2, _BOOL, _plain(f"icmp {name} i1")
    for name in ("and", "or", "xor"):
        yield f"aten::__{name}__", 2, _INT, _plain(f"{name} i64")
        yield f"aten::__{name}__", 2, _BOOL, _plain(f"{name} i1")
    for name, test in (("max", "gt"), ("min", "lt")):
        yield f"prim::{name}", 2, _INT, _chosen(f"icmp s{test}", "i64")
        yield f"prim::{name}", 2, _FLOAT, _chosen(f"fcmp o{test}", "double")
    yield "aten::div", 2, _FLOAT, _plain("fdiv double")
    yield "aten::floordiv", 2, _INT, _floor_divide
    yield "aten::floordiv", 2, _FLOAT, _floor_divide_floats
    yield "aten::remainder", 2, _INT, _remainder
    yield "aten::remainder", 2, _FLOAT, _remainder_of_floats
    yield "aten::__lshift__", 2, _INT, _shift("shl")
    yield "aten::__rshift__", 2, _INT, _shift("ashr")
    yield "aten::__not__", 1, _BOOL, _plain("xor i1 true,")
    yield "aten::bitwise_not", 1, _INT, _plain("xor i64 -1,")
    yield "aten::neg", 1, _INT, _negate
    yield "aten::neg", 1, _FLOAT, _plain("fneg double")
    for name in ("aten::abs", "prim::abs"):
        yield name, 1, _INT, _magnitude
        yield name, 1, _FLOAT, _c_function("fabs")
    for name in ("ceil", "floor"):
        yield f"aten::{name}", 1, _INT, _same
        yield f"aten::{name}", 1, _FLOAT, _rounded(name)
    yield "aten::Int", 1, _FLOAT, _whole
    yield "aten::Int", 1, _BOOL, _conversion("zext i1 {} to i64")
    yield "aten::Float", 1, _INT, _float
    yield "aten::Float", 1, _BOOL, _conversion("uitofp i1 {} to double")
    yield "aten::Bool", 1, _INT, _conversion("icmp ne i64 {}, 0")
    yield "aten::Bool", 1, _FLOAT, _conversion("fcmp une double {}, 0.0")
    for name in (
        "exp",
        "log",
        "log2",
        "log10",
        "sqrt",
        "sin",
        "cos",
        "tan",
        "tanh",
        "atan",
        "asin",
        "acos",
        "sinh",
        "cosh",
        "asinh",
        "acosh",
        "exp2",
        "expm1",
        "log1p",
        "erf",
        "erfc",
        "fabs",
    ):
        yield f"aten::{name}", 1, _FLOAT, _c_function(name)


_FORMS: dict[tuple[str, int], list[tuple[frozenset[TorchType], MachineForm]]] = {}
for _name, _arity, _kinds, _form in _forms():
    _FORMS.setdefault((_name, _arity), []).append((_kinds, _form))
