"""fmod, exactly: the remainder of a quotient rounded toward zero."""

from collections.abc import Callable

from tsc.codegen.types import suffix

STEP = 600
"""Powers of two by which a divisor of 64 bits is multiplied where the quotient might be infinite."""


def function_text(name: str, type_: str, declare: Callable[[str, str, list[str]], None]) -> str:
    """``x - trunc(x / y) * y``, computed in 64 bits.

    A quotient has 53 bits, and its product is taken from `x` with one rounding, which is none: what is left
    has no more bits. It is as many binary orders smaller; so that is repeated until it is smaller than `y`.
    Lanes that are done wait for the others.
    """
    lanes, scalar = (
        (int(type_[1:].split(" ")[0]), type_[1:-1].split(" ")[-1]) if type_[0] == "<" else (0, type_)
    )
    wide, flag = (f"<{lanes} x double>", f"<{lanes} x i1>") if lanes else ("double", "i1")
    text = _Text(wide, declare)
    same = scalar == "double"
    lines = [
        f"define internal {type_} @{name}({type_} %x, {type_} %y) nounwind {{",
        "entry:",
        *([] if same else [f"  %wx = fpext {type_} %x to {wide}", f"  %wy = fpext {type_} %y to {wide}"]),
    ]
    x, y = ("%x", "%y") if same else ("%wx", "%wy")
    lines += [f"  %size = {text.call('fabs', y)}"]
    divisors = ["%size"]
    if same:
        scale = text.number(2.0**STEP)
        lines += [f"  %larger = fmul {wide} %size, {scale}", f"  %largest = fmul {wide} %larger, {scale}"]
        divisors += ["%larger", "%largest"]
    lines += [
        "  br label %test",
        "test:",
        f"  %left = phi {wide} [ {x}, %entry ], [ %next, %step ]",
        f"  %rest = {text.call('fabs', '%left')}",
        f"  %more = fcmp oge {wide} %rest, %size",
    ]
    going = "%more"
    if lanes:
        reduce = f"llvm.vector.reduce.or.v{lanes}i1"
        declare(reduce, "i1", [flag])
        lines.append(f"  %any = call i1 @{reduce}({flag} %more)")
        going = "%any"
    lines += [f"  br i1 {going}, label %step, label %end", "step:"]
    by = "%size"
    for number, divisor in enumerate(divisors[1:]):
        lines += [
            f"  %is{number} = fcmp ole {wide} {divisor}, %rest",
            f"  %by{number} = select {flag} %is{number}, {wide} {divisor}, {wide} {by}",
        ]
        by = f"%by{number}"
    lines += [
        f"  %quotient = fdiv {wide} %left, {by}",
        f"  %whole = {text.call('trunc', '%quotient')}",
        f"  %negative = fneg {wide} %whole",
        f"  %made = {text.call('fma', '%negative', by, '%left')}",
        f"  %next = select {flag} %more, {wide} %made, {wide} %left",
        "  br label %test",
        "end:",
        # a quotient that was rounded up leaves something of the other sign
        f"  %signed = {text.call('copysign', '%left', x)}",
        f"  %turned = fcmp one {wide} %signed, %left",
        f"  %whole_size = fsub {wide} %size, %rest",
        f"  %other = {text.call('copysign', '%whole_size', x)}",
        f"  %found = select {flag} %turned, {wide} %other, {wide} %signed",
        f"  %is_number = fcmp ord {wide} {y}, {y}",
        f"  %result = select {flag} %is_number, {wide} %found, {wide} {y}",
    ]
    if same:
        return "\n".join([*lines, f"  ret {type_} %result", "}"])
    return "\n".join(
        [*lines, f"  %narrow = fptrunc {wide} %result to {type_}", f"  ret {type_} %narrow", "}"]
    )


class _Text:
    """Writes calls of intrinsics on one type."""

    def __init__(self, type_: str, declare: Callable[[str, str, list[str]], None]) -> None:
        self.type = type_
        self.declare = declare

    def call(self, intrinsic: str, *values: str) -> str:
        """A call, whose operands and result are of the type."""
        name = f"llvm.{intrinsic}.{suffix(self.type)}"
        self.declare(name, self.type, [self.type] * len(values))
        return f"call {self.type} @{name}({', '.join(f'{self.type} {v}' for v in values)})"

    def number(self, value: float) -> str:
        """A number, in every lane."""
        if not self.type.startswith("<"):
            return repr(value)
        lanes = int(self.type[1:].split(" ")[0])
        return f"<{', '.join([f'double {value!r}'] * lanes)}>"
