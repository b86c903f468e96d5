"""Bags of rows of a table: embedding_bag."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from tsc import dtypes
from tsc.dtypes import Array
from tsc.errors import BoundsError, NotSupportedError
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.definition import Family
from tsc.ops.promotion import computation_dtype
from tsc.ops.running import inferred_by_running

FAMILY = Family()


def _composed(
    aten: Aten, weight: AnyTensor, indices: AnyTensor, offsets: AnyTensor, scale_grad_by_freq: bool,
    mode: int, sparse: bool,
    per_sample_weights: AnyTensor | None, include_last_offset: bool, padding_idx: int | None = None,
) -> tuple[Any, Any, Any, Any]:  # fmt: skip
    """Rows added to the bags they belong to, or compared with what is there.

    Raises:
        NotSupportedError: of maxima, which rows count is known only where none is padding.
    """
    is_maximum = mode == 2
    if (
        (is_maximum and padding_idx is not None)
        or len(aten.shape(indices)) != 1
        or not aten.shape(indices)[0]
    ):
        raise NotSupportedError("embedding_bag: has no form by other operators")
    (rows, width), integers = aten.shape(weight), aten.dtype(indices).code
    bags = aten.shape(offsets)[0] - int(include_last_offset)
    bag_of = _bag_of(aten, offsets, bags, aten.shape(indices)[0])
    dtype = aten.dtype(weight)
    wide = computation_dtype(dtype)
    used = aten("ones_like", bag_of)
    if padding_idx is not None:
        used = aten("to.dtype", aten("ne.Scalar", indices, padding_idx % rows), dtypes.I64.code)
    taken = aten("to.dtype", aten("embedding", weight, indices), wide.code)
    if per_sample_weights is not None:
        factor = aten.unsqueeze(aten("to.dtype", per_sample_weights, wide.code), 1)
        taken = aten("mul.Tensor", taken, factor)
    if padding_idx is not None:
        taken = aten("where.ScalarOther", aten("ne.Scalar", aten.unsqueeze(used, 1), 0), taken, 0)
    if is_maximum:
        total = _greatest(aten, bags, bag_of, taken)
    else:
        total = aten("index_add", aten("zeros", [bags, width], wide.code), 0, bag_of, taken)
    counts = aten("index_add", aten("zeros", [bags], dtypes.I64.code), 0, bag_of, used)
    if mode == 1:
        total = aten("div.Tensor", total, aten.unsqueeze(aten("clamp_min", counts, 1), 1))
    return (
        aten("to.dtype", total, dtype.code), aten("to.dtype", bag_of, integers),
        aten("to.dtype", counts, integers), aten("zeros", _places_shape(mode, bags, width), integers),
    )  # fmt: skip


def _places_shape(mode: int, bags: int, width: int) -> list[int]:
    """The shape of the last result, which only gradients read."""
    return ([0], [bags], [bags, width])[mode]


def _greatest(aten: Aten, bags: int, bag_of: AnyTensor, taken: AnyTensor) -> AnyTensor:
    """The greatest rows of each bag; 0 of an empty one. A NaN wins only where it is the first: nothing is
    greater, and it is greater than nothing.
    """
    count, width = aten.shape(taken)
    following = aten("slice.Tensor", bag_of, 0, 1, count, 1)
    before = aten("slice.Tensor", bag_of, 0, 0, count - 1, 1)
    is_same = aten.unsqueeze(aten("constant_pad_nd", aten("eq.Tensor", following, before), [1, 0], False), 1)
    lost = aten("logical_and", aten("ne.Tensor", taken, taken), is_same)
    start = aten("full", [bags, width], -inf, aten.dtype(taken).code)
    taken = aten("where.ScalarOther", aten("logical_not", lost), taken, -inf)
    rows = aten("expand", aten.unsqueeze(bag_of, 1), [count, width])
    total = aten("scatter_reduce.two", start, 0, rows, taken, "amax")
    sizes = aten("index_add", aten("zeros", [bags], dtypes.I64.code), 0, bag_of, aten("ones_like", bag_of))
    return aten("where.ScalarOther", aten("ne.Scalar", aten.unsqueeze(sizes, 1), 0), total, 0)


def _bag_of(aten: Aten, offsets: AnyTensor, bags: int, count: int) -> AnyTensor:
    """The bag that each row belongs to: how many begin no later, less one."""
    starts = aten("slice.Tensor", offsets, 0, 0, bags, 1)
    integers = dtypes.I64.code
    begin = aten("index_add", aten("zeros", [count + 1], integers), 0, starts, aten("ones", [bags], integers))
    return aten("sub.Scalar", aten("slice.Tensor", aten("cumsum", begin, 0), 0, 0, count, 1), 1)


@inferred_by_running(FAMILY, "aten::embedding_bag.padding_idx", kind="composite", composite=_composed)
def embedding_bag(
    weight: Array, indices: Array, offsets: Array, scale_grad_by_freq: bool, mode: int, sparse: bool,
    per_sample_weights: Array | None, include_last_offset: bool, padding_idx: int | None,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """Sums (mode 0), means (1) or maxima (2) of bags of rows, and what its gradient would need."""
    if indices.size and not (indices.min() >= 0 and indices.max() < weight.shape[0]):
        raise BoundsError("embedding_bag: Expected idx >= 0 && idx < num_embeddings")
    skipped = None if padding_idx is None else padding_idx % weight.shape[0]
    bags = len(offsets) - int(include_last_offset)
    starts = offsets[:bags].astype(np.int64)
    bag_of = np.searchsorted(starts, np.arange(indices.size), side="right") - 1
    used = np.ones(indices.shape, bool) if skipped is None else indices != skipped
    rows, owner = weight[indices[used]], bag_of[used]
    wide = rows.astype(computation_dtype(dtypes.by_numpy(weight.dtype)).numpy)
    if per_sample_weights is not None:
        wide = wide * per_sample_weights[used][:, None].astype(wide.dtype)
    counts = np.bincount(owner, minlength=bags)
    total = np.zeros((bags, weight.shape[1]), wide.dtype)
    highest = np.zeros((bags, weight.shape[1]) if mode == 2 else (bags,) if mode else (0,), indices.dtype)
    if mode == 2:
        total[counts > 0] = -np.inf
        is_first = np.diff(owner, prepend=-1)[:, None] != 0
        np.maximum.at(total, owner, np.where(np.isnan(wide) & ~is_first, -np.inf, wide))
    else:
        np.add.at(total, owner, wide)
        if mode == 1:
            total /= np.maximum(counts, 1)[:, None]
    return total.astype(weight.dtype), bag_of.astype(indices.dtype), counts.astype(indices.dtype), highest


@inferred_by_running(FAMILY, "aten::embedding_bag", kind="composite", composite=_composed)
def embedding_bag_simple(
    weight: Array, indices: Array, offsets: Array, scale_grad_by_freq: bool, mode: int, sparse: bool,
    per_sample_weights: Array | None, include_last_offset: bool,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """`embedding_bag` without a padding row."""
    return embedding_bag(
        weight,
        indices,
        offsets,
        scale_grad_by_freq,
        mode,
        sparse,
        per_sample_weights,
        include_last_offset,
        None,
    )
