"""Pass `functionalize`: a program that writes to tensors and lists becomes one over values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.aliases import MAYBE_ALIASING, AliasSets, has_memory
from tsc.analysis.values import UNKNOWN_CALLS, writes_anything
from tsc.dialects import schema as schemas
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp, torch_name
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import (
    NonValueTensorLiteralOp,
    PrimListConstructOp,
    ValueTensorLiteralOp,
)
from tsc.ops.variants import functional_name


@dataclass(frozen=True)
class Functionalize(ModulePass):
    """Replace writes by new values: of the tensor written, of the tensor it is a view of, and of the
    other views when next read.

    Requires: stage `frozen`.
    Leaves: a function it cannot prove the rewriting right for is left as it was, with its mutable
    tensors; in the others every
    tensor is a `!torch.vtensor`.

    ```mlir
    %1 = torch.aten.select.int %x, %int0, %int1 : !torch.tensor, ...
    %2 = torch.aten.relu_ %1
    return %x
    // %1 = select %x; %2 = relu %1; %3 = select_scatter %x, %2; return %3
    ```
    """

    name = "functionalize"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Functionalize every function of the module that allows it."""
        for function in list(op.ops):
            if isinstance(function, FuncOp):
                functionalize(function)


class CannotFunctionalizeError(Exception):
    """Why a function keeps its mutable tensors."""


def functionalize(function: FuncOp) -> str | None:
    """Functionalize one function; None when that was possible, else the reason."""
    try:
        if aliased := _results_alias_arguments(function):
            raise CannotFunctionalizeError(aliased)
        if called := _call_that_may_write(function):
            raise CannotFunctionalizeError(f"{called.name} may write to what it is given")
        if any(writes_anything(op) for op in function.walk()):
            trial = function.clone()
            _Functionalizer().block(trial.body.block)
            function.body.detach_block(function.body.block)
            block = trial.body.block
            trial.body.detach_block(block)
            function.body.add_block(block)
    except CannotFunctionalizeError as reason:
        return str(reason)
    to_values(function)
    return None


def _results_alias_arguments(function: FuncOp) -> str | None:
    """Results that share memory with an argument must stay views of it: only the generic tier gives that."""
    sets = AliasSets(function)
    arguments = {p for a in function.body.block.args if has_memory(a) for p in sets.places(a)}
    end = function.body.block.last_op
    assert end is not None
    for value in end.operands:
        if has_memory(value) and sets.places(value) & arguments:
            return "a result shares memory with an argument"
    return None


def _call_that_may_write(function: FuncOp) -> Operation | None:
    """A call of unknown code that is handed memory, or an object that may hold some."""
    calls = (op for op in function.walk() if isinstance(op, UNKNOWN_CALLS))
    return next((op for op in calls if any(map(has_memory, op.operands))), None)


def to_values(function: FuncOp) -> None:
    """Make every tensor of a function that writes nothing a value tensor."""
    for op in list(function.walk()):
        if isinstance(op, NonValueTensorLiteralOp):
            made = ValueTensorLiteralOp.create(
                result_types=[_value_type(op.results[0].type)], attributes=op.attributes, location=op.location
            )
            assert op.parent is not None
            op.parent.insert_op_before(made, op)
            made.results[0].name_hint = op.results[0].name_hint
            op.results[0].replace_all_uses_with(made.results[0])
            op.detach()
            op.erase()
            continue
        for value in (*op.results, *(a for r in op.regions for b in r.blocks for a in b.args)):
            value._type = _value_type(value.type)  # pyright: ignore
    function.update_function_type()


def _value_type(kind: Any) -> Any:
    if isinstance(kind, tt.TensorType):
        return tt.ValueTensorType(kind.data)
    if isinstance(kind, (tt.ListType, tt.OptionalType)):
        return type(kind)(_value_type(kind.data))
    if isinstance(kind, tt.TupleType):
        return tt.TupleType(tuple(_value_type(t) for t in kind.data))
    if isinstance(kind, tt.DictType):
        return tt.DictType((kind.key, _value_type(kind.value)))
    return kind


@dataclass(eq=False)
class _Tensor:
    """What is known of a tensor value: its memory (`base`), how it is a view of `parent`, and its current
    functional value.
    """

    base: _Memory
    value: SSAValue
    version: int
    parent: _Tensor | None = None
    view: Operation | None = None


@dataclass(eq=False)
class _Memory:
    """Memory that views share: every write gives it a new version."""

    version: int = 0
    is_writable: bool = True
    uncertain: str | None = None
    """Set when a write cannot be carried to the views made before it: reading one of those then is an error.
    """
    root: _Tensor | None = None


