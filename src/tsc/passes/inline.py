"""Pass `inline`: calls of functions and methods become the callee's body."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import CallSiteLoc, LocationAttr, ModuleOp, UnknownLoc
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from tsc.dialects.builder import TorchBuilder
from tsc.dialects.locations import STRICT_CLASS
from tsc.dialects.replacing import replace
from tsc.dialects.torch_objects import ENTRY
from tsc.dialects.torch_ops import PrimCallMethodOp
from tsc.dialects.walking import walk
from tsc.errors import CompileError
from tsc.passes.objects.grad_modes import settle_grad_modes
from tsc.passes.objects.methods import Methods


@dataclass(frozen=True)
class Inline(ModulePass):
    """Replace every call whose callee is known by the callee's body, callees first; drop functions nobody
    calls.

    Requires: stage `torch`.
    Leaves: calls through interfaces, and of ``__enter__`` and ``__exit__`` by a ``with`` (but for
        those of ``strict_fusion``, which do nothing and go, and of ``no_grad``, which set a mode); calls in
        functions that would grow beyond what the options allow;
        functions that are marked as entries, and those that a class or nobody names, stay.

    ```mlir
    %1 = torch.prim.CallMethod %conv["forward"] (%x) : ...
    // the operations of conv's forward, each located as "called from" the call
    ```
    """

    name = "inline"
    max_growth: int = 20_000
    """How many operations a function may have beyond one copy of each that it calls. Beyond, calls of
    functions stay, and the generic tier makes them."""
    max_operations: int = 100_000
    """How many operations a function may have with the methods that it calls: a frozen program has no
    methods, and beyond that is refused."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Inline in every function of the module."""
        settle_grad_modes(op)
        inliner = _Inliner(op, self)
        for function in inliner.methods.functions.values():
            inliner.decide(function)
        gone = {f for f in inliner.inlined - inliner.left if ENTRY not in f.attributes}
        inliner.expand(gone)
        inliner.methods.drop(gone)


@dataclass(frozen=True)
class _Size:
    """How large a function is with what was inlined into it."""

    all: int
    own: int
    """Its operations before."""
    called: frozenset[FuncOp] = frozenset()
    """The functions inlined into it, directly or not."""
    once: int = 0
    """The operations of one copy of each of those."""

    @property
    def growth(self) -> int:
        """How many operations are there several times."""
        return self.all - self.own - self.once

    def with_call(self, callee: FuncOp, sizes: Mapping[FuncOp, _Size]) -> _Size:
        """The size with a further call inlined."""
        added = {callee, *sizes[callee].called} - self.called
        once = self.once + sum(sizes[f].own for f in added)
        return _Size(self.all + sizes[callee].all, self.own, self.called | added, once)


class _Inliner:
    """First it decides about all calls, callees first. Then it puts bodies where they were called, callers
    first: so what is called from within a body is put where that goes, once, and not into the body before.
    """

    def __init__(self, module: ModuleOp, options: Inline) -> None:
        self.options = options
        self.sizes: dict[FuncOp, _Size] = {}
        """Of the functions whose calls are decided about, callees first."""
        self.taken: dict[Operation, FuncOp] = {}
        """The calls that are inlined."""
        self.left: set[FuncOp] = set()
        """Functions that are still called somewhere."""
        self.inlined: set[FuncOp] = set()
        self.methods = Methods(module)
        self.active: list[FuncOp] = []
        self.copies: Counter[FuncOp] = Counter()
        """How many more times a body is needed."""

    def decide(self, function: FuncOp) -> None:
        """Decide about the calls in `function`, its callees first.

        Raises:
            CompileError: functions call each other in a circle.
        """
        if function in self.sizes:
            return
        if function in self.active:
            raise CompileError(
                f"function '{function.sym_name.data}' is called recursively. Recursive calls are not "
                "supported"
            )
        self.active.append(function)
        operations = list(walk(function))
        size = _Size(len(operations), len(operations))
        for op in operations:
            callee = None if _marks_strict_block(op) else self.methods.callee(op)
            if callee is None:
                continue
            self.decide(callee)
            grown = size.with_call(callee, self.sizes)
            if not self._fits(grown, op):
                self.left.add(callee)
                continue
            size = grown
            self.taken[op] = callee
            self.inlined.add(callee)
        self.sizes[function] = size
        self.active.pop()

    def expand(self, gone: Set[FuncOp]) -> None:
        """Put bodies in the place of the calls that are taken; functions in `gone` are not needed beside."""
        callers_first = list(reversed(self.sizes))
        calls = {function: [op for op in walk(function) if op in self.taken] for function in callers_first}
        for function in callers_first:
            times = self.copies[function] + (function not in gone)
            for call in calls[function]:
                self.copies[self.taken[call]] += times
        for function in callers_first:
            for op in [op for op in walk(function) if _marks_strict_block(op)]:
                _drop_mark(op)
        for function in callers_first:
            if function not in gone:
                for call in calls[function]:
                    self._splice(call, self.taken[call], gone)

    def _splice(self, call: Operation, callee: FuncOp, gone: Set[FuncOp]) -> None:
        """Replace `call` by the body of `callee`, and what that calls likewise."""
        self.copies[callee] -= 1
        is_last = callee in gone and not self.copies[callee]
        for original, inlined in splice(call, callee, is_last=is_last):
            inner = self.taken.get(original)
            if inner is not None:
                self._splice(inlined, inner, gone)

    def _fits(self, size: _Size, call: Operation) -> bool:
        """Whether a function may become that large by inlining `call`.

        Raises:
            CompileError: it may not, and the call of a method cannot stay.
        """
        if not isinstance(call, PrimCallMethodOp):
            return size.growth <= self.options.max_growth
        if size.all <= self.options.max_operations:
            return True
        raise CompileError(
            f"method '{call.method}': requires functions of at most {self.options.max_operations} operations "
            "with all that they call; got more"
        )


