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
    """Follow a result to the tensor it is written into, which has the same type."""
    set_layout(value, layout)
    owner = value.owner
    if isinstance(owner, linalg.GenericOp):
        number = next(n for n, r in enumerate(owner.results) if r is value)
        _retype_destination(owner, len(owner.inputs) + number, layout)
    elif isinstance(owner, Operation) and isinstance(owner, tensor.InsertSliceOp | linalg.FillOp):
        _retype_destination(owner, 1, layout)


def _retype_destination(op: Operation, position: int, layout: Layout) -> None:
    destination = op.operands[position]
    owner = destination.owner
    if not isinstance(owner, Operation):
        return
    if destination.uses.get_length() > 1:
        copy = owner.clone()
        block = op.parent
        assert block is not None
        block.insert_op_before(copy, op)
        op.operands[position] = copy.results[0]
        destination = copy.results[0]
    _retype_result(destination, layout)


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
