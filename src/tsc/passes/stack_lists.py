"""Pass `stack-lists`: a list that each round of a loop appends a tensor to becomes one tensor."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, Operation, SSAValue, Use

from tsc.analysis.known_values import (
    UNKNOWN,
    argument_of,
    constant_of,
    has_all_rounds,
    spec_of_type,
    writes_anything,
)
from tsc.analysis.module_functions import functions
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.regions import rebuilt
from tsc.dialects.torch_ops import PrimListConstructOp, PrimLoopOp
from tsc.dialects.tsc import PrefixOp, RequireOp
from tsc.dialects.walking import walk
from tsc.dims import alike
from tsc.ops.composite import Aten
from tsc.ops.definition import TensorSpec
from tsc.ops.shapes import wrap_dim
from tsc.passes import Rewriting
from tsc.passes.decompose import building_aten

JOINING = ("aten::stack", "aten::cat")
"""Operators that read such a list as one tensor."""
FILLING = ("aten::append.t", "aten::insert.t")
"""Operators that put an element into a list: at its end, or at its beginning."""
MOST_ELEMENTS = 64
"""Elements of a list that something else reads: each is taken out of the tensor."""
MOST_RESERVED = 1 << 22
"""Elements of a tensor that is made for as many rounds as there may be."""


@dataclass(frozen=True)
class StackLists(Rewriting):
    """Let a loop carry one tensor with a slice for each round, in place of a list to which every round
    appends, or in front of which it puts, a tensor of one shape. What is in the list before the loop has that
    shape too.

    Requires: types refined, so that the number of rounds and the shapes are known.
    A loop that may end before fills a part of the tensor, which `tsc.prefix` takes.

    Leaves: lists that are read in the loop or change elsewhere (but for being reversed as a whole), and
    functions that write to tensors in such a loop, or after it (the list holds the tensors themselves).

    ```mlir
    torch.prim.Loop %int9, %true, init() { ... torch.aten.append.t %list, %h ... }
    %r = torch.aten.stack %list, %int0
    // %s = torch.prim.Loop %int9, %true, init(%zeros) { ... %t = select_scatter %s, %h, 0, %i ... }; %r = %s
    ```
    """

    name = "stack-lists"
    only_certain: bool = False
    """Whether loops that may end before are left to `grow-lists`."""

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Rewrite every loop of every function."""
        changed = False
        for function in functions(module):
            for loop in [o for o in walk(function) if isinstance(o, PrimLoopOp)]:
                changed |= _loop(loop, self.only_certain)
            function.update_function_type()
        return changed


def _loop(loop: PrimLoopOp, only_certain: bool) -> bool:
    """Rewrite the lists that `loop` appends to; whether there were any."""
    if only_certain and not has_all_rounds(loop):
        return False
    changed = False
    appends = (o for o in loop.regions[0].block.ops if isinstance(o, AtenOp))
    while (append := next((o for o in appends if _can_stack(o, loop)), None)) is not None:
        loop, changed = _stacked(append, loop), True
        appends = (o for o in loop.regions[0].block.ops if isinstance(o, AtenOp))
    return changed


def _can_stack(op: AtenOp, loop: PrimLoopOp) -> bool:
    """Whether `op` puts tensors into a list that can be a tensor."""
    if op.schema.full_name not in FILLING or not _is_at_end(op):
        return False
    held, made = op.operands[0], op.operands[0].owner
    rounds = _most_rounds(loop)
    value = argument_of(op.operands[-1])
    if not isinstance(made, PrimListConstructOp) or rounds < 1 or any(r.first_use for r in op.results):
        return False
    if not isinstance(value, TensorSpec) or made.parent is not loop.parent:
        return False
    if not all(_is_like(argument_of(o), value) for o in made.operands):
        return False
    readers = [use.operation for use in held.uses if use.operation is not op]
    if not all(_comes_after(reader, loop) for reader in readers):
        return False
    if has_all_rounds(loop):
        return _is_read_as_tensor(held, op, rounds) and not _writes_from(loop, op)
    is_plain = op.schema.full_name == "aten::append.t" and not made.operands
    are_joining = all(_joins(reader, held) and reader.parent is loop.parent for reader in readers)
    return is_plain and are_joining and rounds * value.size <= MOST_RESERVED and not _writes_from(loop, op)


def _is_at_end(op: AtenOp) -> bool:
    """Whether an element is put at the end, or at the beginning, of the list."""
    return op.schema.full_name == "aten::append.t" or constant_of(op.operands[1]) == 0