def _marks_strict_block(op: Operation) -> bool:
    """Whether `op` calls a method of ``strict_fusion``, which does nothing: locations say what is in it."""
    return isinstance(op, PrimCallMethodOp) and getattr(op.operands[0].type, "data", "") == STRICT_CLASS


def _drop_mark(op: Operation) -> None:
    none = TorchBuilder(before=op).constant(None)
    for result in op.results:
        result.replace_all_uses_with(none)
    op.detach()
    op.erase()


def splice(
    call: Operation, callee: FuncOp, *, is_last: bool = False
) -> Sequence[tuple[Operation, Operation]]:
    """Replace `call` by a copy of the body of `callee`; the last of its calls, by the body itself. Gives each
    operation of the body with what stands for it.
    """
    body = callee.body.block
    values: dict[SSAValue, SSAValue] = dict(zip(body.args, call.operands, strict=True))
    blocks: dict[Block, Block] = {}
    returned: list[SSAValue] = []
    placed: list[tuple[Operation, Operation]] = []
    places = _Places(call.location)
    parent = call.parent
    assert parent is not None
    if is_last:
        _pass_operands(call, body)
    for op in list(body.ops):
        if isinstance(op, ReturnOp):
            returned = [values.get(v, v) for v in op.operands]
            continue
        if is_last:
            op.detach()
        inlined = op if is_last else _copied(op, values, blocks)
        for original, inner in zip(walk(op), walk(inlined), strict=True):
            inner.location = places.called_from(original.location)
            placed.append((original, inner))
        parent.insert_op_before(inlined, call)
    replace(call, returned)
    return placed


def _copied(op: Operation, values: dict[SSAValue, SSAValue], blocks: dict[Block, Block]) -> Operation:
    """A copy of `op`, whose operands were copied before."""
    return op.clone(values, blocks) if op.regions else op.clone_without_regions(values, blocks)


def _pass_operands(call: Operation, body: Block) -> None:
    """Let a function's body read the operands of `call` for its parameters; they keep their names."""
    for parameter, operand in zip(body.args, call.operands, strict=True):
        name = operand.name_hint
        parameter.replace_all_uses_with(operand)
        operand.name_hint = name


class _Places:
    """The locations of what a call runs. Operations of one place share one."""

    def __init__(self, caller: LocationAttr) -> None:
        self.caller = caller
        self.known: dict[int, tuple[LocationAttr, LocationAttr]] = {}
        """By the identity of the place in the callee, which is kept alive here: equality goes through whole
        stacks."""

    def called_from(self, callee: LocationAttr) -> LocationAttr:
        """Where `callee` is once the call is gone."""
        found = self.known.get(id(callee))
        if found is None:
            found = self.known[id(callee)] = callee, self._stack(callee)
        return found[1]

    def _stack(self, callee: LocationAttr) -> LocationAttr:
        if isinstance(self.caller, UnknownLoc):
            return callee
        return self.caller if isinstance(callee, UnknownLoc) else CallSiteLoc(callee, self.caller)
