"""Random numbers drawn from a stream that is a value: operators that native code has, and what others are in
terms of those.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import pi, prod
from typing import Any, cast

import numpy as np

from tsc import dtypes
from tsc.dialects import schema as schemas
from tsc.dialects import torch_types as tt
from tsc.dialects.schema import Argument, Schema
from tsc.dialects.tsc_random import RandomBlocksOp, RandomDoublesOp, RandomOp, RandomPairsOp, RandomWordsOp
from tsc.dtypes import Array, DType
from tsc.errors import UnsupportedOperatorError
from tsc.ops.composite import AnyTensor, Aten
from tsc.ops.definition import Family, Operator, ResultLayout, Sharing, TensorSpec
from tsc.ops.draws import normal, normal_doubles, unit_doubles
from tsc.ops.kernel_builder import KernelBuilder, KernelValue
from tsc.ops.normal_fill import BLOCK
from tsc.ops.random_source import RandomSource, drawing_from
from tsc.ops.registry import require
from tsc.ops.strides import laid_out

FAMILY = Family()
WORD_BITS = 32


# --- what native code has ---


def _define(name: str, dtype: DType, op: type[RandomOp], draw: Callable[[RandomSource, int], Array]) -> None:
    """``tsc::<name>(Tensor stream, int count) -> (Tensor, Tensor)``: numbers, and the stream behind them."""
    text = f"tsc::{name}(Tensor stream, int count) -> (Tensor, Tensor)"
    schemas.set_overloads(f"tsc::{name}", [schemas.parse(text)])

    def infer(stream: TensorSpec, count: int) -> tuple[TensorSpec, TensorSpec]:
        return TensorSpec((count,), dtype), stream

    def lower(kernel: KernelBuilder, arguments: Sequence[Any]) -> tuple[KernelValue, KernelValue]:
        stream, count = arguments
        made = op.of(kernel.materialize(stream).ssa, count)
        kernel.add(made)
        numbers, rest = made.results
        return KernelValue(numbers, TensorSpec((count,), dtype)), KernelValue(rest, stream.spec)

    @FAMILY.op(f"tsc::{name}", infer=infer, lower=lower, kind="random")
    def eager(stream: Array, count: int) -> tuple[Array, Array]:
        source = RandomSource.over(stream)
        return draw(source, count), source.stream()


_define("random_words", dtypes.I32, RandomWordsOp, lambda source, n: source.words(n).view(np.int32))
_define("random_doubles", dtypes.F64, RandomDoublesOp, unit_doubles)
_define(
    "random_blocks", dtypes.F32, RandomBlocksOp, lambda source, n: normal(source, n, dtypes.F32, 0.0, 1.0)
)
_define("random_pairs", dtypes.F64, RandomPairsOp, normal_doubles)


class Draws:
    """Random numbers in the definition of an operator, one draw after the other."""

    def __init__(self, aten: Aten, stream: AnyTensor) -> None:
        self.aten = aten
        self.stream = stream

    def _next(self, name: str, count: int) -> AnyTensor:
        made, self.stream = self.aten.call(require(f"tsc::{name}"), [self.stream, count])
        return made

    def words(self, shape: Sequence[int]) -> AnyTensor:
        """int64 of 32 random bits."""
        words = self.aten.in_dtype(self._next("random_words", prod(shape)), dtypes.I64)
        return self._shaped(self.aten("bitwise_and.Scalar", words, 2**WORD_BITS - 1), shape)

    def units(self, shape: Sequence[int], dtype: DType) -> AnyTensor:
        """Numbers in ``[0, 1)``: float64, or float32 for all other dtypes."""
        aten, count = self.aten, prod(shape)
        if dtype is not dtypes.F64:
            bits = aten("bitwise_and.Scalar", self._next("random_words", count), 2**24 - 1)
            return self._shaped(aten("mul.Scalar", aten.in_dtype(bits, dtypes.F32), 2.0**-24), shape)
        return self._shaped(self._next("random_doubles", count), shape)

    def uniform(self, shape: Sequence[int], dtype: DType, low: float = 0.0, high: float = 1.0) -> AnyTensor:
        """Numbers in ``[low, high)``; what is rounded up to `high` becomes `low`."""
        aten, made = self.aten, self.units(shape, dtype)
        if (low, high) != (0.0, 1.0):
            kind = np.float64 if dtype is dtypes.F64 else np.float32
            first, extent = float(kind(low)), float(kind(high) - kind(low))
            wide = aten("mul.Scalar", aten.in_dtype(made, dtypes.F64), extent)
            made = aten.in_dtype(aten("add.Scalar", wide, first), aten.dtype(made))
        made = aten.in_dtype(made, dtype)
        last = float(np.asarray(high).astype(dtype.numpy))
        return aten("masked_fill.Scalar", made, aten("eq.Scalar", made, last), low)

    def normal(self, shape: Sequence[int], dtype: DType, mean: float = 0.0, std: float = 1.0) -> AnyTensor:
        """Normally distributed numbers, for memory that is row-major."""
        aten, made = self.aten, self._standard(prod(shape), dtype)
        if (mean, std) != (0.0, 1.0):
            kind = np.float64 if aten.dtype(made) is dtypes.F64 else np.float32
            wide = aten("mul.Scalar", aten.in_dtype(made, dtypes.F64), float(kind(std)))
            made = aten.in_dtype(aten("add.Scalar", wide, float(kind(mean))), aten.dtype(made))
        return self._shaped(aten.in_dtype(made, dtype), shape)

    def _standard(self, count: int, dtype: DType) -> AnyTensor:
        """Standard normal numbers in the dtype that they are made in."""
        if count < BLOCK:
            return self._next("random_pairs", count)
        if dtype is dtypes.F32 or (dtype in dtypes.REDUCED and count % BLOCK == 0):
            return self._next("random_blocks", count)
        whole = count // BLOCK * BLOCK
        if dtype in dtypes.REDUCED:
            first, last = (self._next("random_blocks", n) for n in (whole, BLOCK))
        else:
            units = self.units([count], dtype)
            first = self._double_blocks(self.aten("slice.Tensor", units, 0, 0, whole, 1))
            if whole == count:
                return first
            last = self._double_blocks(self.units([BLOCK], dtype))
        return self.aten("cat", [self.aten("slice.Tensor", first, 0, 0, count - BLOCK, 1), last], 0)

    def _double_blocks(self, units: AnyTensor) -> AnyTensor:
        """Uniform float64 as normal ones, in blocks."""
        aten = self.aten
        count = aten.numel_of(units)
        halves = aten("view", units, [count // BLOCK, 2, BLOCK // 2])
        first, second = (aten("contiguous", aten("select.int", halves, 1, i)) for i in range(2))
        logarithm = aten("log", aten("rsub.Scalar", first, 1, 1))
        radius, angle = aten("sqrt", aten("mul.Scalar", logarithm, -2)), aten("mul.Scalar", second, 2 * pi)
        made = [aten("mul.Tensor", radius, aten(name, angle)) for name in ("cos", "sin")]
        return aten("view", aten("stack", made, 1), [count])

    def coins(self, shape: Sequence[int], p: float | AnyTensor) -> AnyTensor:
        """Bools that are true with probability `p`, which may be a tensor of the shape."""
        aten = self.aten
        if isinstance(p, (int, float)):
            return aten("lt.Scalar", self.units(shape, dtypes.F64), p)
        dtype = aten.dtype(p)
        kind = dtype if dtype is dtypes.F64 else dtypes.F32
        return aten("lt.Tensor", self.units(shape, kind), aten.in_dtype(p, kind))

    def exponential(self, shape: Sequence[int], dtype: DType, rate: float) -> AnyTensor:
        """Numbers of the exponential distribution."""
        aten = self.aten
        logarithm = aten("log1p", aten("neg", self.units(shape, dtypes.F64)))
        return aten.in_dtype(aten("mul.Scalar", logarithm, -1.0 / rate), dtype)

    def integers(self, shape: Sequence[int], dtype: DType, low: int, extent: int) -> AnyTensor:
        """Integers in ``[low, low + extent)``."""
        aten = self.aten
        if not 0 < extent < 2**28:
            raise UnsupportedOperatorError("integers of more than 28 random bits have no formula")
        below = aten("remainder.Scalar", self.words(shape), extent)
        return aten.in_dtype(aten("add.Scalar", below, low), dtype)

    def _shaped(self, made: AnyTensor, shape: Sequence[int]) -> AnyTensor:
        return self.aten("view", made, list(shape))


def require_real(dtype: DType) -> None:
    """Complex numbers have no formula here."""
    if not dtype.is_floating:
        raise UnsupportedOperatorError(f"there is no formula for random {dtype.name}")


# --- operators that draw, with the stream as an argument ---


def drawn_name(operator: Operator) -> str:
    """The name of what draws as `operator` does, and takes and gives the stream."""
    return f"tsc::drawn_{operator.name.removeprefix('aten::').replace('.', '_')}"


def drawn_variants(table: Mapping[str, Operator]) -> dict[str, Operator]:
    """What the operators of `table` with a formula of draws are with a stream as their last argument, and the
    stream behind it as their last result.
    """
    made = [_drawn(operator) for operator in table.values() if operator.drawn is not None]
    return {operator.name: operator for operator in made}


def _drawn(operator: Operator) -> Operator:
    name, stream = drawn_name(operator), Argument("stream", tt.TENSOR)
    arguments = tuple(replace(a, kwarg_only=False) for a in operator.schema.arguments)
    results = tuple(replace(r, alias="") for r in operator.schema.results)
    schema = Schema(name, "", (*arguments, stream), (*results, Argument("", tt.TENSOR)))
    schemas.set_overloads(name, [schema])
    infer, draw, formula = operator.infer, laid_out(operator).eager, operator.drawn
    assert infer is not None
    assert formula is not None

    def eager(*given: Any) -> tuple[Any, ...]:
        *rest, stream = given
        source = RandomSource.over(stream)
        with drawing_from(source):
            return (*_several(draw(*rest)), source.stream())

    def inferred(*given: Any) -> tuple[Any, ...]:
        *rest, stream = given
        return (*_several(infer(*rest)), stream)

    def composite(aten: Aten, *given: Any) -> tuple[Any, ...]:
        *rest, stream = given
        draws = Draws(aten, stream)
        return (*_several(formula(draws, *rest)), draws.stream)

    return replace(
        operator, schema=schema, eager=eager, infer=inferred, composite=composite, kind="composite",
        lower=None, scalar=None, draws=False, drawn=None, sharing=Sharing.BY_SCHEMA,
        layout=ResultLayout.ROW_MAJOR, fills_memory=True,
    )  # fmt: skip


def _several(result: Any) -> tuple[Any, ...]:
    return cast("tuple[Any, ...]", result) if isinstance(result, tuple) else (result,)
