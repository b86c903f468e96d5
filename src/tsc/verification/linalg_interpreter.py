"""Runs functions of the `linalg` stage with NumPy: all parallel points at once, reductions in steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, cast

import numpy as np
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, DenseResourceAttr
from xdsl.dialects.func import CallOp, FuncOp
from xdsl.dialects.linalg.attrs import IteratorType
from xdsl.dialects.linalg.ops import GenericOp, IndexOp
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineBinaryOpExpr, AffineConstantExpr, AffineDimExpr, AffineMap

from tsc.dialects.constants import ConstantPool, dense_array
from tsc.dialects.sized import BindSizeOp, SizeOp, mixed
from tsc.dialects.tsc import ScatterOp
from tsc.dialects.tsc_fourier import FourierOp, Transform
from tsc.dialects.tsc_matrices import CholeskyOp, ExchangeRowsOp, LuOp, TriangularSolveOp
from tsc.dialects.tsc_order import OrderOp, OrderStatisticOp, SortOp, TopKOp
from tsc.dialects.tsc_places import PlacesOp
from tsc.dialects.tsc_random import RandomOp
from tsc.dims import Atom, Dim
from tsc.dtypes import Array
from tsc.narrowing import is_list
from tsc.ops.matrix_arrays import cholesky_of, exchanged, lu_of, substituted
from tsc.ops.registry import require
from tsc.ops.selection import selected
from tsc.verification.scalar_operations import numpy_type, scalar_operation, unsigned

_AFFINE: dict[str, Callable[..., Any]] = {
    "Add": np.add, "Mul": np.multiply, "Mod": np.mod, "FloorDiv": np.floor_divide,
}  # fmt: skip


def signless(x: Array) -> Array:
    """The same bits as the stage has them: integers are signed, complex numbers pairs of parts."""
    if x.dtype.kind == "c":
        return np.stack([x.real, x.imag], -1)
    return x.view(np.int8) if x.dtype == np.uint8 else np.asarray(x)


class LinalgInterpreter:
    """Evaluates the operations of a function in order; of a host function with its constants, and with the
    kernels it calls.
    """

    def __init__(
        self,
        constants: ConstantPool | None = None,
        functions: Mapping[str, FuncOp] | None = None,
        sizes: dict[Atom, int] | None = None,
    ) -> None:
        self.sizes: dict[Atom, int] = {} if sizes is None else sizes
        """The sizes that were found."""
        self.values: dict[SSAValue, Any] = {}
        self.constants = constants
        self.functions = functions or {}

    def run(self, block: Block, arguments: Sequence[Array]) -> list[Array]:
        """The results of the block's ``func.return``."""
        self.values.update(zip(block.args, arguments, strict=True))
        for op in block.ops:
            if op.name == "func.return":
                return [self.values[o] for o in op.operands]
            self.operation(op)
        raise AssertionError("the kernel does not return")

    def operation(self, op: Operation) -> None:
        """Evaluate one operation outside a body."""
        rule = getattr(self, op.name.replace(".", "_"), None)
        result = rule(op) if rule is not None else scalar_operation(op, [self.values[o] for o in op.operands])
        values = result if is_list(result) else [result]
        self.values.update(zip(op.results, values, strict=True))

    def shape_of(self, kind: Any) -> list[int]:
        """The shape that a type says, in this run."""
        return [self.size(n) for n in kind.get_shape()]

    def size(self, size: int) -> int:
        """A size in this run."""
        return size.value(self.sizes) if isinstance(size, Dim) else size

    def affine(self, mapping: AffineMap) -> AffineMap:
        """A map with numbers for sizes."""
        if not any(isinstance(getattr(e, "value", 0), Dim) for r in mapping.results for e in r.dfs()):
            return mapping
        return AffineMap(mapping.num_dims, 0, tuple(map(self._expression, mapping.results)))

    def _expression(self, expression: Any) -> Any:
        if isinstance(expression, AffineConstantExpr):
            return AffineConstantExpr(self.size(expression.value))
        if isinstance(expression, AffineDimExpr):
            return expression
        parts = (self._expression(part) for part in (expression.lhs, expression.rhs))
        return AffineBinaryOpExpr(expression.kind, *parts)

    def tsc_size(self, op: SizeOp) -> Any:
        return np.int64(self.size(cast("int", op.size)))

    def tsc_bind_size(self, op: BindSizeOp) -> list[Any]:
        self.sizes[next(op.size.atoms)] = int(self.values[op.operands[0]])
        return []

    def tsc_places(self, op: PlacesOp) -> Array:
        return np.flatnonzero(self.values[op.mask])[: self.size(op.count)].astype(np.int64)

    def scf_if(self, op: Operation) -> list[Any]:
        number = 0 if self.values[op.operands[0]] else 1
        return self._region(op.regions[number].block, [])

    def scf_while(self, op: Operation) -> list[Any]:
        carried = [self.values[o] for o in op.operands]
        while True:
            go, *carried = self._region(op.regions[0].block, carried)
            if not go:
                return carried
            carried = self._region(op.regions[1].block, carried)

    def _region(self, block: Block, arguments: Sequence[Any]) -> list[Any]:
        self.values.update(zip(block.args, arguments, strict=True))
        for op in block.ops:
            if op is block.last_op:
                return [self.values[o] for o in op.operands]
            self.operation(op)
        raise AssertionError("the region does not end")

    def tensor_extract(self, op: Operation) -> Any:
        return self.values[op.operands[0]].reshape(-1)[0]

    def tensor_from_elements(self, op: Operation) -> Array:
        return np.asarray(self.values[op.operands[0]])

    def func_call(self, op: CallOp) -> list[Array]:
        kernel = self.functions[op.callee.root_reference.data]
        return LinalgInterpreter(sizes=self.sizes).run(
            kernel.body.block, [self.values[o] for o in op.operands]
        )

    def arith_constant(self, op: Operation) -> Array:
        value = op.properties["value"]
        if isinstance(value, DenseIntOrFPElementsAttr):
            return signless(dense_array(cast("DenseIntOrFPElementsAttr[Any]", value)))
        if not isinstance(value, DenseResourceAttr):
            return scalar_operation(op, [])
        assert self.constants is not None
        return signless(self.constants[value.resource_handle.data])

    def tensor_empty(self, op: Operation) -> Array:
        kind: Any = op.results[0].type
        return np.zeros(self.shape_of(kind), numpy_type(kind.element_type))

    def linalg_fill(self, op: Operation) -> Array:
        value, target = (self.values[o] for o in op.operands)
        return np.full(target.shape, value, target.dtype)

    def tensor_collapse_shape(self, op: Operation) -> Array:
        kind: Any = op.results[0].type
        return self.values[op.operands[0]].reshape(self.shape_of(kind))

    tensor_expand_shape = tensor_collapse_shape

    def tensor_pad(self, op: Any) -> Array:
        body = op.region.block
        (value,) = [self.body_value(body, y) for y in body.last_op.operands]
        widths = list(zip(op.static_low.get_values(), op.static_high.get_values(), strict=True))
        return np.pad(self.values[op.operands[0]], widths, constant_values=value)

    def body_value(self, block: Block, value: SSAValue) -> Any:
        """A value computed in a body without arguments."""
        for op in block.ops:
            if value in op.results:
                return scalar_operation(op, [self.body_value(block, o) for o in op.operands])
        return self.values[value]

    def tensor_extract_slice(self, op: Operation) -> Array:
        kind: Any = op.results[0].type
        return self.values[op.operands[0]][tuple(slice(n) for n in self.shape_of(kind))]

    def tensor_insert_slice(self, op: Any) -> Array:
        source, target = (self.values[o] for o in op.operands[:2])
        result = target.copy()
        places = zip(
            map(self.size, mixed(op.static_offsets.get_values(), op.offsets)),
            map(self.size, mixed(op.static_sizes.get_values(), op.sizes)),
            strict=True,
        )
        result[tuple(slice(o, o + n) for o, n in places)] = source
        return result

    def tsc_scatter(self, op: ScatterOp) -> Array:
        base, positions, values = (self.values[o] for o in op.operands)
        result = base.copy()
        batches, rows, size = base.shape
        count = (
            max(positions.shape[1], values.shape[1]) if base.size and positions.size and values.size else 0
        )
        positions = np.broadcast_to(np.clip(positions, 0, max(rows - 1, 0)), (batches, count))
        values = np.broadcast_to(values, (batches, count, size))
        for batch, number in product(range(batches), range(count)):
            row = result[batch, positions[batch, number]]
            (made,) = Body(self, op.body, [row, values[batch, number]], [], row.shape).results()
            row[...] = made
        return result

    def tsc_sort(self, op: SortOp) -> list[Array]:
        return self.ordered(op, np.argsort(self.keys(op), axis=1, kind="stable"))

    def tsc_topk(self, op: TopKOp) -> list[Array]:
        keys = np.moveaxis(self.keys(op), 1, -1)
        chosen = [selected(line.tolist(), op.count, op.in_order) for line in keys.reshape(-1, keys.shape[-1])]
        places = np.array(chosen, np.int64).reshape(*keys.shape[:-1], op.count)
        return self.ordered(op, np.moveaxis(places, -1, 1))

    def tsc_order_statistic(self, op: OrderStatisticOp) -> list[Array]:
        places = np.argsort(self.keys(op), axis=1, kind="stable")
        ranks = np.clip(self.values[op.ranks], 0, places.shape[1] - 1)[:, None]
        return self.ordered(op, np.take_along_axis(places, ranks, 1))

    def tsc_fourier(self, op: FourierOp) -> list[Array]:
        planes = [self.values[p] for p in op.planes]
        x = planes[0] + 1j * planes[1] if len(planes) > 1 else planes[0]
        plan, norm = op.plan, "forward" if op.is_inverse else "backward"
        if plan.transform is Transform.FROM_HALF:
            made = np.fft.irfft(x, plan.extent, 1, "forward") * op.scale
        elif plan.transform is Transform.TO_HALF:
            made = np.fft.rfft(x, plan.extent, 1) * op.scale
        else:
            made = (np.fft.ifft if op.is_inverse else np.fft.fft)(x, plan.extent, 1, norm) * op.scale
        kinds: list[Any] = [r.type for r in op.results]
        work: Array = np.zeros(kinds[-1].get_shape())
        parts: list[Array] = [made, work] if len(op.made) == 1 else [made.real, made.imag, work]
        return [p.astype(numpy_type(k.element_type)) for p, k in zip(parts, kinds, strict=True)]

    def tsc_triangular_solve(self, op: TriangularSolveOp) -> Array:
        a, b = (self.values[o] for o in op.operands)
        a = a.swapaxes(1, 2) if op.flag("transposed") else a
        return substituted(a, b, upper=op.runs_up, unit=op.flag("unit"))

    def tsc_cholesky(self, op: CholeskyOp) -> list[Array]:
        a = self.values[op.operands[0]]
        lower = a.swapaxes(1, 2) if op.flag("upper") else a
        factor, info = cholesky_of(np.tril(lower))
        return [factor.swapaxes(1, 2) if op.flag("upper") else factor, info]

    def tsc_lu(self, op: LuOp) -> list[Array]:
        return list(lu_of(self.values[op.operands[0]]))

    def tsc_exchange_rows(self, op: ExchangeRowsOp) -> Array:
        source, pivots = (self.values[o] for o in op.operands)
        return exchanged(source, pivots, backwards=op.flag("backwards"))

    def tsc_random_words(self, op: RandomOp) -> list[Array]:
        return self._drawn(op, "random_words")

    def tsc_random_doubles(self, op: RandomOp) -> list[Array]:
        return self._drawn(op, "random_doubles")

    def tsc_random_blocks(self, op: RandomOp) -> list[Array]:
        return self._drawn(op, "random_blocks")

    def tsc_random_pairs(self, op: RandomOp) -> list[Array]:
        return self._drawn(op, "random_pairs")

    def _drawn(self, op: RandomOp, name: str) -> list[Array]:
        count = self.shape_of(op.results[0].type)[0]
        return list(require(f"tsc::{name}").eager(self.values[op.operands[0]], count))

    def keys(self, op: OrderOp) -> Array:
        """The keys of all elements."""
        source = self.values[op.source]
        (made,) = Body(self, op.body, [source], [], source.shape).results()
        return unsigned(made)

    def ordered(self, op: OrderOp, places: Array) -> list[Array]:
        """The elements at `places` of each line, the places, and the memory to work in."""
        values = np.take_along_axis(self.values[op.source], places, 1)
        kind: Any = op.memory.type
        return [values, places.astype(np.int64), np.zeros(self.shape_of(kind), np.int8)]

    def linalg_generic(self, op: GenericOp) -> list[Array]:
        """Run the body once per point of the reduction dims, over all points of the parallel dims."""
        kinds = [k.data for k in op.iterator_types]
        maps = [self.affine(m.data) for m in op.indexing_maps]
        inputs = [self.values[o] for o in op.inputs]
        outputs = [self.values[o].copy() for o in op.outputs]
        ranges = extents(len(kinds), maps, [*inputs, *outputs], len(inputs))
        reduced = [i for i, k in enumerate(kinds) if k is IteratorType.REDUCTION]
        for step in product(*(range(ranges[i]) for i in reduced)):
            point = dict(zip(reduced, step, strict=True))
            grid = [
                np.asarray(point[i])
                if i in point
                else np.arange(n).reshape([-1 if j == i else 1 for j in range(len(ranges))])
                for i, n in enumerate(ranges)
            ]
            self.step(op, grid, [1 if i in point else n for i, n in enumerate(ranges)], maps, inputs, outputs)
        return outputs

    def step(
        self,
        op: GenericOp,
        grid: list[Array],
        shape: list[int],
        maps: list[AffineMap],
        inputs: list[Array],
        outputs: list[Array],
    ) -> None:
        """One step of the reduction dims."""
        arrays = [*inputs, *outputs]
        read = [a[places(m, grid, shape)] for a, m in zip(arrays, maps, strict=True)]
        body = Body(self, op.body.block, read, grid, shape)
        for target, mapping, value in zip(outputs, maps[len(inputs) :], body.results(), strict=True):
            where, values = places(mapping, grid, shape), np.broadcast_to(value, shape)
            target[where] = values if where else values.reshape(())


