"""Derivatives of operators that move elements: views, copies, joins, pads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tsc import dtypes
from tsc.errors import UnsupportedOperatorError
from tsc.narrowing import is_array
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.definition import Operator
from tsc.ops.derivatives.rules import Call, Flow, Place, derivative, sum_to, zeros

Flows = Mapping[Place, Flow]


def viewed_back(call: Call) -> AnyTensor:
    """Of a view with an inverse: zeros, into which the gradient is put."""
    base, *rest = call.arguments
    assert call.operator.inverse is not None
    return call.operator.inverse(call.aten, zeros(call.aten, base), call.gradient, *rest)


def moved_back(call: Call, place: Place) -> AnyTensor:
    """Of what moves the elements of one tensor: where each went says where its gradient comes from."""
    aten = call.aten
    source = _at(call.arguments, place)
    origins = aten("reshape", _shown(aten, call.operator, call.arguments, place), [-1])
    flat = aten("reshape", call.gradient, [-1])
    empty = aten("zeros", [aten.numel_of(source)], dtype=aten.dtype(call.gradient).code)
    return aten("reshape", aten("index_add", empty, 0, origins, flat), list(aten.shape(source)))


def _at(arguments: Sequence[Any], place: Place) -> Any:
    return arguments[place] if isinstance(place, int) else arguments[place[0]][place[1]]


def _shown(aten: Aten, operator: Operator, arguments: Sequence[Any], place: Place) -> Any:
    """What an operator gives of the numbers of the elements, in place of a tensor."""
    source, given = _at(arguments, place), list(arguments)
    counted = aten("arange", aten.numel_of(source), dtypes.I64.code, None, None, None)
    numbers = aten("reshape", counted, list(aten.shape(source)))
    if isinstance(place, int):
        given[place] = numbers
    else:
        others = (aten("zeros_like", x, dtype=dtypes.I64.code) for x in arguments[place[0]])
        given[place[0]] = [numbers if i == place[1] else x for i, x in enumerate(others)]
    return aten.call(operator, given)


def put_into(
    aten: Aten, operator: Operator, arguments: Sequence[Any], place: Place, base: AnyTensor, piece: AnyTensor,
    number: int | None,
) -> AnyTensor:  # fmt: skip
    """`base` with `piece` in place of what a view operator shows of the tensor at a place of its arguments;
    `number` says which piece it is, of an operator that gives several.
    """
    if operator.inverse is not None and place == 0:
        return operator.inverse(aten, base, piece, *arguments[1:])
    shown = _shown(aten, operator, arguments, place)
    places = aten("reshape", shown if number is None else shown[number], [-1])
    flat = aten("index_copy", aten("reshape", base, [-1]), 0, places, aten("reshape", piece, [-1]))
    return aten("reshape", flat, list(aten.shape(base)))


@derivative(
    "clone", "contiguous", "to.dtype", "to.device", "to.prim_dtype", "to.prim_Device", "to.prim_other",
    "lift_fresh", "cpu",
)  # fmt: skip
def _same(call: Call, self: AnyTensor, *_: Any) -> Flows:
    return {0: lambda: call.gradient}


@derivative("expand")
def _expand(call: Call, self: AnyTensor, *_: Any) -> Flows:
    return {0: lambda: sum_to(call.aten, call.gradient, call.aten.shape(self))}


@derivative("reshape")
def _reshape(call: Call, self: AnyTensor, shape: Any) -> Flows:
    return {0: lambda: call.aten("reshape", call.gradient, list(call.aten.shape(self)))}


@derivative("copy")
def _copy(call: Call, self: AnyTensor, src: AnyTensor, non_blocking: bool) -> Flows:
    return {0: lambda: call.aten("zeros_like", call.gradient), 1: lambda: call.gradient}


@derivative("fill.Tensor")
def _fill(call: Call, self: AnyTensor, value: Any) -> Flows:
    return {0: lambda: call.aten("zeros_like", call.gradient), 1: lambda: call.gradient}


@derivative("fill.Scalar", "zero")
def _replaced(call: Call, self: AnyTensor, *_: Any) -> Flows:
    return {0: lambda: call.aten("zeros_like", call.gradient)}


@derivative("flip")
def _flip(call: Call, self: AnyTensor, dims: Sequence[int]) -> Flows:
    return {0: lambda: call.aten.flip(call.gradient, dims)}


@derivative("tril")
def _tril(call: Call, self: AnyTensor, diagonal: int) -> Flows:
    return {0: lambda: call.aten.tril(call.gradient, diagonal)}


@derivative("triu")
def _triu(call: Call, self: AnyTensor, diagonal: int) -> Flows:
    return {0: lambda: call.aten.triu(call.gradient, diagonal)}


@derivative("cat", "concat", "concatenate")
def _cat(call: Call, tensors: Sequence[Any], dim: int) -> Flows:
    aten = call.aten
    rank = len(aten.shape(call.result))
    dim %= max(rank, 1)

    def piece(start: Any, tensor: Any) -> Flow:
        shape = aten.shape(tensor)
        if len(shape) != rank:  # an empty tensor of one dim joins anything
            return lambda: zeros(aten, tensor)
        return lambda: aten("slice.Tensor", call.gradient, dim, start, start + shape[dim], 1)

    flows: dict[Place, Flow] = {}
    start: Any = 0
    for i, tensor in enumerate(tensors):
        flows[0, i] = piece(start, tensor)
        shape = aten.shape(tensor)
        start = start + (shape[dim] if len(shape) == rank else 0)
    return flows


def _joined(call: Call, dim: int) -> AnyTensor:
    """The gradients of the pieces of a tensor, joined."""
    pieces = [call.gradient_of(i) for i in range(len(call.results))]
    return call.aten("cat", pieces, dim)


@derivative("split.Tensor", "split_with_sizes", "split.sizes", "split", "chunk", "unsafe_split.Tensor",
            "unsafe_split_with_sizes", "unsafe_chunk", "tensor_split.sections", "tensor_split.indices",
            "split_copy.Tensor", "split_with_sizes_copy")  # fmt: skip
def _split(call: Call, self: AnyTensor, sizes: Any, dim: int) -> Flows:
    return {0: lambda: _joined(call, dim)}


@derivative("hsplit.int", "hsplit.array")
def _hsplit(call: Call, self: AnyTensor, sizes: Any) -> Flows:
    return {0: lambda: _joined(call, 0 if len(call.aten.shape(self)) == 1 else 1)}


@derivative("vsplit.int", "vsplit.array")
def _vsplit(call: Call, self: AnyTensor, sizes: Any) -> Flows:
    return {0: lambda: _joined(call, 0)}


@derivative("dsplit.int", "dsplit.array")
def _dsplit(call: Call, self: AnyTensor, sizes: Any) -> Flows:
    return {0: lambda: _joined(call, 2)}


@derivative("unbind.int", "unbind_copy.int")
def _unbind(call: Call, self: AnyTensor, dim: int) -> Flows:
    pieces = [call.gradient_of(i) for i in range(len(call.results))]
    return {0: lambda: call.aten("stack", pieces, dim)}


@derivative("constant_pad_nd")
def _constant_pad(call: Call, self: AnyTensor, pad: Sequence[Any], value: Any) -> Flows:
    return {0: lambda: call.aten("constant_pad_nd", call.gradient, [-p for p in pad], 0)}


@derivative("where.self", "where.ScalarOther", "where.ScalarSelf")
def _where(call: Call, condition: AnyTensor, self: AnyTensor, other: Any) -> Flows:
    aten = call.aten
    return {
        1: lambda: aten("where.ScalarOther", condition, call.gradient, 0.0),
        2: lambda: aten("where.ScalarSelf", condition, 0.0, call.gradient),
    }


@derivative("masked_fill.Scalar", "masked_fill.Tensor")
def _masked_fill(call: Call, self: AnyTensor, mask: AnyTensor, value: Any) -> Flows:
    aten = call.aten
    return {
        0: lambda: aten("masked_fill.Scalar", call.gradient, mask, 0),
        2: lambda: aten("where.ScalarOther", mask, call.gradient, 0.0),
    }


@derivative("im2col")
def _im2col(call: Call, self: AnyTensor, kernel: Any, dilation: Any, padding: Any, stride: Any) -> Flows:
    size = call.aten.shape(self)[-2:]
    return {0: lambda: call.aten("col2im", call.gradient, list(size), kernel, dilation, padding, stride)}


@derivative("col2im")
def _col2im(
    call: Call, self: AnyTensor, size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any
) -> Flows:
    return {0: lambda: call.aten("im2col", call.gradient, kernel, dilation, padding, stride)}


@derivative("diag_embed")
def _diag_embed(call: Call, self: AnyTensor, offset: int, dim1: int, dim2: int) -> Flows:
    return {0: lambda: call.aten("diagonal", call.gradient, offset, dim1, dim2)}


@derivative("diagonal_scatter")
def _diagonal_scatter(
    call: Call, self: AnyTensor, src: AnyTensor, offset: int, dim1: int, dim2: int
) -> Flows:
    aten = call.aten
    return {
        0: lambda: aten("diagonal_scatter", call.gradient, zeros(aten, src), offset, dim1, dim2),
        1: lambda: aten("diagonal", call.gradient, offset, dim1, dim2),
    }


@derivative("select_scatter")
def _select_scatter(call: Call, self: AnyTensor, src: AnyTensor, dim: int, index: Any) -> Flows:
    aten = call.aten
    return {
        0: lambda: aten("select_scatter", call.gradient, zeros(aten, src), dim, index),
        1: lambda: aten("select.int", call.gradient, dim, index),
    }


@derivative("slice_scatter")
def _slice_scatter(
    call: Call, self: AnyTensor, src: AnyTensor, dim: int, start: Any, end: Any, step: int
) -> Flows:
    aten = call.aten
    return {
        0: lambda: aten("slice_scatter", call.gradient, zeros(aten, src), dim, start, end, step),
        1: lambda: aten("slice.Tensor", call.gradient, dim, start, end, step),
    }


@derivative(
    "diagonal_copy", "expand_copy", "narrow.Tensor", "narrow_copy",
    "permute_copy", "squeeze_copy", "squeeze_copy.dim", "squeeze_copy.dims", "t_copy", "transpose_copy.int",
    "unfold_copy", "unsqueeze_copy", "view_copy", "select_copy.int", "slice_copy.Tensor", "alias_copy",
    "repeat_interleave.self_Tensor", "combinations",
)  # fmt: skip
def _moved(call: Call, self: AnyTensor, *_: Any) -> Flows:
    return {0: lambda: moved_back(call, 0)}


@derivative("as_strided", "as_strided_copy")
def _as_strided(call: Call, self: AnyTensor, *_: Any) -> Flows:
    """Of row-major memory; what a view shows of other memory is not known of its elements alone."""
    if not (is_array(self) and self.flags.c_contiguous and self.base is None):
        raise UnsupportedOperatorError(
            "aten::as_strided: its derivative has no definition for views of memory in this version of tsc"
        )
    return {0: lambda: moved_back(call, 0)}


@derivative("diag")
def _diag(call: Call, self: AnyTensor, diagonal: int) -> Flows:
    """Of a vector a matrix, of a matrix a vector."""
    aten = call.aten
    if len(aten.shape(self)) == 1:
        return {0: lambda: aten("diagonal", call.gradient, diagonal, 0, 1)}
    return {0: lambda: aten("diagonal_scatter", zeros(aten, self), call.gradient, diagonal, 0, 1)}


@derivative("tensor_split.tensor_indices_or_sections")
def _tensor_split(call: Call, self: AnyTensor, indices: Any, dim: int) -> Flows:
    return {0: lambda: _joined(call, dim)}


@derivative("block_diag")
def _block_diag(call: Call, tensors: Sequence[Any]) -> Flows:
    aten = call.aten
    flows: dict[Place, Flow] = {}
    row: Any = 0
    column: Any = 0

    def block(tensor: Any, row: Any, column: Any, rows: Any, columns: Any) -> Flow:
        def to_tensor() -> AnyTensor:
            lines = aten("slice.Tensor", call.gradient, 0, row, row + rows, 1)
            made = aten("slice.Tensor", lines, 1, column, column + columns, 1)
            return aten("reshape", made, list(aten.shape(tensor)))

        return to_tensor

    for i, tensor in enumerate(tensors):
        shape = aten.shape(tensor)
        rows, columns = shape if len(shape) == 2 else (1, shape[0] if shape else 1)
        flows[0, i] = block(tensor, row, column, rows, columns)
        row, column = row + rows, column + columns
    return flows


@derivative("diff")
def _diff(call: Call, self: AnyTensor, n: int, dim: int, prepend: Any, append: Any) -> Flows:
    """Each difference goes to the later element, and its opposite to the earlier one."""
    aten = call.aten
    rank = len(aten.shape(self))
    along = dim % rank

    def spread() -> AnyTensor:
        gradient = call.gradient
        for _ in range(n):
            before = [0, 0] * (rank - 1 - along)
            later = aten("constant_pad_nd", gradient, [*before, 1, 0], 0)
            gradient = aten("sub.Tensor", later, aten("constant_pad_nd", gradient, [*before, 0, 1], 0))
        return gradient

    def part(start: Any, of: Any) -> Flow:
        return lambda: aten("slice.Tensor", spread(), along, start, start + aten.shape(of)[along], 1)

    first = 0 if prepend is None else aten.shape(prepend)[along]
    flows: dict[Place, Flow] = {0: part(first, self)}
    if prepend is not None:
        flows[3] = part(0, prepend)
    if append is not None:
        flows[4] = part(first + aten.shape(self)[along], append)
    return flows