@dataclass(eq=False)
class _List:
    """A list: its elements now, and the operation that shows them."""

    elements: list[SSAValue]
    changed: bool = False
    kind: object = field(default=None)


class _Functionalizer:
    def __init__(self) -> None:
        self.tensors: dict[SSAValue, _Tensor] = {}
        self.lists: dict[SSAValue, _List] = {}
        self.depth = 0

    def tensor(self, value: SSAValue) -> _Tensor:
        """The record of a tensor value; memory from outside (arguments, control flow) is not writable."""
        found = self.tensors.get(value)
        if found is None:
            memory = _Memory(is_writable=isinstance(value.owner, AtenOp))
            found = _Tensor(memory, value, 0)
            memory.root = found
            self.tensors[value] = found
        return found

    def current(self, value: SSAValue, builder: TorchBuilder) -> SSAValue:
        """The functional value of a tensor as of now: views are taken again after writes."""
        if isinstance(value.type, tt.ListType) and value in self.lists:
            return self._current_list(value, builder)
        if not isinstance(value.type, tt.TensorType):
            return value
        return self._refresh(self.tensor(value), builder)

    def _refresh(self, tensor: _Tensor, builder: TorchBuilder) -> SSAValue:
        if tensor.version == tensor.base.version:
            return tensor.value
        if tensor.base.uncertain is not None or tensor.parent is None or tensor.view is None:
            raise CannotFunctionalizeError(tensor.base.uncertain or "memory written through another name")
        parent = self._refresh(tensor.parent, builder)
        again = tensor.view.clone()
        again.operands = [parent, *list(tensor.view.operands)[1:]]
        builder.insert(again)
        tensor.value, tensor.version = again.results[0], tensor.base.version
        return tensor.value

    def _current_list(self, value: SSAValue, builder: TorchBuilder) -> SSAValue:
        held = self.lists[value]
        elements = [self.current(e, builder) for e in held.elements]
        if not held.changed and all(a is b for a, b in zip(elements, held.elements, strict=True)):
            return value
        assert isinstance(value.type, tt.ListType)
        return builder.list(value.type.data, elements)

    def block(self, block: Block) -> None:
        """Rewrite the operations of a block in order."""
        for op in list(block.ops):
            builder = TorchBuilder(before=op)
            if op.regions:
                self._region(op, builder)
            elif isinstance(op, PrimListConstructOp):
                self.lists[op.results[0]] = _List(list(op.operands))
                if op.results[0].type.data is not None:  # pyright: ignore
                    op.operands = [self.current(o, builder) for o in op.operands]
            elif writes_anything(op):
                assert isinstance(op, AtenOp)
                self._write(op, builder)
            else:
                self._read(op, builder)

    def _region(self, op: Operation, builder: TorchBuilder) -> None:
        if any(writes_anything(inner) for r in op.regions for b in r.blocks for inner in b.walk()):
            raise CannotFunctionalizeError("a branch or loop writes to a tensor or a list")
        op.operands = [self.current(o, builder) for o in op.operands]
        saved = {k: (t.value, t.version) for k, t in self.tensors.items()}
        for region in op.regions:
            for inner in region.blocks:
                self.block(inner)
                for key, (value, version) in saved.items():
                    self.tensors[key].value, self.tensors[key].version = value, version

    def _read(self, op: Operation, builder: TorchBuilder) -> None:
        originals = list(op.operands)
        op.operands = [self.current(o, builder) for o in originals]
        if isinstance(op, AtenOp) and op.results and isinstance(op.results[0].type, tt.TensorType):
            if op.schema.aliases and not isinstance(op, ReturnOp):
                self._record_view(op, originals[0], certain=True)
            elif op.schema.name in MAYBE_ALIASING:
                self._record_view(op, originals[0], certain=False)
        elif (
            isinstance(op, AtenOp)
            and op.schema.aliases
            and op.results
            and isinstance(op.results[0].type, tt.ListType)
        ):
            for operand in originals:
                if isinstance(operand.type, tt.TensorType):
                    self.tensor(
                        operand
                    ).base.is_writable = False  # pieces of a split: their writes are not followed

    def _record_view(self, op: AtenOp, source: SSAValue, *, certain: bool) -> None:
        if not isinstance(source.type, tt.TensorType):
            return
        parent = self.tensor(source)
        made = _Tensor(parent.base, op.results[0], parent.base.version, parent, op if certain else None)
        self.tensors[op.results[0]] = made

    def _write(self, op: AtenOp, builder: TorchBuilder) -> None:
        target = op.operands[0]
        if isinstance(target.type, tt.ListType):
            self._write_list(op, builder)
            return
        written = [a for a in op.schema.arguments if a.is_written]
        name = functional_name(op.schema)
        if name is None or len(written) != 1 or not isinstance(target.type, tt.TensorType):
            raise CannotFunctionalizeError(
                f"{op.schema.full_name} writes in a way that has no functional form"
            )
        tensor = self.tensor(target)
        if not tensor.base.is_writable:
            raise CannotFunctionalizeError(
                "memory from outside the function, or of a piece of a split, is written"
            )
        operands = [self.current(o, builder) for o in op.operands]
        value = self._functional(name, operands, builder)
        self._store(tensor, value, builder)
        result = op.results[0] if op.results else None
        if result is not None:
            self.tensors[result] = tensor
            result.replace_all_uses_with(target)
            self.tensors[target] = tensor
        op.detach()
        op.erase()

    def _functional(self, name: str, operands: list[SSAValue], builder: TorchBuilder) -> SSAValue:
        schema = schemas.lookup(name)
        if schema is None or len(schema.arguments) != len(operands):
            raise CannotFunctionalizeError(f"{name} does not exist")
        made = builder.aten(name, operands)
        result = made.results[0]
        source = operands[0].type
        if isinstance(source, tt.TensorType):
            result._type = type(source)((source.sizes, None)) if name != "aten::copy" else source  # pyright: ignore
        return builder.aten("aten::type_as", [result, operands[0]], [source]).results[0]

    def _store(self, tensor: _Tensor, value: SSAValue, builder: TorchBuilder) -> None:
        """Make `value` the contents of `tensor`, and carry that to the memory it is a view of."""
        chain: list[_Tensor] = []
        at: _Tensor | None = tensor
        while at is not None:
            chain.append(at)
            at = at.parent
        before = [self._refresh(t, builder) for t in chain]
        base = tensor.base
        base.version += 1
        values = value
        for position, link in enumerate(chain):
            link.value, link.version = values, base.version
            if link.parent is None:
                return
            if link.view is None or torch_name(link.view) not in INVERSES:
                base.uncertain = "memory is read under another shape after it was written"
                return
            values = INVERSES[torch_name(link.view)](builder, link.view, before[position + 1], values)

    def _write_list(self, op: AtenOp, builder: TorchBuilder) -> None:
        target = op.operands[0]
        held = self.lists.get(target)
        if held is None or op.schema.full_name not in ("aten::append.t", "aten::extend.t", "aten::insert.t"):
            raise CannotFunctionalizeError(f"{op.schema.full_name} changes a list")
        if op.schema.full_name == "aten::append.t":
            held.elements.append(op.operands[1])
        elif op.schema.full_name == "aten::extend.t":
            other = self.lists.get(op.operands[1])
            if other is None:
                raise CannotFunctionalizeError("a list is extended by one of unknown length")
            held.elements += other.elements
        else:
            raise CannotFunctionalizeError("insertion into a list")
        held.changed = True
        for result in op.results:
            result.replace_all_uses_with(target)
        op.detach()
        op.erase()


