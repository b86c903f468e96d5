"""The discrete Fourier transform of lines, as an operation of the `tsc` dialect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from math import prod
from typing import Any, Self

from xdsl.dialects.builtin import FloatAttr, IntegerAttr, StringAttr, TensorType, f64, i64
from xdsl.ir import Attribute, SSAValue
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from tsc.dialects.loop_builder import element_of
from tsc.dialects.loop_extents import shape_of
from tsc.dialects.sized import sized
from tsc.dialects.torch_base import TorchOp
from tsc.dims import is_known

MOST_SLOTS = 16
"""How many blocks of lines are transformed at one time, at most: each needs a slot of the workspace."""
PRIMES = (2, 3, 5, 7, 11, 13)
"""What lengths of lines are made of."""
LARGEST_RADIX = 8
"""The longest transform that is straight-line code, primes aside; longer ones are made of such. With 16 some
lines take a tenth less, and three times as long to compile.
"""
LANES = 8
"""Elements of a vector, where stages are chosen."""
COLUMNS = 128
"""How many neighbouring lines are transformed together, at most, where lines do not lie along memory."""


class Transform(Enum):
    """From what to what."""

    COMPLEX = "complex"
    """Of complex numbers."""
    TO_HALF = "to_half"
    """Of real numbers; what of the result is not the conjugate of something in it."""
    FROM_HALF = "from_half"
    """From such a half to real numbers."""


def has_radices(extent: int) -> bool:
    """Whether there is a transform of lines of so many elements."""
    for prime in PRIMES:
        while extent % prime == 0:
            extent //= prime
    return extent == 1


@cache
def radices_of(extent: int, columns: int = 1) -> tuple[int, ...]:
    """The lengths of the stages that a transform is made of, the first one first: those that cost least."""
    return _cheapest(extent, columns)[1]


@cache
def _cheapest(extent: int, inner: int) -> tuple[float, tuple[int, ...]]:
    """What stages cost that make up `extent`, where others made up `inner`, and which they are."""
    if extent == 1:
        return 0.0, ()
    found: list[tuple[float, tuple[int, ...]]] = []
    for radix in sorted({*range(2, LARGEST_RADIX + 1), *PRIMES}):
        if extent % radix == 0 and has_radices(radix):
            cost, following = _cheapest(extent // radix, inner * radix)
            found.append((cost + _stage_cost(radix, extent // radix, inner), (radix, *following)))
    return min(found)


def _stage_cost(radix: int, rest: int, inner: int) -> float:
    """What a stage costs: arithmetic and memory, for each vector."""
    count = _vectors(rest) if inner == 1 else rest * _vectors(inner)
    apart = 2 * radix if inner == 1 and rest > 1 else 0
    return count * (_arithmetic(radix) + 4 * radix + apart + (6 * (radix - 1) if rest > 1 else 0))


def _vectors(count: int) -> int:
    return count // LANES + (count % LANES).bit_count()


def _arithmetic(radix: int) -> float:
    """Operations of a transform of `radix` complex numbers, about."""
    total, rest = 0.0, radix
    for prime in PRIMES:
        while rest % prime == 0:
            rest //= prime
            total += radix / prime * (4 if prime == 2 else 2 * prime**2)
            total += 4 * (radix - radix / prime) * (prime > 2 and rest > 1)
    return total


@dataclass(frozen=True)
class Stage:
    """A stage of Stockham's transform: ``y[q + s(rp + j)] = w^(pj) sum_i x[q + s(p + mi)] u^(ij)``, for `p`
    below `m`, `q` below `s` and roots of unity ``u`` of order `r` and ``w`` of order `rm`.
    """

    radix: int
    inner: int
    """``s``, for lines of single elements."""
    rest: int
    """``m``."""
    table: int
    """Where its powers of ``w`` begin in the table, cosines and then sines: each ``[radix - 1, rest]``."""

    @property
    def factors(self) -> int:
        """How many powers there are."""
        return (self.radix - 1) * self.rest if self.rest > 1 else 0


@dataclass(frozen=True)
class FourierPlan:
    """How lines of one length are transformed.

    Where the length of real lines is even, two neighbours are one complex number, and the transform is half
    as long; then the table ends with the roots that tell the two apart: cosines and then sines of
    ``-2 pi k / extent``, for `k` up to a quarter.
    """

    transform: Transform
    extent: int
    """Elements of a whole line."""
    columns: int = 1
    """How many neighbouring lines are transformed together."""

    @property
    def is_packed(self) -> bool:
        """Whether two real elements are one complex number."""
        return self.transform is not Transform.COMPLEX and self.extent % 2 == 0

    @property
    def core(self) -> int:
        """Elements of the transform of complex numbers that does the work."""
        return self.extent // 2 if self.is_packed else self.extent

    @property
    def half(self) -> int:
        """Elements of a half line."""
        return self.extent // 2 + 1

    @property
    def given(self) -> int:
        """How many elements a line has before."""
        return self.half if self.transform is Transform.FROM_HALF else self.extent

    @property
    def made(self) -> int:
        """How many elements a line has after it."""
        return self.half if self.transform is Transform.TO_HALF else self.extent

    @property
    def stages(self) -> list[Stage]:
        """What is done to the complex numbers."""
        radices = radices_of(self.core, self.columns)
        found: list[Stage] = []
        table = 0
        for number, radix in enumerate(radices or (1,)):
            inner, rest = prod(radices[:number]), prod(radices[number + 1 :])
            found.append(Stage(radix, inner, rest, table))
            table += 2 * found[-1].factors
        return found

    @property
    def roots(self) -> int:
        """Where the roots begin that tell packed numbers apart."""
        return sum(2 * s.factors for s in self.stages)

    @property
    def root_count(self) -> int:
        """How many there are."""
        return self.core // 2 + 1 if self.is_packed else 0

    @property
    def table_size(self) -> int:
        """Numbers in the table."""
        return max(1, self.roots + 2 * self.root_count)


class FourierOp(TorchOp):
    """``%re, %im, %work = "tsc.fourier"(%a, [%b,] %table) {transform, extent, inverse, scale}``.

    The first operands are the planes of real and imaginary parts, ``tensor<BxNxSxE>``; without the second the
    numbers are real. The lines are those along the dim in the middle. `inverse` is the sign of the exponent,
    and `scale` a factor. A transform to real numbers has one plane as its result, others two; the last
    result, ``tensor<SLOTSxELEMENTSxE>``, is memory to work in, and means nothing. The `table` is as
    `FourierPlan` says.
    """

    name = "tsc.fourier"
    trait_list = (Pure(),)

    @classmethod
    def of(
        cls, planes: Sequence[SSAValue], table: SSAValue, plan: FourierPlan, inverse: bool, scale: float
    ) -> Self:
        """The transform of lines, as `plan` says."""
        batches, _, size = shape_of(planes[0])
        element = element_of(planes[0].type)
        count = 1 if plan.transform is Transform.FROM_HALF else 2
        attributes: dict[str, Attribute] = {
            "transform": StringAttr(plan.transform.value), "extent": IntegerAttr(plan.extent, i64),
            "inverse": IntegerAttr.from_bool(inverse), "scale": FloatAttr(scale, f64),
        }  # fmt: skip
        made: Any = TensorType(element, sized([batches, plan.made, size]))
        work = TensorType(element, work_shape(plan, batches, size))
        return cls.create(
            operands=[*planes, table], result_types=[*[made] * count, work], attributes=attributes
        )

    @property
    def planes(self) -> Sequence[SSAValue]:
        """The real parts, and the imaginary ones if there are any."""
        return self.operands[:-1]

    @property
    def table(self) -> SSAValue:
        """Roots of unity."""
        return self.operands[-1]

    @property
    def made(self) -> Sequence[SSAValue]:
        """The planes of the result."""
        return self.results[:-1]

    @property
    def memory(self) -> SSAValue:
        """The memory to work in."""
        return self.results[-1]

    @property
    def plan(self) -> FourierPlan:
        """How it is done."""
        transform, extent = self.attributes["transform"], self.attributes["extent"]
        assert isinstance(transform, StringAttr)
        assert isinstance(extent, IntegerAttr)
        columns = columns_of(shape_of(self.planes[0])[2])
        return FourierPlan(Transform(transform.data), extent.value.data, columns)

    @property
    def is_inverse(self) -> bool:
        """Whether the exponents are positive."""
        attribute = self.attributes["inverse"]
        assert isinstance(attribute, IntegerAttr)
        return bool(attribute.value.data)

    @property
    def scale(self) -> float:
        """What the result is multiplied by."""
        attribute = self.attributes["scale"]
        assert isinstance(attribute, FloatAttr)
        return attribute.value.data

    def verify_(self) -> None:
        """Lines are as long as the plan says."""
        found = shape_of(self.planes[0])[1]
        if found != self.plan.given:
            raise VerifyException(f"{self.name}: requires lines of {self.plan.given} elements; got {found}")


def columns_of(size: int) -> int:
    """How many neighbouring lines are transformed together: whole vectors of them, and all blocks alike."""
    if size <= COLUMNS:
        return size
    return next((n for n in range(COLUMNS, COLUMNS // 8, -1) if size % n == 0), size)


def work_shape(plan: FourierPlan, batches: int, size: int) -> list[int]:
    """Slots, and elements of each: twice two planes of a block of lines."""
    blocks = batches * (size // columns_of(size))
    slots = max(1, min(blocks, MOST_SLOTS)) if is_known(blocks) else MOST_SLOTS
    return [slots, 4 * max(plan.core, plan.half) * columns_of(size)]
