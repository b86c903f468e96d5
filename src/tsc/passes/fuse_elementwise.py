"""Pass `fuse-elementwise`: intermediate tensors inside kernels disappear."""

from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects import arith, func, tensor
from xdsl.dialects.builtin import ArrayAttr, DenseArrayBase, ModuleOp, i32
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.passes import ModulePass

from tsc.analysis.kernel_model import body_cost, dims_of, multiplied, read_stage, reshape_map
from tsc.analysis.module_functions import functions, is_kernel
from tsc.dialects.loop_extents import loop_extents, tell_extents
from tsc.passes.kernels.alignment import reduced_loops
from tsc.passes.kernels.compose import (
    compose,
    input_pairs,
    is_cast,
    is_copy,
    is_invertible,
    output_pairs,
    replace_input,
)
from tsc.passes.kernels.isolate import isolate_weights
from tsc.passes.kernels.outline import RESHAPES

CHEAP = 2
"""Operations up to which a producer with several consumers is computed again in each of them."""


@dataclass(frozen=True)
class FuseElementwise(ModulePass):
    """Compose producers into consumers inside each kernel, to a fixed point.

    Requires: stage `linalg`, any generics in kernels.
    Leaves: values with several readers that are too expensive to be computed in each of them; what reductions
    read other than copies and casts; a copy of the weights of a product that are a part of another tensor.

    ```mlir
    %0 = linalg.generic {maps = [(i, j) -> (j), (i, j) -> (i, j)]} ins(%b) { yield %in }     // broadcast
    %1 = linalg.generic {maps = [(i, j) -> (i, j) x 3]} ins(%x, %0) { yield addf %x, %b }
    // becomes
    %1 = linalg.generic {maps = [(i, j) -> (i, j), (i, j) -> (j), (i, j) -> (i, j)]} ins(%x, %b) { yield addf
    %x, %b }
    ```
    """

    name = "fuse-elementwise"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Rework each kernel."""
        for function in functions(op):
            if is_kernel(function):
                fuse_kernel(function)


def fuse_kernel(function: func.FuncOp) -> None:
    """Compose all that can be composed in one kernel, to a fixed point."""
    block = function.body.block
    for op in list(block.ops):
        if isinstance(op, linalg.GenericOp):
            _own_constants(op)
            _merge_equal_inputs(op)
    _remove_dead(block)
    while any(_step(op) for op in block.ops):
        pass
    for op in list(block.ops):
        if isinstance(op, linalg.GenericOp):
            isolate_weights(op)


def _own_constants(op: linalg.GenericOp) -> None:
    """Constants that the body takes from outside are repeated in it; unused output tensors are forgotten."""
    body = op.body.block
    for inner in list(body.ops):
        for number, value in enumerate(inner.operands):
            owner = value.owner
            if isinstance(owner, arith.ConstantOp) and owner.parent is not body:
                copy = owner.clone()
                body.insert_op_before(copy, inner)
                inner.operands[number] = copy.result
    block = op.parent
    assert block is not None
    first = len(op.inputs)
    for number, output in enumerate(op.outputs):
        used = any(True for _ in body.args[first + number].uses)
        if not used and not isinstance(output.owner, tensor.EmptyOp):
            empty = tensor.EmptyOp([], output.type)
            block.insert_op_before(empty, op)
            op.operands[first + number] = empty.results[0]


def _merge_equal_inputs(op: linalg.GenericOp) -> None:
    """An input that is read twice in the same way is read once, so that what computes it is composed once. Of
    reductions all inputs stay, since their form tells what they are.
    """
    if any(i.data is not IteratorType.PARALLEL for i in op.iterator_types.data):
        return
    body, maps, seen = op.body.block, list(op.indexing_maps.data), dict[tuple[SSAValue, AffineMap], int]()
    keep: list[int] = []
    for number, pair in enumerate(input_pairs(op)):
        first = seen.setdefault(pair, number)
        if first == number:
            keep.append(number)
        else:
            body.args[number].replace_all_uses_with(body.args[first])
    count = len(op.inputs)
    if len(keep) == count:
        return
    for number in reversed(range(count)):
        if number not in keep:
            body.erase_arg(body.args[number])
    op.operands = [*(op.inputs[n] for n in keep), *op.outputs]
    op.properties["operandSegmentSizes"] = DenseArrayBase.from_list(i32, [len(keep), len(op.results)])
    op.properties["indexing_maps"] = ArrayAttr([*(maps[n] for n in keep), *maps[count:]])


def _remove_dead(block: Block) -> None:
    """Erase what nothing reads, and what only that read."""
    for op in reversed(list(block.ops)):
        _erase_dead(op)


def _erase_dead(op: Operation) -> None:
    """Erase `op` if nothing reads it, and then the ops of its block that only it read."""
    block, pending = op.parent, [op]
    while pending:
        at = pending.pop()
        is_there = block is not None and at.parent is block
        if not is_there or isinstance(at, func.ReturnOp) or any(r.first_use for r in at.results):
            continue
        pending += dict.fromkeys(v.owner for v in at.operands if isinstance(v.owner, Operation))
        at.detach()
        at.erase()


def _step(op: Operation) -> bool:
    """One simplification of `op`, if there is any."""
    if not isinstance(op, linalg.GenericOp) or op.parent is None:
        return False
    for position, (value, map_) in enumerate(input_pairs(op)):
        owner = value.owner
        if isinstance(owner, RESHAPES) and multiplied(read_stage(op)) is None:
            replace_input(op, position, owner.operands[0], reshape_map(owner).compose(map_))
            _erase_dead(owner)
            return True
        if isinstance(owner, linalg.GenericOp) and should_compose(owner, value, op, position):
            _compose(owner, value, op, position)
            return True
    return False


def should_compose(
    producer: linalg.GenericOp, value: SSAValue, consumer: linalg.GenericOp, position: int
) -> bool:
    """Whether the producer's body belongs into the consumer's.

    Expensive values with several readers stay tensors, which the schedule may pass on in registers; so does
    what a
    row kernel computes once per row.
    """
    if reduced_loops(producer) or _accumulates(producer) or not is_invertible(output_pairs(producer)[0][1]):
        return False
    if len(producer.results) > 1 and not is_copy(producer):
        return False
    if reduced_loops(consumer) and multiplied(read_stage(consumer)) is not None:
        return is_copy(producer) or is_cast(producer)
    readers = {use.operation for use in value.uses}
    if is_copy(producer) and len(readers) == 1:
        return True
    block = consumer.parent
    assert block is not None
    if _is_broadcast(consumer, position) and any(_is_reduction(o) for o in block.ops):
        return is_copy(producer) and not _reads_reduction(producer)
    if len(readers) == 1:
        return True
    returned = any(isinstance(r, func.ReturnOp) for r in readers)
    cheap = body_cost(producer.body.block) <= CHEAP and len(producer.inputs) <= CHEAP
    return cheap and not (returned and not is_copy(producer))


def _accumulates(op: linalg.GenericOp) -> bool:
    """Whether the body reads what its output tensors start from."""
    return any(any(True for _ in a.uses) for a in op.body.block.args[len(op.inputs) :])


def _is_reduction(op: Operation) -> bool:
    return isinstance(op, linalg.GenericOp) and bool(reduced_loops(op))


def _reads_reduction(op: linalg.GenericOp) -> bool:
    return any(isinstance(v.owner, Operation) and _is_reduction(v.owner) for v in op.inputs)


def _is_broadcast(consumer: linalg.GenericOp, position: int) -> bool:
    """Whether the consumer reads each element of the operand several times."""
    sizes, map_ = loop_extents(consumer), input_pairs(consumer)[position][1]
    return any(n != 1 and d not in dims_of(map_) for d, n in enumerate(sizes))


def _compose(producer: linalg.GenericOp, value: SSAValue, consumer: linalg.GenericOp, position: int) -> None:
    number = next(n for n, r in enumerate(producer.results) if r is value)
    combined = compose(producer, number, consumer, position)
    block = consumer.parent
    assert block is not None
    block.insert_op_before(combined, consumer)
    tell_extents(combined, loop_extents(consumer))
    _merge_equal_inputs(combined)
    for old, new in zip(consumer.results, combined.results, strict=True):
        new.name_hint = old.name_hint
        old.replace_all_uses_with(new)
    consumer.detach()
    consumer.erase()
    _erase_dead(producer)
