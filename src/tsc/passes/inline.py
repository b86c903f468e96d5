"""Pass `inline`: calls of functions and methods become the callee's body."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import CallSiteLoc, LocationAttr, ModuleOp, UnknownLoc
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from tsc.dialects.builder import TorchBuilder
from tsc.dialects.locations import STRICT_CLASS
from tsc.dialects.torch_objects import ENTERS, LEAVES
from tsc.dialects.torch_ops import ClassTypeOp, MethodOp, PrimCallMethodOp
from tsc.dialects.walking import walk
from tsc.errors import CompileError


@dataclass(frozen=True)
class Inline(ModulePass):
    """Replace every call whose callee is known by the callee's body, callees first; drop functions nobody
    calls.

    Requires: stage `torch`.
    Leaves: calls through interfaces, and of ``__enter__`` and ``__exit__`` by a ``with`` (but for
        those of ``strict_fusion``, which do nothing and go); calls in functions
        that would grow beyond what the options allow;
        functions that a class or nobody names are entries and stay.

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
        inliner = _Inliner(op, self)
        for function in list(inliner.functions.values()):
            inliner.inline(function)
        gone = [f for f in inliner.called if f not in inliner.left]
        for function in gone:
            function.detach()
            function.erase()
        _drop_methods(op, {f.sym_name.data for f in gone})


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
    def __init__(self, module: ModuleOp, options: Inline) -> None:
        self.options = options
        self.sizes: dict[FuncOp, _Size] = {}
        """Of the functions whose calls are inlined."""
        self.left: set[FuncOp] = set()
        """Functions that are still called somewhere."""
        self.functions = {f.sym_name.data: f for f in module.ops if isinstance(f, FuncOp)}
        self.calls: Counter[FuncOp] = Counter()
        """How many calls of each function there are still."""
        self.methods = {
            (cls.symbol, method.method): method.function
            for cls in module.ops
            if isinstance(cls, ClassTypeOp)
            for method in cls.regions[0].block.ops
            if isinstance(method, MethodOp)
        }
        for operation in walk(module):
            if (callee := self.callee(operation)) is not None:
                self.calls[callee] += 1
        self.done: set[FuncOp] = set()
        self.active: list[FuncOp] = []
        self.called: dict[FuncOp, None] = {}

    def inline(self, function: FuncOp) -> None:
        """Inline all calls in `function`, its callees first.

        Raises:
            CompileError: functions call each other in a circle.
        """
        if function in self.done:
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
            if _marks_strict_block(op):
                _drop_mark(op)
                continue
            callee = self.callee(op)
            if callee is None:
                continue
            self.inline(callee)
            grown = size.with_call(callee, self.sizes)
            if not self._fits(grown, op):
                self.left.add(callee)
                continue
            size = grown
            self.called[callee] = None
            self.calls[callee] -= 1
            splice(op, callee, is_last=not self.calls[callee] and callee not in self.left)
        self.sizes[function] = size
        self.active.pop()
        self.done.add(function)

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

    def callee(self, op: Operation) -> FuncOp | None:
        """The function a call names, when it is known."""
        if isinstance(op, CallOp):
            return self.functions.get(op.callee.root_reference.data)
        if isinstance(op, PrimCallMethodOp) and not {ENTERS, LEAVES} & op.attributes.keys():
            kind = op.operands[0].type
            name = self.methods.get((getattr(kind, "data", ""), op.method))
            return self.functions.get(name) if name is not None else None
        return None


def _marks_strict_block(op: Operation) -> bool:
    """Whether `op` calls a method of ``strict_fusion``, which does nothing: locations say what is in it."""
    return isinstance(op, PrimCallMethodOp) and getattr(op.operands[0].type, "data", "") == STRICT_CLASS


def _drop_mark(op: Operation) -> None:
    none = TorchBuilder(before=op).constant(None)
    for result in op.results:
        result.replace_all_uses_with(none)
    op.detach()
    op.erase()


def splice(call: Operation, callee: FuncOp, *, is_last: bool = False) -> None:
    """Replace `call` by a copy of the body of `callee`; the last of its calls, by the body itself."""
    body = callee.body.block
    values: dict[SSAValue, SSAValue] = dict(zip(body.args, call.operands, strict=True))
    blocks: dict[Block, Block] = {}
    returned: list[SSAValue] = []
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
        inlined = op if is_last else op.clone(values, blocks)
        for inner in walk(inlined):
            inner.location = places.called_from(inner.location)
        parent.insert_op_before(inlined, call)
    for result, value in zip(call.results, returned, strict=True):
        if value.name_hint is None:
            value.name_hint = result.name_hint
        result.replace_all_uses_with(value)
    call.detach()
    call.erase()


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


def _drop_methods(module: ModuleOp, erased: set[str]) -> None:
    for cls in module.ops:
        if isinstance(cls, ClassTypeOp):
            for method in list(cls.regions[0].block.ops):
                if isinstance(method, MethodOp) and method.function in erased:
                    method.detach()
                    method.erase()
