"""Pass `functionalize`: a program that writes to tensors and lists becomes one over values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, ModuleOp, UnitAttr, i64
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.known_values import UNKNOWN_CALLS, constant_of, is_within, writes_anything
from tsc.analysis.memory_aliases import has_memory, shared_operands
from tsc.analysis.memory_shapes import Lying
from tsc.analysis.object_identity import asks_which
from tsc.analysis.operator_effects import asks_gradients, definition_of, not_repeatable, reads_layout
from tsc.analysis.result_layouts import is_row_major
from tsc.analysis.written_names import WRAPPERS, unfollowed_name
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import pool_of
from tsc.dialects.regions import rebuilt
from tsc.dialects.torch_ops import PrimListConstructOp, PrimLoopOp
from tsc.dialects.tsc import KEEPS_ORDER, UNRECORDED_WRITE, WRITTEN, ComputedOp, MemoryOp
from tsc.dialects.walking import values_below, walk
from tsc.ops.definition import ResultLayout
from tsc.ops.derivatives.recorded import CUTS
from tsc.passes.functional.arguments import name_arguments
from tsc.passes.functional.forms import CannotFunctionalizeError, functional_form, stored
from tsc.passes.functional.handed_on import copy_handed_on
from tsc.passes.functional.memory import LEAF, MemoryState, TensorRecord
from tsc.passes.functional.second_names import forget_second_names
from tsc.passes.functional.value_types import to_values
from tsc.passes.gradients.requiring import Requiring
from tsc.passes.refine_types import infer_types


@dataclass(frozen=True)
class Functionalize(ModulePass):
    """Replace writes by new values: of the tensor written, of the tensor it is a view of, and of the
    other views when next read.

    Requires: stage `frozen`.
    Leaves: a function it cannot prove the rewriting right for is left as it was, with its mutable
    tensors; in the others every tensor is a `!torch.vtensor`. What is in the arguments that such a function
    writes to is returned as well (`tsc.written`), and nothing is written when it raises; what of its result
    is an argument, or a view of one, is read from `tsc.memory`.

    ```mlir
    %1 = torch.aten.select.int %x, %int0, %int1 : !torch.tensor, ...
    %2 = torch.aten.relu_ %1
    return %x
    // %1 = select %x; %2 = relu %1; %3 = select_scatter %x, %2; return %3
    ```
    """

    name = "functionalize"
    in_regions: bool = False
    """Also what branches and loops write: they give it back. In Python that copies what is written each time.
    """

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Functionalize every function of the module that allows it."""
        for function in list(op.ops):
            if isinstance(function, FuncOp):
                functionalize(function, pool_of(ctx), in_regions=self.in_regions)


def functionalize(function: FuncOp, pool: ConstantPool, *, in_regions: bool = False) -> str | None:
    """Functionalize one function; None when that was possible, else the reason."""
    trial = function.clone()
    if in_regions:
        forget_second_names(trial)
        copy_handed_on(trial)
    try:
        if called := _call_that_may_write(trial):
            raise CannotFunctionalizeError(f"{called.name} may write to what it is given")
        if any(map(asks_which, walk(trial))):
            raise CannotFunctionalizeError("it asks whether two tensors are one")
        writes = any(writes_anything(op) for op in walk(trial))
        if writes and (name := unfollowed_name(trial)):
            raise CannotFunctionalizeError(f"memory that is written is also known through {name}")
        name_arguments(trial)
        if writes:
            _Functionalizer(trial, pool, in_regions).run()
    except CannotFunctionalizeError as reason:
        return str(reason)
    function.body.detach_block(function.body.block)
    block = trial.body.block
    trial.body.detach_block(block)
    function.body.add_block(block)
    function.attributes.update(trial.attributes)
    to_values(function)
    return None