def extents(rank: int, maps: Sequence[AffineMap], arrays: Sequence[Array], inputs: int) -> list[int]:
    """The extent of each iteration dim: what the outputs say, else the inputs, which may be read in part."""
    found: dict[int, int] = {}
    pairs = [*zip(maps, arrays, strict=True)]
    for mapping, array in pairs[inputs:] + pairs[:inputs]:
        for result, extent in zip(mapping.results, array.shape, strict=True):
            if isinstance(result, AffineDimExpr):
                found.setdefault(result.position, extent)
    return [found[i] for i in range(rank)]


def places(mapping: AffineMap, grid: Sequence[Array], shape: Sequence[int]) -> tuple[Array, ...]:
    """The indices a map gives, over the whole grid."""
    return tuple(np.broadcast_to(affine_value(r, grid), shape) for r in mapping.results)


def affine_value(expression: Any, grid: Sequence[Array]) -> Any:
    """An affine expression of arrays."""
    if isinstance(expression, AffineDimExpr):
        return grid[expression.position]
    if isinstance(expression, AffineConstantExpr):
        return np.asarray(expression.value)
    left, right = affine_value(expression.lhs, grid), affine_value(expression.rhs, grid)
    return _AFFINE[expression.kind.name](left, right)


class Body:
    """The body of a generic on arrays of all its points."""

    def __init__(
        self,
        outer: LinalgInterpreter,
        block: Block,
        read: Sequence[Array],
        grid: Sequence[Array],
        shape: Sequence[int],
    ) -> None:
        self.outer, self.block, self.grid, self.shape = outer, block, grid, shape
        self.values: dict[SSAValue, Any] = dict(zip(block.args, read, strict=True))

    def results(self) -> list[Any]:
        """What the body yields."""
        for op in self.block.ops:
            if op.name in ("linalg.yield", "tsc.yield"):
                return [self.values[o] for o in op.operands]
            self.values[op.results[0]] = self.value(op)
        raise AssertionError("the body does not yield")

    def value(self, op: Operation) -> Any:
        """The result of one operation."""
        if isinstance(op, IndexOp):
            return np.broadcast_to(self.grid[op.dim.value.data], self.shape)
        if isinstance(op, SizeOp):
            return self.outer.tsc_size(op)
        operands = [self.values[o] if o in self.values else self.outer.values[o] for o in op.operands]
        if op.name == "tensor.extract":
            return operands[0][tuple(operands[1:])]
        return scalar_operation(op, operands)
