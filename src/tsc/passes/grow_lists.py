"""Pass `grow-lists`: a list that branches and loops append to becomes a tensor with room, and a count."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.passes import ModulePass

from tsc import dtypes
from tsc.analysis.known_values import UNKNOWN, constant_of, spec_of_value
from tsc.analysis.memory_aliases import written_values
from tsc.analysis.module_functions import functions
from tsc.analysis.number_reads import NUMBERS
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.regions import rebuilt
from tsc.dialects.torch_ops import PrimIfOp, PrimListConstructOp, PrimLoopOp
from tsc.dialects.tsc import FindSizeOp, RequireOp
from tsc.dialects.walking import walk
from tsc.dims import hint_of, maximum, most_of
from tsc.ops.definition import TensorSpec
from tsc.ops.shapes import wrap_dim
from tsc.passes.decompose import building_aten
from tsc.passes.stack_lists import JOINING, MOST_RESERVED

State = tuple[SSAValue, SSAValue]
"""The tensor that holds the elements, and how many there are."""
APPEND, LENGTH = "aten::append.t", "aten::len.t"
TENSORS = ("aten::tensor", "aten::as_tensor.list")


@dataclass(frozen=True)
class GrowLists(ModulePass):
    """Let branches give back, and loops carry, one tensor with room for all that may be appended to a list,
    and how many were, in place of a list that is empty at first.

    Requires: types refined, so that the shapes of the elements are known, which are one. A loop whose rounds
    nobody counts but which carries sizes that are found is taken to have no more rounds than the largest of
    them may be: an element that has no room is out of bounds, and the generic tier does the call.
    Leaves: lists that are read, or known, in other ways than by joining their elements and by their length.

    ```mlir
    torch.prim.Loop %many, %c, init(%x) { ... torch.aten.append.t %list, %i ... }
    %r = torch.aten.stack %list, %int0
    // %s, %n = torch.prim.Loop %many, %c, init(%x, %zeros, %int0) { ... select_scatter %s, %i, 0, %n ... }
    // %r = slice %s, 0, 0, %n
    ```
    """

    name = "grow-lists"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite the lists of every function."""
        for function in functions(op):
            empty = [o for o in walk(function) if isinstance(o, PrimListConstructOp) and not o.operands]
            for made in empty:
                grown = _grown(made, function)
                if grown is not None:
                    grown.rewrite()
            function.update_function_type()


def _grown(made: PrimListConstructOp, function: FuncOp) -> _Grown | None:
    """A list that can be a tensor."""
    held = made.results[0]
    appends = [use.operation for use in held.uses if _is_call(use.operation, APPEND)]
    readers = [use.operation for use in held.uses if use.operation not in appends]
    if not appends or not all(_can_read(op, held) for op in readers):
        return None
    if any(op.results[0].first_use or op.operands[0] is not held for op in appends):
        return None
    elements = [_element(op.operands[1]) for op in appends]
    first = elements[0]
    if first is None or any(e is None or (e.shape, e.dtype) != (first.shape, first.dtype) for e in elements):
        return None
    rooms = [_times(op, made) for op in appends]
    room = 0
    for times in rooms:
        if times is None:
            return None
        room += times
    if hint_of(room) * hint_of(first.size) > MOST_RESERVED:
        return None
    tensors = [op.operands[1] for op in appends if isinstance(op.operands[1].type, tt.TensorType)]
    if tensors and not written_values(function).isdisjoint(tensors):
        return None  # the list holds the tensors themselves
    return _Grown(made, first, room)


def _is_call(op: Operation, *names: str) -> bool:
    return isinstance(op, AtenOp) and op.schema.full_name in names


def _can_read(op: Operation, held: SSAValue) -> bool:
    if _is_call(op, LENGTH):
        return True
    kind = held.type
    is_of_numbers = isinstance(kind, tt.ListType) and kind.data in NUMBERS
    if not _is_call(op, *(TENSORS if is_of_numbers else JOINING)) or op.operands[0] is not held:
        return False
    return constant_of(op.operands[1]) is not UNKNOWN


def _element(value: SSAValue) -> TensorSpec | None:
    """An element as a tensor."""
    if value.type in NUMBERS:
        return TensorSpec((), NUMBERS[value.type])
    return spec_of_value(value)


def _times(op: Operation, made: Operation) -> int | None:
    """How often `op` is done at most; None where that is not known, or something else than branches and loops
    stands around it.
    """
    rounds: list[int] = []
    at = op
    while at.parent is not made.parent:
        outer = at.parent_op()
        if isinstance(outer, PrimLoopOp):
            most = _most_rounds(outer)
            if most is None:
                return None
            rounds.append(most)
        elif not isinstance(outer, PrimIfOp):
            return None
        at = outer
    return prod(rounds)


def _most_rounds(loop: PrimLoopOp) -> int | None:
    """How many rounds a loop has, or may be taken to have."""
    trips = constant_of(loop.operands[0])
    if trips is not UNKNOWN and hint_of(trips) <= MOST_RESERVED:
        return maximum(most_of(trips), 0)
    body = loop.regions[0].block
    carried = [op for op in body.ops if isinstance(op, FindSizeOp) and op.operands[0].owner is body]
    return maximum(*(most_of(op.size) for op in carried), 1) if carried else None