def _keeps_gradient(op: AtenOp, tensor: TensorRecord) -> bool:
    """Whether what `op` writes to has a gradient that stays as it was: nothing is recorded, or it is written
    by way of `detach`.
    """
    views = [link.view.schema.full_name for link in tensor.up() if link.view is not None]
    if UNRECORDED_WRITE not in op.attributes and not any(name in CUTS for name in views):
        return False
    *_, root = tensor.up()
    is_inside = not isinstance(op.parent_op(), FuncOp)  # where what a loop carries is not known yet
    return is_inside or Requiring()(root.value)


def _writes_leaf(op: AtenOp, tensor: TensorRecord) -> bool:
    """Whether `op` writes to what the program itself lets require gradients, which PyTorch refuses where
    they are recorded.
    """
    views = [link.view for link in tensor.up() if link.view is not None]
    leaves = [view for view in views if view.schema.full_name == LEAF]
    is_recorded = UNRECORDED_WRITE not in op.attributes and not any(v.schema.full_name in CUTS for v in views)
    return is_recorded and any(constant_of(leaf.operands[1]) is not False for leaf in leaves)


def _lies_by_itself(op: Operation) -> bool:
    """Whether what `op` gives is new memory that is row-major, however its operands lie."""
    operator = definition_of(op)
    return (
        operator is not None
        and not operator.may_share
        and not operator.schema.mutates
        and operator.result_layout is ResultLayout.ROW_MAJOR
    )


def _call_that_may_write(function: FuncOp) -> Operation | None:
    """A call of unknown code that is handed memory, or an object that may hold some."""
    calls = (op for op in walk(function) if isinstance(op, UNKNOWN_CALLS))
    return next((op for op in calls if any(map(has_memory, op.operands))), None)


