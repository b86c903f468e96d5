"""Pass `inline`: calls of functions and methods become the callee's body."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import CallSiteLoc, LocationAttr, ModuleOp, UnknownLoc
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from tsc.dialects.torch_objects import ENTERS, LEAVES
from tsc.dialects.torch_ops import ClassTypeOp, MethodOp, PrimCallMethodOp
from tsc.errors import CompileError


@dataclass(frozen=True)
class Inline(ModulePass):
    """Replace every call whose callee is known by the callee's body, callees first; drop functions nobody
    calls.

    Requires: stage `torch`.
    Leaves: calls through interfaces, and of ``__enter__`` and ``__exit__`` by a ``with``; calls in functions
        that would grow beyond `max_operations`;
        functions that a class or nobody names are entries and stay.

    ```mlir
    %1 = torch.prim.CallMethod %conv["forward"] (%x) : ...
    // the operations of conv's forward, each located as "called from" the call
    ```
    """

    name = "inline"
    max_operations: int = 100_000
    """What a function may grow to. Beyond, calls of functions stay (the generic tier makes them); a method
    cannot be called from a frozen program, and is refused."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Inline in every function of the module."""
        inliner = _Inliner(op, self.max_operations)
        for function in list(inliner.functions.values()):
            inliner.inline(function)
        gone = [f for f in inliner.called if f not in inliner.left]
        for function in gone:
            function.detach()
            function.erase()
        _drop_methods(op, {f.sym_name.data for f in gone})


class _Inliner:
    def __init__(self, module: ModuleOp, limit: int) -> None:
        self.limit = limit
        self.sizes: dict[FuncOp, int] = {}
        """How many operations each function has, of those whose calls are inlined."""
        self.left: set[FuncOp] = set()
        """Functions that are still called somewhere."""
        self.functions = {f.sym_name.data: f for f in module.ops if isinstance(f, FuncOp)}
        self.methods = {
            (cls.symbol, method.method): method.function
            for cls in module.ops
            if isinstance(cls, ClassTypeOp)
            for method in cls.regions[0].block.ops
            if isinstance(method, MethodOp)
        }
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
        operations = list(function.walk())
        size = len(operations)
        for op in operations:
            callee = self.callee(op)
            if callee is None:
                continue
            self.inline(callee)
            if size + self.sizes[callee] > self.limit:
                self._leave(op, callee)
                continue
            size += self.sizes[callee]
            self.called[callee] = None
            splice(op, callee)
        self.sizes[function] = size
        self.active.pop()
        self.done.add(function)

    def _leave(self, call: Operation, callee: FuncOp) -> None:
        """Keep a call whose callee is too large.

        Raises:
            CompileError: it is the call of a method.
        """
        if isinstance(call, PrimCallMethodOp):
            raise CompileError(
                f"method '{call.method}': requires functions of at most {self.limit} operations with all "
                "that they call; got more"
            )
        self.left.add(callee)

    def callee(self, op: Operation) -> FuncOp | None:
        """The function a call names, when it is known."""
        if isinstance(op, CallOp):
            return self.functions.get(op.callee.root_reference.data)
        if isinstance(op, PrimCallMethodOp) and not {ENTERS, LEAVES} & op.attributes.keys():
            kind = op.operands[0].type
            name = self.methods.get((getattr(kind, "data", ""), op.method))
            return self.functions.get(name) if name is not None else None
        return None


def splice(call: Operation, callee: FuncOp) -> None:
    """Replace `call` by a copy of the body of `callee`."""
    body = callee.body.block
    values: dict[SSAValue, SSAValue] = dict(zip(body.args, call.operands, strict=True))
    blocks: dict[Block, Block] = {}
    returned: list[SSAValue] = []
    parent = call.parent
    assert parent is not None
    for op in body.ops:
        if isinstance(op, ReturnOp):
            returned = [values.get(v, v) for v in op.operands]
            continue
        copy = op.clone(values, blocks)
        for inner in copy.walk():
            inner.location = _called_from(inner.location, call.location)
        parent.insert_op_before(copy, call)
    for result, value in zip(call.results, returned, strict=True):
        if value.name_hint is None:
            value.name_hint = result.name_hint
        result.replace_all_uses_with(value)
    call.detach()
    call.erase()


def _called_from(callee: LocationAttr, caller: LocationAttr) -> LocationAttr:
    if isinstance(caller, UnknownLoc):
        return callee
    return caller if isinstance(callee, UnknownLoc) else CallSiteLoc(callee, caller)


def _drop_methods(module: ModuleOp, erased: set[str]) -> None:
    for cls in module.ops:
        if isinstance(cls, ClassTypeOp):
            for method in list(cls.regions[0].block.ops):
                if isinstance(method, MethodOp) and method.function in erased:
                    method.detach()
                    method.erase()