@dataclass(frozen=True)
class _Grown:
    """A list, what its elements are, and room for how many."""

    made: PrimListConstructOp
    element: TensorSpec
    room: int

    @property
    def held(self) -> SSAValue:
        """The list."""
        return self.made.results[0]

    def rewrite(self) -> None:
        """Put the tensor and the count in place of the list."""
        block = self.made.parent
        assert block is not None
        builder = TorchBuilder(before=self.made)
        shape = [self.room, *self.element.shape]
        empty = building_aten(builder, [])("zeros", shape, self.element.dtype.code)
        self._block(block, (empty, builder.constant(0)))
        self.made.detach()
        self.made.erase()

    def _block(self, block: Block, state: State) -> State:
        """Rewrite a block that begins with a state; the one at its end."""
        for op in list(block.ops):
            if op.regions and any(self.held in inner.operands for inner in walk(op)):
                state = self._regions(op, state)
            elif self.held not in op.operands:
                continue
            elif _is_call(op, APPEND):
                state = self._append(op, state)
            else:
                self._read(op, state)
        return state

    def _regions(self, op: Operation, state: State) -> State:
        operands = list(op.operands)
        if isinstance(op, PrimLoopOp):
            operands += state
        for region in op.regions:
            block, begin = region.block, state
            if isinstance(op, PrimLoopOp):
                filled, count = (block.insert_arg(v.type, len(block.args)) for v in state)
                begin = (filled, count)
            following = self._block(block, begin)
            end = block.last_op
            assert end is not None
            end.operands = [*end.operands, *following]
        made = rebuilt(op, operands, [*(r.type for r in op.results), *(v.type for v in state)])
        return made.results[-2], made.results[-1]

    def _append(self, op: Operation, state: State) -> State:
        filled, count = state
        builder = TorchBuilder(before=op)
        value = self._tensor(op.operands[1], builder)
        operands = [filled, value, builder.constant(0), count]
        stored = builder.aten("aten::select_scatter", operands, [filled.type]).results[0]
        more = builder.aten("aten::add.int", [count, builder.constant(1)], [tt.INT]).results[0]
        op.detach()
        op.erase()
        return stored, more

    def _tensor(self, value: SSAValue, builder: TorchBuilder) -> SSAValue:
        if isinstance(value.type, tt.TensorType):
            return value
        kind = tt.ValueTensorType.of((), self.element.dtype)
        name = "prim::NumToTensor.bool" if value.type is tt.BOOL else "prim::NumToTensor.Scalar"
        return builder.aten(name, [value], [kind]).results[0]

    def _read(self, op: Operation, state: State) -> None:
        """Let what reads the list read the tensor."""
        builder, (filled, count) = TorchBuilder(before=op), state
        if _is_call(op, LENGTH):
            made = count
        elif _is_call(op, *TENSORS):
            made = self._numbers(op, filled, count, builder)
        else:
            made = self._joined(op, filled, count, builder)
        op.results[0].replace_all_uses_with(made)
        op.detach()
        op.erase()

    def _numbers(self, op: Operation, filled: SSAValue, count: SSAValue, builder: TorchBuilder) -> SSAValue:
        code = constant_of(op.operands[1])
        default = dtypes.F32 if self.element.dtype is dtypes.F64 else self.element.dtype
        dtype = default.code if code is None else code
        converted = building_aten(builder, [])("to.dtype", filled, dtype)
        return self._first(converted, 0, count, op, builder)

    def _joined(self, op: Operation, filled: SSAValue, count: SSAValue, builder: TorchBuilder) -> SSAValue:
        some = builder.aten("aten::gt.int", [count, builder.constant(0)], [tt.BOOL]).results[0]
        builder.insert(RequireOp.create(operands=[some]))
        aten, is_cat = building_aten(builder, []), _is_call(op, "aten::cat")
        ndim = len(self.element.shape) + (not is_cat)
        dim = wrap_dim(constant_of(op.operands[1]), ndim)
        whole = aten("movedim.int", filled, 0, dim) if dim else filled
        if is_cat:
            joined = list(self.element.shape)
            size = joined[dim]
            joined[dim] = size * self.room
            whole = aten("reshape", whole, joined)
            count = builder.aten("aten::mul.int", [count, builder.constant(size)], [tt.INT]).results[0]
        return self._first(whole, dim, count, op, builder)

    def _first(
        self, whole: SSAValue, dim: int, count: SSAValue, op: Operation, builder: TorchBuilder
    ) -> SSAValue:
        """The first places of a dim, in memory of their own."""
        kind: Attribute = type(op.results[0].type)()
        numbers = [builder.constant(n) for n in (dim, 0, 1)]
        operands = [whole, numbers[0], numbers[1], count, numbers[2]]
        part = builder.aten("aten::slice.Tensor", operands, [kind]).results[0]
        return builder.aten("aten::clone", [part, builder.constant(0)], [kind]).results[0]
