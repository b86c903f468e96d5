"""What was recorded, frame by frame, becomes functions: one for the trace, one for each call of a submodule.

Values that cross the border of a frame become parameters and results of its function; attributes become
chains of ``prim.GetAttr`` from the function's own ``self`` (or parameters, where they lie outside it).
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any, cast

from xdsl.dialects.builtin import StringAttr, UnknownLoc
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.traits import MemoryEffectKind, get_effects

from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.builder import TorchBuilder, hint
from tsc.dialects.torch_types import TorchType
from tsc.frontend.sources import TRACED, Source
from tsc.frontend.unit import Class, Function, FunctionParameter, ScriptObject, Unit
from tsc.tracing.frames import Frame, Path
from tsc.tracing.recorder import Recorder


def make_function(
    unit: Unit, name: str, parameters: Sequence[FunctionParameter], block: Block, own: TorchType | None
) -> Function:
    """The function `name` of `unit` whose body is `block`."""
    names = [*(["self"] if own is not None else []), *(p.name for p in parameters)]
    short = name.rpartition(".")[2]
    definition = ast.parse(f"def {short}({', '.join(names)}): pass").body[0]
    function = Function(name, cast("ast.FunctionDef", definition), Source(TRACED, ""), _NoNames(), own)
    function.parameters = list(parameters)
    end = block.last_op
    assert end is not None
    results = cast("list[TorchType]", [o.type for o in end.operands])
    function.result = results[0]
    function.op = FuncOp(name, (list(block.arg_types), results), Region(block))
    unit.functions[name] = function
    return function


class _NoNames:
    """The resolver of a traced function, whose body is never read."""

    def lookup(self, name: str) -> None:
        """No name means anything."""

    def annotation(self, node: ast.expr) -> TorchType:
        """There are none."""
        raise KeyError(ast.unparse(node))

    def literal(self, node: ast.expr) -> Any:
        """There are none."""
        raise KeyError(ast.unparse(node))


def drop_dead(root: Frame) -> None:
    """Remove the operations whose results nobody reads and that write nothing."""
    for item in reversed(list(root.items)):
        if isinstance(item, Frame):
            drop_dead(item)
            if not item.items:
                root.items.remove(item)
        elif item.results and not any(r.first_use for r in item.results) and _only_computes(item):
            root.items.remove(item)
            item.erase()


def _only_computes(op: Operation) -> bool:
    effects = get_effects(op)
    harmless = (MemoryEffectKind.READ, MemoryEffectKind.ALLOC)
    return effects is not None and all(e.kind in harmless for e in effects)


class Outliner:
    """Makes the functions of one trace; `held` is the traced module, if it is one."""

    def __init__(self, recorder: Recorder, held: ScriptObject | None) -> None:
        self.recorder = recorder
        self.held = held

    def fill(self, block: Block, result: SSAValue) -> None:
        """Move everything recorded into `block`, whose arguments are the trace's inputs (after ``self``)."""
        end = ReturnOp(result)
        self.recorder.root.items.append(end)
        self.recorder.builder.homes[end] = self.recorder.root
        drop_dead(self.recorder.root)
        _Body(self, block, (), {}).emit(self.recorder.root)

    def owner(self, path: Path) -> ScriptObject:
        """The object at `path`."""
        assert self.held is not None
        found = self.held
        for name in path:
            found = cast("ScriptObject", found.attributes[name])
        return found

    def function(self, frame: Frame) -> tuple[Function, list[SSAValue], list[SSAValue]]:
        """The method for a frame, the outer values it takes, and its values that are read outside."""
        inside = set(frame.operations())
        taken = self._taken(frame, inside)
        given: list[SSAValue] = [
            r for op in frame.operations() for r in op.results if _is_read_outside(r, inside)
        ]
        cls = self.owner(frame.path).cls
        own = tt.ModuleType(cls.name)
        block = Block(arg_types=[own, *(t.type for t in taken)])
        hint(block.args[0], "self")
        for value, argument in zip(taken, block.args[1:], strict=True):
            argument.name_hint = value.name_hint if self._is_around(frame, value) else None
        body = _Body(self, block, frame.path, dict(zip(taken, block.args[1:], strict=True)))
        body.emit(frame)
        body.give([body.resolve(g) for g in given])
        name = _method_name(cls)
        parameters = self._parameters(frame, taken)
        function = make_function(self.recorder.unit, f"{cls.name}.{name}", parameters, block, own)
        cls.methods[name] = function
        return function, taken, given

    def _taken(self, frame: Frame, inside: set[Operation]) -> list[SSAValue]:
        found: dict[SSAValue, None] = {}
        for op in frame.operations():
            for operand in op.operands:
                path = self.recorder.members.get(operand)
                is_own = path is not None and path[: len(frame.path)] == frame.path
                if operand.owner not in inside and not is_own:
                    found[operand] = None
        return list(found)

    def _parameters(self, frame: Frame, taken: Sequence[SSAValue]) -> list[FunctionParameter]:
        """A parameter for each value a frame takes, called what the value is; like PyTorch's, a result of
        another module has lost its name, and of two values of one name only the first has it.
        """
        made: dict[str, FunctionParameter] = {}
        for i, value in enumerate(taken, 1):
            name = value.name_hint if self._is_around(frame, value) else None
            if name is None or name == "self" or name in made:
                name = f"argument_{i}"
            made[name] = FunctionParameter(name, cast("TorchType", value.type))
        return list(made.values())

    def _is_around(self, frame: Frame, value: SSAValue) -> bool:
        """Whether `value` was made in a frame that `frame` lies in, or given to the trace."""
        home = self.recorder.builder.homes.get(value.owner) if isinstance(value.owner, Operation) else None
        return home is None or frame.is_within(home)


