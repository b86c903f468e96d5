"""Operations of the `tsc` dialect that factor batches of matrices, and solve equations with the factors."""

from __future__ import annotations

from typing import Any, Self

from xdsl.dialects.builtin import IntegerAttr, TensorType, i32
from xdsl.ir import Attribute, SSAValue
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from tsc.dialects.loop_builder import element_of
from tsc.dialects.loop_extents import shape_of
from tsc.dialects.sized import sized
from tsc.dialects.torch_base import TorchOp
from tsc.dims import alike, is_one


class MatrixOp(TorchOp):
    """What the operations have in common. Matrices are row-major, ``tensor<BxNxMxE>``, and those of a batch
    are independent of each other. An operand that belongs to all of them may be a batch of one.
    """

    trait_list = (Pure(),)

    @property
    def operations(self) -> int:
        """Floating-point operations for one matrix, about."""
        raise NotImplementedError

    def flag(self, name: str) -> bool:
        """An attribute that is a bool."""
        attribute = self.attributes[name]
        assert isinstance(attribute, IntegerAttr)
        return bool(attribute.value.data)

    def require_square(self, value: SSAValue) -> None:
        """Raise a `VerifyException` unless a tensor is a batch of square matrices."""
        shape = shape_of(value)
        if len(shape) != 3 or shape[1] != shape[2]:
            raise VerifyException(f"{self.name}: requires a batch of square matrices; got {shape}")

    def require_batch(self, value: SSAValue, wanted: SSAValue, rows: int) -> None:
        """Raise a `VerifyException` unless `value` has as many rows, for each batch of `wanted` or all."""
        shape, batches = shape_of(value), shape_of(wanted)[0]
        if shape[1] != rows or not (is_one(shape[0]) or alike([shape[0]], [batches])):
            raise VerifyException(f"{self.name}: requires {rows} rows for {batches} batches; got {shape}")


class TriangularSolveOp(MatrixOp):
    """``%x = "tsc.triangular_solve"(%a, %b) {upper, unit, transposed}``: the ``x`` with ``a x = b``, or
    ``transpose(a) x = b``.

    ``(tensor<BxNxNxE>, tensor<BxNxMxE>) -> tensor<BxNxMxE>``. Of `a` one triangle is read, with ones for its
    diagonal if it is `unit`. Where the diagonal has a zero the result has no meaning.
    """

    name = "tsc.triangular_solve"

    @classmethod
    def of(
        cls, a: SSAValue, b: SSAValue, *, upper: bool, unit: bool = False, transposed: bool = False
    ) -> Self:
        """The solution for `b`."""
        flags = {"upper": upper, "unit": unit, "transposed": transposed}
        attributes: dict[str, Attribute] = {name: IntegerAttr.from_bool(on) for name, on in flags.items()}
        return cls.create(operands=[a, b], result_types=[b.type], attributes=attributes)

    @property
    def factor(self) -> SSAValue:
        """The triangle."""
        return self.operands[0]

    @property
    def right(self) -> SSAValue:
        """The right sides, one a column."""
        return self.operands[1]

    @property
    def runs_up(self) -> bool:
        """Whether the last row is known first."""
        return self.flag("upper") != self.flag("transposed")

    @property
    def operations(self) -> int:
        """A multiplication and an addition for each element of the triangle and each column."""
        _, size, columns = shape_of(self.right)
        return size * size * columns

    def verify_(self) -> None:
        """Rows and batches agree."""
        self.require_square(self.factor)
        self.require_batch(self.factor, self.right, shape_of(self.right)[1])
        if self.results[0].type != self.right.type:
            raise VerifyException(f"{self.name}: requires {self.right.type}; got {self.results[0].type}")