def _is_like(spec: object, other: TensorSpec) -> bool:
    is_tensor = isinstance(spec, TensorSpec)
    return is_tensor and spec.dtype is other.dtype and alike(spec.shape, other.shape)


def _is_read_as_tensor(held: SSAValue, filling: Operation | None, rounds: int) -> bool:
    """Whether what reads a list may read a tensor with its elements; or, if it has few and is never reversed,
    a list of slices.
    """
    uses = [use for use in held.uses if use.operation is not filling]
    if all(_reads_as_tensor(use) for use in uses):
        return True
    is_plain = all(use.operation.parent is _block_of(held) and not _reverses(use.operation) for use in uses)
    return filling is not None and is_plain and rounds <= MOST_ELEMENTS


def _reads_as_tensor(use: Use) -> bool:
    op = use.operation
    if not isinstance(op, AtenOp) or use.index:
        return False
    if _is_reversed(op):
        return _is_read_as_tensor(op.results[0], None, 0)
    if _reverses(op):
        return op.parent is _block_of(op.operands[0])
    return op.schema.full_name in (*JOINING, "aten::__getitem__.t", "aten::len.t")


def _block_of(value: SSAValue) -> Block | None:
    return value.owner if isinstance(value.owner, Block) else value.owner.parent


def _is_reversed(op: AtenOp) -> bool:
    """Whether `op` is ``list[::-1]``."""
    if op.schema.full_name != "aten::slice.t":
        return False
    start, end, step = map(constant_of, op.operands[1:])
    return start is None and end is None and step == -1


def _reverses(op: Operation) -> bool:
    return isinstance(op, AtenOp) and op.schema.full_name == "aten::reverse.t"


def _most_rounds(loop: PrimLoopOp) -> int:
    """How many rounds a loop has if nothing ends it before; 0 where that is not known."""
    trips = constant_of(loop.operands[0])
    return 0 if trips is UNKNOWN else trips


def _comes_after(op: Operation | None, other: Operation) -> bool:
    """Whether `op`, or what it is in, follows `other` in its block."""
    while op is not None and op.parent is not other.parent:
        op = op.parent_op()
    following = other.next_op
    while following is not None:
        if following is op:
            return True
        following = following.next_op
    return False


def _joins(op: Operation, held: SSAValue) -> bool:
    return isinstance(op, AtenOp) and op.schema.full_name in JOINING and op.operands[0] is held


def _writes_from(loop: PrimLoopOp, append: Operation) -> bool:
    """Whether a tensor is written in a loop, or later in its block: perhaps one that the list holds."""
    later: list[Operation] = list(walk(loop))
    following = loop.next_op
    while following is not None:
        later += list(walk(following))
        following = following.next_op
    return any(
        writes_anything(op) and op is not append and isinstance(op.operands[0].type, tt.TensorType)
        for op in later
    )


def _stacked(append: AtenOp, loop: PrimLoopOp) -> PrimLoopOp:
    """The loop with a tensor for the list of `append`, and the number of rounds it had where that may be less
    than there are at most.
    """
    held, value = append.operands[0], append.operands[-1]
    spec, made = argument_of(value), held.owner
    assert isinstance(spec, TensorSpec)
    assert isinstance(made, PrimListConstructOp)
    is_certain, rounds, body = has_all_rounds(loop), _most_rounds(loop), loop.regions[0].block
    outside = TorchBuilder(before=loop)
    first, begun = list(made.operands), len(made.operands)
    is_in_front = append.schema.full_name == "aten::insert.t"
    shape = [rounds + begun, *spec.shape]
    aten = building_aten(outside, [])
    empty = aten("zeros", shape, spec.dtype.code, None, None, None)
    for number, element in enumerate(first, rounds if is_in_front else 0):
        empty = aten("select_scatter", empty, element, 0, number)
    entering = [empty] if is_certain else [empty, outside.constant(0)]
    carried = [body.insert_arg(v.type, len(body.args)) for v in entering]
    builder = TorchBuilder(before=append)
    place: SSAValue = body.args[0]
    if is_in_front:
        place = builder.aten("aten::sub.int", [builder.constant(rounds - 1), place], [tt.INT]).results[0]
    elif begun:
        place = builder.aten("aten::add.int", [place, builder.constant(begun)], [tt.INT]).results[0]
    operands = [carried[0], value, builder.constant(0), place]
    following = [builder.aten("aten::select_scatter", operands, [empty.type]).results[0]]
    if not is_certain:
        number = builder.aten("aten::add.int", [carried[1], builder.constant(1)], [tt.INT]).results[0]
        following.append(number)
    end = body.last_op
    assert end is not None
    end.operands = [*end.operands, *following]
    append.detach()
    append.erase()
    kinds = [*(r.type for r in loop.results), *(v.type for v in entering)]
    new = rebuilt(loop, [*loop.operands, *entering], kinds)
    assert isinstance(new, PrimLoopOp)
    if is_certain:
        _read(held, new.results[-1], new)
    else:
        _read_prefix(held, new.results[-2], new.results[-1])
    return new