class _Functionalizer:
    def __init__(self, function: FuncOp, pool: ConstantPool, in_regions: bool) -> None:
        self.function = function
        self.in_regions = in_regions
        self.state = MemoryState(function.body.block)
        self.asks_gradients = asks_gradients(function)
        self.reads_layout = any(reads_layout(op) for op in walk(function))
        lying = Lying(
            pool, in_any_call=True
        )  # of the program as it is: while it is rewritten loops are not whole
        self.copies = {op for op in walk(function) if isinstance(op, AtenOp) and lying.certainly_copied(op)}
        values = values_below(function) if self.reads_layout else ()
        self.row_major = {value for value in values if lying.is_row_major(value)}
        writing = (op for op in walk(function) if isinstance(op, AtenOp) and op.schema.mutates)
        self.writes_in_order = {op for op in writing if is_row_major(op.operands[0], pool)}

    # --- operations, in order ---

    def run(self) -> None:
        """Rewrite the function; what is in the arguments that it writes to becomes further results."""
        block = self.function.body.block
        self.block(block)
        end = block.last_op
        assert end is not None
        records = [(i, self.state.tensors[a]) for i, a in enumerate(block.args) if a in self.state.tensors]
        written = [(i, record) for i, record in records if record.base.version]
        if written:
            if (op := not_repeatable(self.function)) is not None:
                raise CannotFunctionalizeError(f"an argument is written, and {op.name} must not be repeated")
            builder = TorchBuilder(before=end)
            end.operands = [*end.operands, *(self.state.refresh(record, builder) for _, record in written)]
            self.function.attributes[WRITTEN] = DenseArrayBase.from_list(i64, [i for i, _ in written])

    def block(self, block: Block) -> None:
        """Rewrite the operations of a block in order."""
        for op in list(block.ops):
            builder = TorchBuilder(before=op)
            if op.regions:
                self._region(op, builder)
            elif isinstance(op, MemoryOp):
                continue  # whatever is in it
            elif isinstance(op, WRAPPERS) and has_memory(op.results[0]):
                self._wrap(op, builder)
            elif writes_anything(op):
                assert isinstance(op, AtenOp)
                self._write(op, builder)
            else:
                self._read(op, builder)

    # --- branches and loops ---

    def _region(self, op: Operation, builder: TorchBuilder) -> None:
        roots = self._written_by(op)
        op.operands = [self.state.current(o, builder) for o in op.operands]
        if not roots:
            self._blocks(op, roots)
        elif isinstance(op, PrimLoopOp):
            self._loop(op, roots, builder)
        else:
            self._blocks(op, roots)
            self._rebuilt(op, op.operands, roots)

    def _written_by(self, op: Operation) -> list[TensorRecord]:
        """The tensors from outside `op` that it writes to, or to views of which it does."""
        inside = [inner for r in op.regions for b in r.blocks for inner in walk(b)]
        roots: list[TensorRecord] = []
        for inner in inside:
            if not writes_anything(inner):
                continue
            target = inner.operands[0]
            if not self.in_regions or not isinstance(target.type, tt.TensorType):
                raise CannotFunctionalizeError("a branch or loop writes to a tensor or a list")
            root = self._root(target, op)
            if root is not None and self.state.is_leaf(root):
                raise CannotFunctionalizeError("a branch or loop writes to what gradients are asked of")
            if root is not None and root not in roots:
                roots.append(root)
        return roots

    def _root(self, value: SSAValue, region: Operation) -> TensorRecord | None:
        """The tensor from outside `region` that `value` is, or is a view of; None for one made inside."""
        while is_within(value, region):
            op = value.owner
            if not isinstance(op, AtenOp):
                raise CannotFunctionalizeError("a branch or loop writes to what it carries")
            shared = shared_operands(op)
            if not shared:
                return None
            if shared != [op.operands[0]]:
                raise CannotFunctionalizeError(f"a branch or loop writes to what {op.name} gives")
            value = op.operands[0]
        record = self.state.record(value)
        while record.parent is not None:
            record = record.parent
        return record

    def _blocks(self, op: Operation, roots: Sequence[TensorRecord], first: Sequence[SSAValue] = ()) -> None:
        """Rewrite the regions of `op`; what is in the `roots` at the end of each becomes a further result.
        `first` is what is in them at the beginning, where that is something else than before.
        """
        tensors = {k: (t.value, t.version) for k, t in self.state.tensors.items()}
        bases = {t.base: t.base.version for t in self.state.tensors.values()}
        rebuilt, latest = dict(self.state.rebuilt), dict(bases)
        for region in op.regions:
            block = region.block
            for root, value in zip(roots, first, strict=False):
                root.base.version += 1
                root.value, root.version = value, root.base.version
            self.block(block)
            end = block.last_op
            assert end is not None
            builder = TorchBuilder(before=end)
            end.operands = [*end.operands, *(self.state.refresh(root, builder) for root in roots)]
            for base, version in bases.items():
                latest[base] = max(latest[base], base.version)
                base.version = version
            for key, (value, version) in tensors.items():
                self.state.tensors[key].value, self.state.tensors[key].version = value, version
            self.state.rebuilt = dict(rebuilt)
        for root in roots:
            root.base.version = latest[root.base]
            if root.base.is_uncertain:
                raise CannotFunctionalizeError("a branch or loop writes, perhaps, to what has other names")

    def _loop(self, op: PrimLoopOp, roots: Sequence[TensorRecord], builder: TorchBuilder) -> None:
        body = op.regions[0].block
        entering = [self.state.refresh(root, builder) for root in roots]
        carried = [body.insert_arg(value.type, len(body.args)) for value in entering]
        self._blocks(op, roots, carried)
        self._rebuilt(op, [*op.operands, *entering], roots)

    def _rebuilt(self, op: Operation, operands: Sequence[SSAValue], roots: Sequence[TensorRecord]) -> None:
        """`op` with a further result for each of the `roots`, which is what is in it from then on."""
        kinds = [*(r.type for r in op.results), *(root.value.type for root in roots)]
        made = rebuilt(op, operands, kinds)
        for root, value in zip(roots, made.results[len(kinds) - len(roots) :], strict=True):
            root.base.version += 1
            root.value, root.version = value, root.base.version

    # --- wrappers and reads ---

    def _wrap(self, op: Operation, builder: TorchBuilder) -> None:
        self.state.held[op.results[0]] = list(op.operands)
        op.operands = [self.state.current(o, builder) for o in op.operands]
        self.state.rebuilt[op.results[0]] = op.results[0], list(op.operands)

    def _read(self, op: Operation, builder: TorchBuilder) -> None:
        source = next(iter(op.operands), None)
        self.state.is_returning = isinstance(op, ReturnOp)
        op.operands = [self.state.current(o, builder) for o in op.operands]
        if isinstance(op, AtenOp):
            infer_types(op)  # what lists hold by now is known
        if not isinstance(op, AtenOp) or source is None or not isinstance(source.type, tt.TensorType):
            return
        if len(op.results) == 1 and isinstance(op.results[0].type, tt.TensorType) and shared_operands(op):
            if op in self.copies:
                return
            parent = self.state.record(source)
            result = op.results[0]
            self.state.tensors[result] = TensorRecord(parent.base, result, parent.base.version, parent, op)

    # --- writing ---

    def _write(self, op: AtenOp, builder: TorchBuilder) -> None:
        target = op.operands[0]
        if isinstance(target.type, tt.ListType):
            self._write_list(op)
        else:
            self._write_tensor(op, builder)
        for result in op.results:
            result.replace_all_uses_with(target)
        op.detach()
        op.erase()

    def _write_tensor(self, op: AtenOp, builder: TorchBuilder) -> None:
        target = op.operands[0]
        functional = functional_form(op)
        tensor = self.state.record(target)
        if not tensor.base.is_writable:
            raise CannotFunctionalizeError("memory from outside the function is written")
        if op.schema.full_name == "aten::copy_" and self.state.is_same_piece(op.operands[1], tensor):
            builder.create(ComputedOp, [self.state.current(target, builder)])  # there must be such a piece
            return  # ``x[0] += 1``, as it is traced
        if self.reads_layout and not self._is_row_major(tensor) and self._is_asked_for(tensor):
            raise CannotFunctionalizeError("it asks how memory that is written lies")
        for other in op.operands[1:]:
            if self.state.overlaps(other, tensor):
                raise CannotFunctionalizeError(f"{op.schema.full_name} reads memory that it writes")
        if self.asks_gradients and (_keeps_gradient(op, tensor) or _writes_leaf(op, tensor)):
            self.function.attributes[UNRECORDED_WRITE] = UnitAttr()
        if not functional.result_layout.follows_operands and op not in self.writes_in_order:
            self.function.attributes[KEEPS_ORDER] = UnitAttr()
        operands = [self.state.current(o, builder) for o in op.operands]
        self.state.store(tensor, stored(functional, operands, builder), builder)

    def _is_row_major(self, tensor: TensorRecord) -> bool:
        """Whether the memory of a tensor certainly is row-major: so is what is computed in its place."""
        *_, root = tensor.up()
        return root.first in self.row_major

    def _is_asked_for(self, tensor: TensorRecord) -> bool:
        """Whether something may ask how the memory of a tensor lies, or what is computed of it."""
        known = [*self.state.tensors.values(), tensor]
        pending, seen = [record.first for record in known if record.base is tensor.base], set[SSAValue]()
        while pending:
            value = pending.pop()
            for use in value.uses if value not in seen else ():
                if use.operation.regions or reads_layout(use.operation):
                    return True
                pending += () if _lies_by_itself(use.operation) else use.operation.results
            seen.add(value)
        return False

    def _write_list(self, op: AtenOp) -> None:
        held, name = self.state.held.get(op.operands[0]), op.schema.full_name
        if held is None or name not in ("aten::append.t", "aten::extend.t"):
            raise CannotFunctionalizeError(f"{name} changes a list")
        if name == "aten::append.t":
            held.append(op.operands[1])
            return
        other = op.operands[1]
        if other not in self.state.held or not isinstance(other.owner, PrimListConstructOp):
            raise CannotFunctionalizeError("a list is extended by one of unknown length")
        held += self.state.held[other]
