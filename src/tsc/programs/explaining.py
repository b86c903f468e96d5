"""What of a call is native code, and what runs in Python and why: ``print(tsc.explain(m, x))``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation

from tsc.compiler.descent import Descent
from tsc.compiler.fusion_report import (
    groups_of,
    is_operator,
    operator_name,
    python_beside_parts,
    python_in_parts,
    python_operators,
)
from tsc.compiler.parts import InParts
from tsc.compiler.specialization import Outlined
from tsc.compiler.tags import tag_of, tagged
from tsc.dialects.walking import walk
from tsc.errors import SourceRange, TscError, VerificationError
from tsc.options import options
from tsc.printing.columns import columns
from tsc.programs.specialization_table import SpecializedArgument, argument_names, arguments_of
from tsc.programs.version import Version
from tsc.programs.versions import Versions
from tsc.runtime.descriptions import describe, flatten, regular
from tsc.runtime.exceptions import places_of

FOLDED = "nothing of it is left to run: it is known when compiled, merged into others, or not needed"
FROZEN = "gone when the function was frozen: it was constant, without effect, or merged into a weight"
UNSUITED = "memory that it writes to, or gives back, is another argument's too, or is not row-major"
LONGEST_SOURCE = 48
"""Characters of a source line in the table."""


@dataclass(frozen=True)
class OperatorExplanation:
    """What becomes of one operator of a program."""

    operator: str
    """``aten::add.Tensor``, ``prim::If``."""
    runs: str
    """``native``, ``python``, or ``folded`` where nothing of it is left to run. What is partly native and
    partly Python is ``python``.
    """
    kernels: tuple[str, ...]
    """The kernels that compute it: their number and kind, as in ``2 contraction``. Where the function runs in
    parts, the parts that it is in, as in ``part 0``: each has kernels of its own.
    """
    reason: str | None
    """Why it is not native."""
    stack: tuple[SourceRange, ...]
    """Where it is in the program, and below it the calls that led there, innermost first; empty for what the
    compiler made.
    """


@dataclass(frozen=True)
class Explanation:
    """What becomes of each operator of a function for particular arguments; its `str` is a table of those
    that are not folded: the lines of the outermost call and of the operator itself, and the text of that.
    """

    function: str
    arguments: tuple[SpecializedArgument, ...]
    """Empty where nothing is compiled for them."""
    tier: str
    """``native``: one call of machine code; ``mixed``: Python around native kernels; ``generic``: Python."""
    reason: str | None
    """Why it is not native."""
    kernels: int
    """Native kernels, or parts that are native."""
    operators: tuple[OperatorExplanation, ...]
    """In the order of the program, calls of functions and methods inlined."""

    @property
    def is_native(self) -> bool:
        """Whether a call is one call of machine code."""
        return self.tier == "native"

    def __str__(self) -> str:
        arguments = ", ".join(map(str, self.arguments))
        lines = [f"{self.function}({arguments}) runs {self.tier}, {self.kernels} kernels"]
        lines += [f"not native: {self.reason}"] if self.reason is not None else []
        shown = [found for found in self.operators if found.runs != "folded"]
        header = ("line", "source", "operator", "runs", "kernel", "why")
        lines += ["", *columns([header, *map(_row, shown)])]
        left_out = len(self.operators) - len(shown)
        return "\n".join([*lines, f"({left_out} more are folded: see `operators`)"] if left_out else lines)


def _row(found: OperatorExplanation) -> tuple[str, ...]:
    places = found.stack[:1] if len(found.stack) < 2 else (found.stack[-1], found.stack[0])
    where = " > ".join(f"{place.file.rpartition('/')[2]}:{place.line}" for place in places) or "(compiler)"
    source = places[-1].text.strip() if places else ""
    source = source if len(source) <= LONGEST_SOURCE else f"{source[: LONGEST_SOURCE - 3]}..."
    return (where, source, found.operator, found.runs, ", ".join(found.kernels), found.reason or "")


# --- compiling apart ---


def explain_generic(name: str, program: FuncOp, reason: str) -> Explanation:
    """A call that the generic tier runs: all of it in Python."""
    return Explanation(name, (), "generic", reason, 0, _all_operators(program, "python"))


def explain_halves(name: str, program: FuncOp, kernels: int) -> Explanation:
    """A call whose gradients are recorded, that is native forward and backward."""
    return Explanation(name, (), "native", None, kernels, _all_operators(program, "native"))


def _all_operators(program: FuncOp, runs: str) -> tuple[OperatorExplanation, ...]:
    return tuple(
        OperatorExplanation(operator_name(op), runs, (), None, stack_of(op, program))
        for op in walk(program)
        if is_operator(op)
    )


def explain_version(
    name: str, parameters: Sequence[str], program: FuncOp, versions: Versions, version: Version,
    values: Sequence[Any],
) -> Explanation:  # fmt: skip
    """A call of `version` with these values. What it would run is compiled, and then dropped; `program` is
    the function before anything was frozen, with all calls inlined.
    """
    if version.specializations.is_for_all and all(version.specializations.table.values()):
        return Explanation(name, (), "native", None, 0, _all_operators(program, "native"))
    names = argument_names(parameters, version)
    given = [*values, *version.state.read()] if version.state is not None else list(values)
    described = [describe(value) for value in given]
    key = tuple(text for text in described if text is not None)
    refusal = _refusal(version, key, described, names)
    if refusal is not None:
        return explain_generic(name, program, refusal)
    entry, origins = tagged(version.specialized)
    whole, whole_origins = tagged(version.entry)
    in_parts = InParts(whole, version.in_parts.call, version.in_parts.receiver)
    seen: list[Descent] = []
    arrays = flatten(given)
    try:
        regulars = [regular(a) for a in arrays]
        made = versions.making.apart(version, entry, in_parts, key, regulars, seen.append)
    except VerificationError:
        raise
    except TscError as error:
        made = error.message
    if isinstance(made, str):
        return explain_generic(name, program, made)
    if not made.suits(arrays):
        return explain_generic(name, program, UNSUITED)
    if made.outlined is not None:
        following = _Operators(program, version.entry.function, whole_origins)
        following.follow_parts(made.outlined, version.in_parts.made)
        if seen:
            following.refuse(python_in_parts(seen[-1]), origins)
    else:
        following = _Operators(program, version.specialized.function, origins)
        following.follow(seen[-1], is_native=made.is_native)
    operators = following.explained()
    kernels = len(made.compilation.kernels)
    return Explanation(name, arguments_of(key, names), made.tier, made.reason, kernels, operators)


def _refusal(
    version: Version, key: tuple[str, ...], described: Sequence[str | None], names: Sequence[str]
) -> str | None:
    """Why a call is not compiled at all."""
    if not options().is_native_enabled:
        return "native code is switched off (TSC_NATIVE=0)"
    unknown = [f"'{name}'" for name, text in zip(names, described, strict=True) if text is None]
    if unknown:
        return f"nothing is compiled for values such as {', '.join(unknown)}"
    table = version.specializations
    if table.is_for_all:
        return next(iter(table.refused.values()))
    if key not in table.table and len(table.table) >= table.depth:
        kinds = ", ".join(f"{kind} {count}" for kind, count in table.strategy)
        return f"all specializations are used ({kinds}): see set_fusion_strategy"
    return None


def stack_of(op: Operation, function: FuncOp) -> tuple[SourceRange, ...]:
    """Where an operation of `function` is in the program."""
    return tuple(places_of(op.location, function.sym_name.data))


# --- what became of what ---


@dataclass
class _Fate:
    """What became of one operation of stage `frozen`."""

    kernels: dict[str, None] = field(default_factory=dict[str, None])
    reasons: dict[str, None] = field(default_factory=dict[str, None])
    """Why parts of it run in Python."""
    is_left: bool = False
    """Whether something of it is there."""


class _Operators:
    """Follows the operators of a program to what runs."""

    def __init__(self, program: FuncOp, frozen: FuncOp, origins: Sequence[Operation]) -> None:
        self.program = program
        self.frozen = frozen
        self.origins = origins
        self.fates: dict[int, _Fate] = {}
        self.own: list[OperatorExplanation] = []
        """Operators that the compiler made, in Python."""

    def explained(self) -> tuple[OperatorExplanation, ...]:
        """Each operator, in the order of the program."""
        frozen = {
            id(op): self._explanation(number, op) for number, op in enumerate(self.origins) if is_operator(op)
        }
        left = {_key(op) for op in self.origins if is_operator(op)}
        ordered: list[OperatorExplanation] = []
        pending = iter([op for op in self.origins if is_operator(op)])
        for op in filter(is_operator, walk(self.program)):
            if _key(op) not in left:
                stack = stack_of(op, self.program)
                ordered.append(OperatorExplanation(operator_name(op), "folded", (), FROZEN, stack))
                continue
            ordered += [frozen.pop(id(other)) for other in _up_to(pending, _key(op)) if id(other) in frozen]
        return (*ordered, *frozen.values(), *self.own)

    def follow(self, descent: Descent, *, is_native: bool) -> None:
        """Follow them to the groups and operators of a function at stage `fused`."""
        for number, group, reason in groups_of(descent):
            for op in filter(is_operator, walk(group.body)):
                fate = self._fate(op)
                if fate is not None and reason is None:
                    fate.kernels[f"{number + 1} {group.kind}"] = None
        for op in filter(is_operator, walk(descent.function)):
            self._fate(op)
        if not is_native:
            self._in_python(python_operators(descent))

    def follow_parts(self, outlined: Outlined, used: Outlined | None) -> None:
        """Follow them to the parts of a function and what is beside them; of parts that were `used`, it is
        known what they became.
        """
        for number, part in enumerate(outlined.parts):
            found = [] if used is None else list(used.parts[number].specializations.table.values())
            operators = filter(is_operator, walk(part.entry.function))
            if found and found[-1] is None:
                reasons = used.parts[number].specializations.refused if used is not None else {}
                reason = next(reversed(reasons.values()), "it is not compiled")
                self._in_python((op, f"part {number}: {reason}") for op in operators)
                continue
            for op in operators:
                fate = self._fate(op)
                if fate is not None:
                    fate.kernels[f"part {number}"] = None
        self._in_python(python_beside_parts(outlined.function))

    def refuse(self, found: Iterable[tuple[Operation, str]], others: Sequence[Operation]) -> None:
        """Let operators be in Python that were `found` to be there in another form of the function, of which
        `others` are the operators.
        """
        numbers: dict[tuple[Attribute, str], int] = {_key(op): n for n, op in enumerate(self.origins)}
        for op, reason in found:
            tag = tag_of(op.location)
            number = None if tag is None else numbers.get(_key(others[tag]))
            if number is not None:
                self.fates.setdefault(number, _Fate()).reasons[reason] = None

    def _in_python(self, found: Iterable[tuple[Operation, str]]) -> None:
        for op, reason in found:
            fate = self._fate(op)
            if fate is not None:
                fate.reasons[reason] = None
            else:
                self.own.append(OperatorExplanation(operator_name(op), "python", (), reason, ()))

    def _fate(self, op: Operation) -> _Fate | None:
        number = tag_of(op.location)
        if number is None:
            return None
        fate = self.fates.setdefault(number, _Fate())
        fate.is_left = True
        return fate

    def _explanation(self, number: int, op: Operation) -> OperatorExplanation:
        fate = self.fates.get(number, _Fate())
        runs = "python" if fate.reasons else "native" if fate.is_left else "folded"
        reason = "; ".join(fate.reasons) or (None if fate.is_left else FOLDED)
        stack = stack_of(op, self.frozen)
        return OperatorExplanation(operator_name(op), runs, tuple(fate.kernels), reason, stack)


def _key(op: Operation) -> tuple[Attribute, str]:
    return op.location, operator_name(op)


def _up_to(pending: Iterator[Operation], key: tuple[Attribute, str]) -> Iterator[Operation]:
    """The next of `pending`, until one has `key`."""
    for op in pending:
        yield op
        if _key(op) == key:
            return