def _read_prefix(held: SSAValue, stacked: SSAValue, count: SSAValue) -> None:
    """Let what joins a list join those slices of its tensor that were filled: there must be some."""
    for reader in [use.operation for use in held.uses]:
        assert isinstance(reader, AtenOp)
        builder = TorchBuilder(before=reader)
        some = builder.aten("aten::gt.int", [count, builder.constant(0)], [tt.BOOL]).results[0]
        builder.insert(RequireOp.create(operands=[some]))
        whole = _joined(reader, stacked, building_aten(builder, []))
        filled, dim = count, _dim(reader, stacked)
        if reader.schema.full_name == "aten::cat":
            size = builder.constant(_shape(stacked)[1:][dim])
            filled = builder.aten("aten::mul.int", [count, size], [tt.INT]).results[0]
        prefix = builder.insert(PrefixOp.of(whole, filled, dim, reader.results[0].type))
        reader.results[0].replace_all_uses_with(prefix.results[0])
        reader.detach()
        reader.erase()


def _read(held: SSAValue, stacked: SSAValue, loop: PrimLoopOp) -> None:
    """Let what reads a list read its tensor."""
    if not _is_read_as_tensor(held, None, 0):
        following = loop.next_op
        assert following is not None
        builder = TorchBuilder(before=following)
        aten = building_aten(builder, [])
        count = _shape(stacked)[0]
        elements = [aten("clone", aten("select.int", stacked, 0, i), None) for i in range(count)]
        kind = held.type
        assert isinstance(kind, tt.ListType)
        held.replace_all_uses_with(builder.list(kind.data, elements))
        return
    for reader in _in_order(held):
        builder = TorchBuilder(before=reader)
        if _reverses(reader):
            stacked = building_aten(builder, [])("flip", stacked, [0])
        elif _is_reversed(reader):
            turned = building_aten(builder, [])("flip", stacked, [0])
            _read(reader.results[0], turned, loop)
        else:
            reader.results[0].replace_all_uses_with(_read_of(reader, stacked, builder))
        reader.detach()
        reader.erase()


def _in_order(held: SSAValue) -> list[AtenOp]:
    """What reads a list, in the order of the program."""
    readers = {use.operation for use in held.uses}
    block = _block_of(held)
    assert block is not None
    return [op for top in block.ops for op in walk(top) if op in readers and isinstance(op, AtenOp)]


def _read_of(reader: AtenOp, stacked: SSAValue, builder: TorchBuilder) -> SSAValue:
    """What `reader` gives, of a tensor with the elements of its list."""
    name, shape = reader.schema.full_name, _shape(stacked)
    if name in JOINING:
        return _joined(reader, stacked, building_aten(builder, []))
    if name == "aten::len.t":
        return builder.constant(shape[0])
    assert isinstance(stacked.type, tt.TensorType)
    kind = tt.TensorType.of(shape[1:], stacked.type.dtype)
    operands = [stacked, builder.constant(0), reader.operands[1]]
    taken = builder.aten("aten::select.int", operands, [kind]).results[0]
    return building_aten(builder, [])("clone", taken, None)


def _joined(op: AtenOp, stacked: SSAValue, aten: Aten) -> SSAValue:
    """What ``stack`` or ``cat`` makes of a list whose tensors are the slices of one."""
    dim, shape = _dim(op, stacked), _shape(stacked)
    moved = aten("clone", aten("movedim.int", stacked, 0, dim), 0)
    if op.schema.full_name == "aten::stack":
        return moved
    joined = shape[1:]
    joined[dim] *= shape[0]
    return aten("reshape", moved, joined)


def _shape(stacked: SSAValue) -> list[int]:
    spec = spec_of_type(stacked.type) if isinstance(stacked.type, tt.TensorType) else None
    assert spec is not None
    return list(spec.shape)


def _dim(op: AtenOp, stacked: SSAValue) -> int:
    """The dim of the result along which ``stack`` or ``cat`` joins."""
    ndim = len(_shape(stacked)) - (op.schema.full_name == "aten::cat")
    return wrap_dim(constant_of(op.operands[1]), ndim)
