"""Pass `stack-lists`: a list that each round of a loop appends a tensor to becomes one tensor."""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.known_values import UNKNOWN, argument_of, constant_of, spec_of_type, writes_anything
from tsc.analysis.module_functions import functions
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.regions import rebuilt
from tsc.dialects.torch_ops import PrimListConstructOp, PrimLoopOp
from tsc.dialects.tsc import PrefixOp, RequireOp
from tsc.dialects.walking import walk
from tsc.ops.composite import Aten
from tsc.ops.definition import TensorSpec
from tsc.ops.shapes import wrap_dim
from tsc.passes.decompose import building_aten

JOINING = ("aten::stack", "aten::cat")
"""Operators that read such a list as one tensor."""
MOST_ELEMENTS = 64
"""Elements of a list that something else reads: each is taken out of the tensor."""
MOST_RESERVED = 1 << 22
"""Elements of a tensor that is made for as many rounds as there may be."""


@dataclass(frozen=True)
class StackLists(ModulePass):
    """Let a loop carry one tensor with a slice for each round, in place of a list that is empty before it and
    to which every round appends a tensor of one shape.

    Requires: types refined, so that the number of rounds and the shapes are known.
    A loop that may end before fills a part of the tensor, which `tsc.prefix` takes.

    Leaves: lists that are read in the loop or change elsewhere, and functions that write to tensors in such a
    loop, or after it (the list holds the tensors themselves).

    ```mlir
    torch.prim.Loop %int9, %true, init() { ... torch.aten.append.t %list, %h ... }
    %r = torch.aten.stack %list, %int0
    // %s = torch.prim.Loop %int9, %true, init(%zeros) { ... %t = select_scatter %s, %h, 0, %i ... }; %r = %s
    ```
    """

    name = "stack-lists"
    only_certain: bool = False
    """Whether loops that may end before are left to `grow-lists`."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rewrite every loop of every function."""
        for function in functions(op):
            for loop in [o for o in walk(function) if isinstance(o, PrimLoopOp)]:
                _loop(loop, self.only_certain)
            function.update_function_type()


def _loop(loop: PrimLoopOp, only_certain: bool) -> None:
    """Rewrite the lists that `loop` appends to."""
    if only_certain and not _is_certain(loop):
        return
    appends = (o for o in loop.regions[0].block.ops if isinstance(o, AtenOp))
    while (append := next((o for o in appends if _can_stack(o, loop)), None)) is not None:
        loop = _stacked(append, loop)
        appends = (o for o in loop.regions[0].block.ops if isinstance(o, AtenOp))


def _can_stack(op: AtenOp, loop: PrimLoopOp) -> bool:
    """Whether `op` appends to a list that can be a tensor."""
    if op.schema.full_name != "aten::append.t":
        return False
    held, made = op.operands[0], op.operands[0].owner
    rounds = _most_rounds(loop)
    value = argument_of(op.operands[1])
    if not isinstance(made, PrimListConstructOp) or made.operands or rounds < 1 or op.results[0].first_use:
        return False
    if not isinstance(value, TensorSpec) or made.parent is not loop.parent:
        return False
    readers = [use.operation for use in held.uses if use.operation is not op]
    if any(reader.parent is not loop.parent or not _comes_after(reader, loop) for reader in readers):
        return False
    if not all(_joins(reader, held) for reader in readers) and not (
        _is_certain(loop) and rounds <= MOST_ELEMENTS
    ):
        return False
    if not _is_certain(loop) and rounds * value.size > MOST_RESERVED:
        return False
    return not _writes_from(loop, op)


def _most_rounds(loop: PrimLoopOp) -> int:
    """How many rounds a loop has if nothing ends it before; 0 where that is not known."""
    trips = constant_of(loop.operands[0])
    return 0 if trips is UNKNOWN else trips


def _is_certain(loop: PrimLoopOp) -> bool:
    """Whether a loop surely has all its rounds."""
    end = loop.regions[0].block.last_op
    assert end is not None
    return constant_of(loop.operands[1]) is True and constant_of(end.operands[0]) is True


def _comes_after(op: Operation, other: Operation) -> bool:
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
    held, value = append.operands
    spec = argument_of(value)
    assert isinstance(spec, TensorSpec)
    is_certain, rounds, body = _is_certain(loop), _most_rounds(loop), loop.regions[0].block
    outside = TorchBuilder(before=loop)
    shape = [rounds, *spec.shape]
    empty = building_aten(outside, [])("zeros", shape, spec.dtype.code, None, None, None)
    entering = [empty] if is_certain else [empty, outside.constant(0)]
    carried = [body.insert_arg(v.type, len(body.args)) for v in entering]
    builder = TorchBuilder(before=append)
    operands = [carried[0], value, builder.constant(0), body.args[0]]
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
    made = rebuilt(loop, [*loop.operands, *entering], kinds)
    assert isinstance(made, PrimLoopOp)
    if is_certain:
        _read(held, made.results[-1], made)
    else:
        _read_prefix(held, made.results[-2], made.results[-1])
    return made


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
    for reader in [use.operation for use in held.uses]:
        if _joins(reader, held):
            assert isinstance(reader, AtenOp)
            value = _joined(reader, stacked, building_aten(TorchBuilder(before=reader), []))
            reader.results[0].replace_all_uses_with(value)
            reader.detach()
            reader.erase()
    if held.first_use is None:
        return
    following = loop.next_op
    assert following is not None
    builder = TorchBuilder(before=following)
    aten = building_aten(builder, [])
    elements = [aten("clone", aten("select.int", stacked, 0, i), None) for i in range(_most_rounds(loop))]
    kind = held.type
    assert isinstance(kind, tt.ListType)
    held.replace_all_uses_with(builder.list(kind.data, elements))


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
