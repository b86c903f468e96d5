"""Methods of a module, for particular arguments, into LLVM IR for each level of processor, and a plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from xdsl.dialects.func import FuncOp

from tsc import dtypes
from tsc.ahead.arguments import Axes, require_count, require_method, tensor_names
from tsc.ahead.levels import Level
from tsc.ahead.moves import Moves
from tsc.ahead.own_memory import require_own_memory
from tsc.ahead.plan import Array, Cell, MethodPlan, TensorSpec
from tsc.analysis.fusion import CHECKS_BOUNDS
from tsc.analysis.kernel_refusals import lacks_native_form
from tsc.analysis.operator_effects import changes_shapes
from tsc.codegen import Linkage
from tsc.compiler.descent import Compilation, Descent
from tsc.compiler.entry import Entry
from tsc.compiler.fusion_report import causes_of, operator_name, python_operators
from tsc.compiler.native_build import HostProgram, emit_native
from tsc.compiler.native_forms import NOT_REPEATABLE, must_not_be_repeated, why_not_native
from tsc.compiler.sizes import MOST_RESTARTS, Sizes, SizesFoundError
from tsc.concurrency import COMPILING
from tsc.dialects.constants import literal_array
from tsc.dialects.torch_ops import ValueTensorLiteralOp
from tsc.dialects.walking import walk
from tsc.errors import ArgumentError, CodegenError, RefusedError
from tsc.modules.script_modules import RecursiveScriptModule, freeze_module
from tsc.passes.lift_state import lift_state
from tsc.programs.object_state import ObjectState, Slot, assigned_paths
from tsc.programs.same_arguments import Sames
from tsc.programs.versions import HELD_TWICE, RESIZES
from tsc.runtime.descriptions import describe, flatten
from tsc.runtime.exceptions import places_of
from tsc.runtime.native import ArraySpec
from tsc.runtime.result_forms import ResultForm

MOST_CAUSES = 8
"""Operators that a refusal names."""
UNKNOWN = (
    "an operator that cannot take arguments of these shapes and dtypes has a result of unknown shape as well"
)


@dataclass(frozen=True)
class MethodRequest:
    """A method that a library is to have."""

    name: str
    inputs: Sequence[str]
    """An entry for each argument, as the pass `specialize` takes them; ``?`` is a size that may be any."""


@dataclass(frozen=True)
class MethodCode:
    """A method for one level."""

    symbol: str
    host: HostProgram


@dataclass(frozen=True)
class CompiledMethod:
    """A method, and its code for each level."""

    plan: MethodPlan
    codes: Sequence[MethodCode]
    entry: Entry
    function: FuncOp
    """The method at stage `fused`."""


@dataclass(eq=False)
class _Method:
    """A method on its way to native code."""

    request: MethodRequest
    parameters: Sequence[str]
    entry: Entry
    state: ObjectState | None
    assigned: Sequence[str]


@dataclass(eq=False)
class Program:
    """The methods of one module that a library is to have, and what they keep."""

    module: RecursiveScriptModule
    requests: Sequence[MethodRequest]
    levels: Sequence[Level]
    linkage: Callable[[str], Linkage]
    """How the code of a symbol is linked."""
    cells: list[Cell] = field(default_factory=list[Cell])
    _cells_of: dict[Slot, list[Cell]] = field(default_factory=dict[Slot, "list[Cell]"])

    def compile(self) -> list[CompiledMethod]:
        """All methods.

        Raises:
            ArgumentError: there is no such method, or the inputs do not fit one.
            RefusedError: a method cannot run without Python.
        """
        with COMPILING:
            frozen = self._frozen()
            methods = [self._lifted(frozen, request) for request in self.requests]
            receiver = frozen._object  # pyright: ignore[reportPrivateUsage]
            changing = {s for m in methods if m.state for s in m.state.assigned}
            for method in methods:
                if method.state is not None:
                    paths = zip(method.state.taken_paths, method.state.taken, strict=True)
                    varying = [path for path, slot in paths if slot in changing]
                    method.state = ObjectState(receiver, method.entry.function, varying)
            for method in methods:
                for path, slot, value in method.state.entries() if method.state else ():
                    self._cells(slot, path, value)
            made = [self._compiled(method) for method in methods]
        plans = [method.plan for method in made]
        require_own_memory(plans, self.cells, _written(made), _constants(made))
        return made

    def _frozen(self) -> RecursiveScriptModule:
        names = [request.name for request in self.requests]
        known = self.module._object.cls.methods  # pyright: ignore[reportPrivateUsage]
        for name in names:
            require_method(known, name)
        if len(set(names)) < len(names):
            raise ArgumentError(f"method: requires each method once; got {', '.join(names)}")
        return freeze_module(self.module.eval(), [name for name in names if name != "forward"])

    def _lifted(self, frozen: RecursiveScriptModule, request: MethodRequest) -> _Method:
        """A method, taken out of its object."""
        method = frozen._method(request.name)  # pyright: ignore[reportPrivateUsage]
        entry, receiver = method.entry, method.receiver
        assert entry is not None
        assert receiver is not None
        names = [parameter.name for parameter in method.parameters]
        require_count(request.name, names, request.inputs)
        if changes_shapes(entry.function):
            raise RefusedError(f"{request.name}: {RESIZES}")
        entry = replace(entry, module=entry.alone())
        others = Sames.of(method.function, None)  # in C, no argument is another one as well
        others.mark(entry.function)
        if len(entry.arguments) == len(names):
            return _Method(request, names, entry, None, ())
        reason = lift_state(entry.function)
        if reason is not None:
            raise RefusedError(f"{request.name}: it keeps its object: {reason}")
        others.mark(entry.function)
        state = ObjectState(receiver, entry.function)
        if not state.is_distinct:
            raise RefusedError(f"{request.name}: {HELD_TWICE}")
        return _Method(request, names, entry, state, assigned_paths(entry.function))

    # --- state ---

    def _cells(self, slot: Slot, path: str, value: Any) -> list[Cell]:
        """The cells of an attribute."""
        if slot not in self._cells_of:
            made = [Cell(path, len(self.cells) + i, array) for i, array in enumerate(flatten([value]))]
            self.cells += made
            self._cells_of[slot] = made
        return self._cells_of[slot]

    # --- code ---

    def _compiled(self, method: _Method) -> CompiledMethod:
        axes = Axes()
        inputs = [axes.named(text) for text in method.request.inputs]
        key, taken, assigned = [*inputs], list[Cell](), list[tuple[str, list[Cell] | None]]()
        if method.state is not None:
            for path, slot, value in method.state.entries():
                described = describe(value)
                if described is None:
                    raise RefusedError(f"{method.request.name}: attribute '{path}' has no native form")
                key.append(described)
                taken += self._cells(slot, path, value)
            for path, slot in zip(method.assigned, method.state.assigned, strict=True):
                assigned.append((path, self._cells_of.get(slot)))
        names = [
            n for name, text in zip(method.parameters, inputs, strict=True) for n in tensor_names(name, text)
        ]
        sizes = axes.sizes()
        for _ in range(MOST_RESTARTS):
            try:
                return self._attempt(method, key, names, taken, assigned, sizes, axes)
            except SizesFoundError as found:
                assert sizes is not None
                sizes = sizes.narrowed(found.solved)
                _require_free(method.request.name, sizes, axes)
        raise RefusedError(f"{method.request.name}: its sizes turn out to be equal again and again")

    def _attempt(
        self, method: _Method, key: Sequence[str], names: Sequence[str], taken: Sequence[Cell],
        assigned: Sequence[tuple[str, Sequence[Cell] | None]], sizes: Sizes | None, axes: Axes,
    ) -> CompiledMethod:  # fmt: skip
        name = method.request.name
        compilation = Compilation(is_whole=True)
        descent = Descent.specialize(method.entry, key, compilation, is_whole=True, sizes=sizes)
        descent.called_from_python = False  # a library moves tensors as wholes
        function = descent.lower("fused")
        if sizes is not None:
            sizes.require_free()
        reason = why_not_native(function, method.entry.pool)
        if must_not_be_repeated(function):
            reason = NOT_REPEATABLE
        end = function.body.block.last_op
        if reason is None and end is not None and not end.operands:
            reason = "it computes no tensor"
        if reason is not None:
            raise _refusal(name, descent, reason)
        if len(function.body.block.args) != len(names) + len(taken):
            raise RefusedError(f"{name}: its arguments are not those of its signature")
        codes: list[MethodCode] = []
        try:
            for number, level in enumerate(self.levels):
                own = replace(descent.copy(), target=level.target)
                symbol = f"{name}.{number}"
                codes.append(MethodCode(symbol, emit_native(own, symbol, self.linkage(symbol))))
        except CodegenError as error:
            raise _refusal(name, descent, error.message) from error
        plan = _plan(method, function, codes[0].host, names, taken, assigned, sizes, axes)
        return CompiledMethod(plan, codes, method.entry, function)


def _written(methods: Sequence[CompiledMethod]) -> set[int]:
    """The cells that methods write to in place."""
    found: set[int] = set()
    for method in methods:
        first = len(method.plan.inputs)
        numbers = [number - first for number in ResultForm.of(method.function).written]
        found.update(method.plan.cells[number] for number in numbers if number >= 0)
    return found


def _constants(methods: Sequence[CompiledMethod]) -> list[Array]:
    """The arrays that methods read as constants."""
    return [
        literal_array(method.entry.pool, op)
        for method in methods
        for op in walk(method.function)
        if isinstance(op, ValueTensorLiteralOp)
    ]


def _require_free(name: str, sizes: Sizes, axes: Axes) -> None:
    """Refuse a size that was to be any, and is a number now."""
    for symbol, value in sizes.values.items():
        if isinstance(value, int):
            raise RefusedError(
                f"{name}: the size ?{axes.in_words(symbol)}: requires a number: something in the program is "
                f"compiled for known sizes alone (this was found with {value}, the example)"
            )


def _plan(
    method: _Method, function: FuncOp, host: HostProgram, names: Sequence[str], taken: Sequence[Cell],
    assigned: Sequence[tuple[str, Sequence[Cell] | None]], sizes: Sizes | None, axes: Axes,
) -> MethodPlan:  # fmt: skip
    given = [_spec(n, s) for n, s in zip(names, host.inputs, strict=False)]
    computed = [_spec(f"computed {i}", s) for i, s in enumerate(host.outputs)]
    name, form = method.request.name, ResultForm.of(function)
    moves = Moves(name, form, given, taken, computed, assigned, method.state is not None)
    moves.read()
    environment = None if sizes is None else sizes.environment
    return MethodPlan(
        name=name,
        inputs=given,
        cells=[cell.number for cell in taken],
        computed=computed,
        moves=moves.moves,
        is_checked=CHECKS_BOUNDS in function.attributes,
        symbols=0 if environment is None else len(environment.symbols),
        conditions=[] if environment is None else [axes.in_words(g) for g in environment.guards.values()],
        constants=moves.constants,
        in_words=axes.in_words,
    )


def _spec(name: str, spec: ArraySpec) -> TensorSpec:
    return TensorSpec(name, dtypes.by_numpy(spec.dtype), tuple(spec.shape))


def _refusal(name: str, descent: Descent, reason: str) -> RefusedError:
    """Why a function cannot run without Python, with the operators that are the cause and their places."""
    descent.compilation.whole_refusal = reason
    found = dict(python_operators(descent))
    causes = list(causes_of(descent.function, found.items())) or list(found)
    without_form = [op for op in causes if lacks_native_form(op) is not None]
    lines = [f"{name} cannot run without Python: {reason}"]
    for op in without_form or causes:
        places = (place.highlight() for place in places_of(op.location, name))
        entry = "\n".join([f"  {operator_name(op)}: {found[op]}", *places])
        if entry not in lines:
            lines.append(entry)
    if not without_form:
        lines.append(f"  ({UNKNOWN})")
    shown = lines[: 1 + MOST_CAUSES]
    if len(lines) > len(shown):
        shown.append(f"  and {len(lines) - len(shown)} more")
    return RefusedError("\n".join(shown))