def _is_read_outside(value: SSAValue, inside: set[Operation]) -> bool:
    return any(use.operation not in inside for use in value.uses)


def _method_name(cls: Class) -> str:
    n = 0
    while (name := f"forward{n or ''}") in cls.methods:
        n += 1
    return name


class _Body:
    """The body of one function while it is filled."""

    def __init__(self, outliner: Outliner, block: Block, path: Path, known: dict[SSAValue, SSAValue]) -> None:
        self.outliner = outliner
        self.block = block
        self.path = path
        self.known = known
        self.builder = TorchBuilder(block)
        self.read: dict[Path, SSAValue] = {}
        self.members = outliner.recorder.members

    def emit(self, frame: Frame) -> None:
        """Everything in `frame`."""
        for item in frame.items:
            if isinstance(item, Frame):
                self._call(item)
            else:
                item.operands = [self.resolve(o) for o in item.operands]
                self.block.add_op(item)

    def _call(self, frame: Frame) -> None:
        function, taken, given = self.outliner.function(frame)
        assert function.result is not None
        operands = [self._member(frame.path), *(self.resolve(t) for t in taken)]
        attributes = {"name": StringAttr(function.short_name)}
        made = self.builder.create(
            ops.PrimCallMethodOp, operands, [function.result], attributes=attributes
        ).results[0]
        if len(given) == 1:
            self.known[given[0]] = made
        elif given:
            parts = self.builder.create(ops.PrimTupleUnpackOp, [made], [g.type for g in given]).results
            self.known.update(zip(given, parts, strict=True))

    def give(self, results: Sequence[SSAValue]) -> None:
        """Return `results`: nothing, one value, or a tuple."""
        if not results:
            returned = self.builder.constant(None)
        else:
            returned = results[0] if len(results) == 1 else self.builder.make_tuple(results)
        self.block.add_op(ReturnOp(returned))

    def resolve(self, value: SSAValue) -> SSAValue:
        """What stands for a recorded value here."""
        if value in self.known:
            return self.known[value]
        path = self.members.get(value)
        return value if path is None else self._member(path, cast("TorchType", value.type))

    def _member(self, path: Path, kind: TorchType | None = None) -> SSAValue:
        """The attribute at `path`, read at the start of the function."""
        if path == self.path:
            return self.block.args[0]
        if path not in self.read:
            owner = self._member(path[:-1])
            kind = kind or tt.ModuleType(self.outliner.owner(path).cls.name)
            attributes = {"name": StringAttr(path[-1])}
            op = ops.PrimGetAttrOp.create(operands=[owner], result_types=[kind], attributes=attributes)
            op.location = UnknownLoc()
            hint(op.results[0], path[-1])
            self._put_first(op, owner)
            self.read[path] = op.results[0]
        return self.read[path]

    def _put_first(self, op: Operation, owner: SSAValue) -> None:
        """Put `op` at the start of the block, or right behind what makes its operand."""
        first = self.block.first_op
        if isinstance(owner.owner, Operation):
            self.block.insert_op_after(op, owner.owner)
        elif first is None:
            self.block.add_op(op)
        else:
            self.block.insert_op_before(op, first)