Inverse = Callable[[TorchBuilder, Operation, SSAValue, SSAValue], SSAValue]


def _scatter(name: str) -> Inverse:
    def inverse(builder: TorchBuilder, view: Operation, parent: SSAValue, value: SSAValue) -> SSAValue:
        rest = list(view.operands)[1:]
        return builder.aten(name, [parent, value, *rest], [parent.type]).results[0]

    return inverse


def _again(builder: TorchBuilder, view: Operation, parent: SSAValue, value: SSAValue) -> SSAValue:
    """Views that are their own inverse: transposes."""
    copy = view.clone()
    copy.operands = [value, *list(view.operands)[1:]]
    copy.results[0]._type = parent.type  # pyright: ignore
    return builder.insert(copy).results[0]


def _reshape_back(builder: TorchBuilder, view: Operation, parent: SSAValue, value: SSAValue) -> SSAValue:
    return builder.aten("aten::view_as", [value, parent], [parent.type]).results[0]


def _same(builder: TorchBuilder, view: Operation, parent: SSAValue, value: SSAValue) -> SSAValue:
    return value


INVERSES: dict[str, Inverse] = {
    "torch.aten.select.int": _scatter("aten::select_scatter"),
    "torch.aten.slice.Tensor": _scatter("aten::slice_scatter"),
    "torch.aten.transpose.int": _again, "torch.aten.t": _again, "torch.aten.unsqueeze": _reshape_back,
    "torch.aten.squeeze": _reshape_back, "torch.aten.squeeze.dim": _reshape_back,
    "torch.aten.view": _reshape_back,
    "torch.aten.detach": _same, "torch.aten.alias": _same,
}  # fmt: skip