class CholeskyOp(MatrixOp):
    """``%l, %info = "tsc.cholesky"(%a) {upper}``: the triangle ``l`` with ``l transpose(l) = a``, or with
    ``transpose(l) l = a`` if it is `upper`, and zeros beside it.

    ``tensor<BxNxNxE> -> (tensor<BxNxNxE>, tensor<Bxi32>)``. Of `a` the same triangle is read. `info` is 0, or
    the order of the first leading minor that is not positive; the factor has no meaning then.
    """

    name = "tsc.cholesky"

    @classmethod
    def of(cls, a: SSAValue, *, upper: bool) -> Self:
        """The factor of `a`."""
        info = TensorType(i32, sized([shape_of(a)[0]]))
        attributes: dict[str, Attribute] = {"upper": IntegerAttr.from_bool(upper)}
        return cls.create(operands=[a], result_types=[a.type, info], attributes=attributes)

    @property
    def operations(self) -> int:
        """A third of a cube."""
        size = shape_of(self.operands[0])[1]
        return size**3 // 3

    def verify_(self) -> None:
        """Matrices are square, and the factor is as large."""
        self.require_square(self.operands[0])
        if self.results[0].type != self.operands[0].type:
            raise VerifyException(
                f"{self.name}: requires {self.operands[0].type}; got {self.results[0].type}"
            )


class LuOp(MatrixOp):
    """``%lu, %pivots, %info = "tsc.lu"(%a)``: both triangles of ``a = p l u`` in one matrix, where ``l`` has
    ones on its diagonal, and rows are exchanged so that no element of it is larger.

    ``tensor<BxNxNxE> -> (tensor<BxNxNxE>, tensor<BxNxi32>, tensor<Bxi32>)``. `pivots` says with which row,
    counted from 1, each was exchanged; `info` is 0, or which is the first zero on the diagonal of ``u``.
    """

    name = "tsc.lu"

    @classmethod
    def of(cls, a: SSAValue) -> Self:
        """The factors of `a`."""
        batches, size, _ = shape_of(a)
        results: list[TensorType[Any]] = [
            TensorType(i32, sized([batches, size])), TensorType(i32, sized([batches])),
        ]  # fmt: skip
        return cls.create(operands=[a], result_types=[a.type, *results])

    @property
    def operations(self) -> int:
        """Two thirds of a cube."""
        size = shape_of(self.operands[0])[1]
        return 2 * size**3 // 3

    def verify_(self) -> None:
        """Matrices are square, and the factors are as large."""
        self.require_square(self.operands[0])
        batches, size, _ = shape_of(self.operands[0])
        if not alike(shape_of(self.results[1]), [batches, size]):
            raise VerifyException(
                f"{self.name}: requires {size} pivots for {batches} batches; got {self.results[1].type}"
            )


class ExchangeRowsOp(MatrixOp):
    """``%x = "tsc.exchange_rows"(%b, %pivots) {backwards}``: `b` after its rows were exchanged one after the
    other, as `LuOp` says, or in the opposite order.

    ``(tensor<BxNxMxE>, tensor<BxNxi32>) -> tensor<BxNxMxE>``. A pivot outside ``[1, N]`` stands for the
    nearest inside.
    """

    name = "tsc.exchange_rows"

    @classmethod
    def of(cls, source: SSAValue, pivots: SSAValue, *, backwards: bool = False) -> Self:
        """The rows of `source` in another order."""
        attributes: dict[str, Attribute] = {"backwards": IntegerAttr.from_bool(backwards)}
        return cls.create(operands=[source, pivots], result_types=[source.type], attributes=attributes)

    @property
    def source(self) -> SSAValue:
        """The matrices."""
        return self.operands[0]

    @property
    def pivots(self) -> SSAValue:
        """Which rows are exchanged."""
        return self.operands[1]

    @property
    def operations(self) -> int:
        """Nothing is computed."""
        return 0

    def verify_(self) -> None:
        """There is a pivot for each row."""
        self.require_batch(self.pivots, self.source, shape_of(self.source)[1])
        if self.results[0].type != self.source.type or element_of(self.pivots.type) != i32:
            raise VerifyException(f"{self.name}: requires {self.source.type}; got {self.results[0].type}")
