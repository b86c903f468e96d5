"""What is written in place of operators that count elements: how many distinct ones, how many of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from xdsl.ir import SSAValue

from tsc import dtypes
from tsc.analysis.known_values import UNKNOWN, constant_of, known_spec, spec_of_value
from tsc.analysis.largest_elements import largest
from tsc.dims import certainly_equal, is_known
from tsc.ops.composite import Aten
from tsc.ops.shapes import wrap_dim
from tsc.passes.found.finder import MOST_GUESSED, Finder

MOST_REPEATED = 1 << 16
"""How many places `repeat_interleave` gives at most, where nothing is known of that."""
INTEGERS = (dtypes.I64, dtypes.I32, dtypes.I16, dtypes.I8, dtypes.U8)


def _is_empty(value: SSAValue) -> bool:
    """Whether a tensor certainly has no elements: operators have words of their own for that."""
    return any(is_known(n) and n == 0 for n in known_spec(value).shape)


def _unique2(
    finder: Finder, x: SSAValue, ordered: SSAValue, inverse: SSAValue, counts: SSAValue
) -> tuple[SSAValue, ...] | None:
    """The places in the sorted elements at which another one begins."""
    wants = [constant_of(wanted) for wanted in (inverse, counts)]
    if UNKNOWN in wants or _is_empty(x) or known_spec(x).dtype.is_complex:
        return None
    aten, shape = finder.aten, list(known_spec(x).shape)
    line, order = aten("sort", aten("reshape", x, [-1]), 0, False)
    runs = _Runs.of(finder, line)
    if runs is None:
        return None
    back = nothing = aten("zeros", [0], dtypes.I64.code)
    if wants[0] or (wants[1] and shape):
        rank = runs.ranks(aten)
        empty = aten("zeros", list(known_spec(rank).shape), dtypes.I64.code)
        back = aten("reshape", aten("index_add", empty, 0, order, rank, 1), shape)
    return runs.first(aten), back, runs.lengths(aten) if wants[1] else nothing


def _unique_consecutive(
    finder: Finder, x: SSAValue, inverse: SSAValue, counts: SSAValue, dim: SSAValue
) -> tuple[SSAValue, ...] | None:
    """The places at which another element begins."""
    wants = [constant_of(wanted) for wanted in (inverse, counts)]
    if UNKNOWN in wants or constant_of(dim) is not None or _is_empty(x) or known_spec(x).dtype.is_complex:
        return None
    aten, shape = finder.aten, list(known_spec(x).shape)
    runs = _Runs.of(finder, aten("reshape", x, [-1]))
    if runs is None:
        return None
    nothing = aten("zeros", [0], dtypes.I64.code)
    back = aten("reshape", runs.ranks(aten), shape) if wants[0] else nothing
    return runs.first(aten), back, runs.lengths(aten) if wants[1] else nothing


class _Runs:
    """Elements of a line that are alike and stand side by side."""

    def __init__(self, line: SSAValue, begins: SSAValue, places: SSAValue) -> None:
        self.line = line
        self.begins = begins
        """Whether an element is unlike the one before."""
        self.places = places
        """Where that is so."""

    @classmethod
    def of(cls, finder: Finder, line: SSAValue) -> _Runs | None:
        """Those of a line that has an element."""
        aten = finder.aten
        (length,) = known_spec(line).shape
        later, earlier = (
            aten("slice.Tensor", line, 0, 1, None, 1),
            aten("slice.Tensor", line, 0, 0, length - 1, 1),
        )
        begins = aten("cat", [aten("ones", [1], dtypes.BOOL.code), aten("ne.Tensor", later, earlier)], 0)
        places = finder.places(begins)
        return None if places is None else cls(line, begins, places)

    def first(self, aten: Aten) -> SSAValue:
        """An element of each."""
        return aten("index_select", self.line, 0, self.places)

    def ranks(self, aten: Aten) -> SSAValue:
        """For each element, in which it is."""
        return aten("sub.Scalar", aten("cumsum", self.begins, 0, dtypes.I64.code), 1, 1)

    def lengths(self, aten: Aten) -> SSAValue:
        """How many elements each has."""
        (length,), (count,) = known_spec(self.line).shape, known_spec(self.places).shape
        empty = aten("zeros", [count], dtypes.I64.code)
        return aten("index_add", empty, 0, self.ranks(aten), aten("ones", [length], dtypes.I64.code), 1)


def _classes(finder: Finder, x: SSAValue, least: int, most: int = MOST_GUESSED) -> int:
    """As many as one more than the largest element, which is no less than `least`; no element is negative."""
    aten = finder.aten
    flat = aten("to.dtype", aten("reshape", x, [-1]), dtypes.I64.code)
    finder.require(aten("ge.Scalar", aten("amin", flat, [0], False), 0))
    known = largest(x)
    count = aten("add.Scalar", aten("amax", flat, [0], False), 1, 1)
    if least > 0:
        count = aten("clamp", count, least, None)
    return finder.counted(count, most if known is None else max(known + 1, least), is_guessed=known is None)


def _bincount(finder: Finder, x: SSAValue, weights: SSAValue, minlength: SSAValue) -> SSAValue | None:
    spec, least = known_spec(x), constant_of(minlength)
    if _is_empty(x) or spec.ndim != 1 or spec.dtype not in INTEGERS or least is UNKNOWN or least < 0:
        return None
    aten, given = finder.aten, spec_of_value(weights)
    if given is None and constant_of(weights) is not None:
        return None
    if given is not None and (given.dtype not in (dtypes.F32, dtypes.F64) or given.shape != spec.shape):
        return None
    size = _classes(finder, x, least)
    code = (dtypes.I64 if given is None else given.dtype).code
    added = aten("ones", list(spec.shape), code) if given is None else weights
    index = aten("to.dtype", x, dtypes.I64.code)
    return aten("index_add", aten("zeros", [size], code), 0, index, added, 1)


def _one_hot(finder: Finder, x: SSAValue, classes: SSAValue) -> SSAValue | None:
    if constant_of(classes) != -1 or _is_empty(x) or known_spec(x).dtype is not dtypes.I64:
        return None
    aten, size = finder.aten, _classes(finder, x, 0)
    numbers = aten("arange", size, dtypes.I64.code)
    return aten("to.dtype", aten("eq.Tensor", aten("unsqueeze", x, -1), numbers), dtypes.I64.code)


def _repeated(finder: Finder, repeats: SSAValue, output_size: SSAValue) -> SSAValue | None:
    """Each number as often as a tensor says."""
    spec, known = known_spec(repeats), constant_of(output_size)
    if (
        spec.ndim != 1
        or spec.dtype not in (dtypes.I64, dtypes.I32)
        or known is not None
        or _is_empty(repeats)
    ):
        return None
    aten, (length,) = finder.aten, spec.shape
    finder.require(aten("ge.Scalar", aten("amin", repeats, [0], False), 0))
    ends = aten("cumsum", repeats, 0, dtypes.I64.code)
    size = finder.counted(aten("select.int", ends, 0, length - 1), MOST_REPEATED, is_guessed=True)
    begins = aten("slice.Tensor", ends, 0, 0, length - 1, 1)
    ones = aten("ones", [length - 1], dtypes.I64.code)
    steps = aten("index_add", aten("zeros", [size + 1], dtypes.I64.code), 0, begins, ones, 1)
    numbers = aten("cumsum", aten("slice.Tensor", steps, 0, 0, size, 1), 0, None)
    if spec.dtype is not dtypes.I64:
        numbers = aten("to.dtype", numbers, spec.dtype.code)
    return finder.below(numbers, length)


def _repeated_slices(
    finder: Finder, x: SSAValue, repeats: SSAValue, dim: SSAValue, output_size: SSAValue
) -> SSAValue | None:
    spec, axis = known_spec(x), constant_of(dim)
    if axis is UNKNOWN or not spec.ndim:
        return None
    flat = finder.aten("reshape", x, [-1]) if axis is None else x
    at = 0 if axis is None else wrap_dim(axis, spec.ndim)
    if known_spec(repeats).ndim != 1 or not certainly_equal(
        known_spec(repeats).shape[0], known_spec(flat).shape[at]
    ):
        return None
    numbers = _repeated(finder, repeats, output_size)
    if numbers is None:
        return None
    if known_spec(numbers).dtype is not dtypes.I64:
        numbers = finder.below(finder.aten("to.dtype", numbers, dtypes.I64.code), known_spec(flat).shape[at])
    return finder.aten("index_select", flat, at, numbers)


COUNTS: Mapping[str, Callable[..., Any]] = {
    "aten::_unique2": _unique2,
    "aten::unique_consecutive": _unique_consecutive,
    "aten::bincount": _bincount,
    "aten::one_hot": _one_hot,
    "aten::repeat_interleave.Tensor": _repeated,
    "aten::repeat_interleave.self_Tensor": _repeated_slices,
}
"""What is written in place of operators: on the operands of each."""
