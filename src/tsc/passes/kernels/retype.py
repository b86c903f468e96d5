"""Writes chosen layouts into the types of a kernel, and makes the kernels that copy between layouts."""

from collections.abc import Sequence

from xdsl.dialects import func, tensor
from xdsl.dialects.builtin import StringAttr
from xdsl.dialects.linalg import ops as linalg
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineMap

from tsc.analysis.layouts import Layout, tensor_type
from tsc.passes.kernels.compose import make_generic


def set_layout(value: SSAValue, layout: Layout) -> None:
    """State in the type of `value` how it lies in memory."""
    value._type = tensor_type(layout)  # pyright: ignore[reportPrivateUsage]


def retype_kernel(function: func.FuncOp, arguments: Sequence[Layout], results: Sequence[Layout]) -> None:
    """Give the arguments and results of a kernel their layouts."""
    for argument, layout in zip(function.body.block.args, arguments, strict=True):
        set_layout(argument, layout)
    last = function.body.block.last_op
    assert last is not None
    for value, layout in zip(last.operands, results, strict=True):
        _retype_result(value, layout)
    function.update_function_type()


def _retype_result(value: SSAValue, layout: Layout) -> None:
    """State the layout of a result, and of the tensors it is written into, which have the same type."""
    following: SSAValue | None = value
    while following is not None:
        set_layout(following, layout)
        following = _destination(following)


def _destination(value: SSAValue) -> SSAValue | None:
    """The tensor that the operation of `value` writes into, which nothing else reads afterwards."""
    op = value.owner
    if isinstance(op, linalg.GenericOp):
        position = len(op.inputs) + next(n for n, r in enumerate(op.results) if r is value)
    elif isinstance(op, Operation) and isinstance(op, tensor.InsertSliceOp | linalg.FillOp):
        position = 1
    else:
        return None
    destination = op.operands[position]
    owner = destination.owner
    if not isinstance(owner, Operation):
        return None
    if destination.uses.get_length() > 1:
        copy = owner.clone()
        block = op.parent
        assert block is not None
        block.insert_op_before(copy, op)
        op.operands[position] = copy.results[0]
        return copy.results[0]
    return destination


def make_copy(name: str, source: Layout, target: Layout) -> func.FuncOp:
    """A kernel that brings a tensor from one layout into another."""
    block = Block(arg_types=[tensor_type(source)])
    empty = tensor.EmptyOp([], tensor_type(target))
    identity = AffineMap.identity(len(source.shape))
    body = Block(arg_types=[source.element, target.element])
    body.add_op(linalg.YieldOp(body.args[0]))
    parallel = [IteratorTypeAttr.parallel()] * len(source.shape)
    copy = make_generic(
        [(block.args[0], identity)], [(empty.results[0], identity)], parallel, body, StringAttr("copy")
    )
    block.add_ops([empty, copy, func.ReturnOp(copy.results[0])])
    types = ([tensor_type(source)], [tensor_type(target)])
    function = func.FuncOp(name, types, Region(block), visibility="private")
    function.attributes["tsc.kind"] = StringAttr("pointwise" if target.panels is None else "pack")
    return function
