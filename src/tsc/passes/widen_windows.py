"""Pass `widen-windows`: writes into slices whose bounds loops count write the whole tensor, under a mask."""

from __future__ import annotations

from dataclasses import dataclass, field

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Block, SSAValue
from xdsl.passes import ModulePass

from tsc import dtypes
from tsc.analysis.known_values import UNKNOWN, constant_of, spec_of_type, writes_anything
from tsc.analysis.module_functions import functions
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import PrimLoopOp
from tsc.dialects.walking import walk
from tsc.dims import hint_of, is_known
from tsc.ops.composite import Aten
from tsc.ops.definition import TensorSpec
from tsc.ops.registry import find
from tsc.ops.shapes import wrap_dims
from tsc.ops.variants import functional_name
from tsc.passes.decompose import building_aten
from tsc.passes.refine_types import infer_types

SLICE = "aten::slice.Tensor"
MAY_RAISE = ("div", "floor_divide", "fmod", "remainder")
"""Operators that raise for some integers: elements that the program never computes are left alone."""

LARGEST_WHOLE = 1 << 16
"""Elements of a tensor that each round may compute in order to write a slice of it."""


@dataclass(frozen=True)
class WidenWindows(ModulePass):
    """Write all of a tensor instead of a slice of it, and elements outside the slice as they were; what is
    written there is computed for the whole as well. So sizes are known, which a loop would change each round.

    Requires: types are refined.
    Leaves: slices whose bounds may count from the end, and writes of what is not computed element by element
    from slices with the same bounds.

    ```mlir
    %k = torch.aten.slice.Tensor %keep, %int0, %i, %none, %int1
    %a = torch.aten.slice.Tensor %row, %int0, %i, %none, %int1
    torch.aten.logical_and_ %k, %a
    // ->
    %w = torch.aten.where.self (%places >= %i), torch.aten.logical_and(%keep, %row), %keep
    torch.aten.copy_ %keep, %w
    ```
    """

    name = "widen-windows"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Widen the writes in the loops of every function of the module."""
        for function in functions(op):
            for loop in [inner for inner in walk(function) if isinstance(inner, PrimLoopOp)]:
                for inner in [i for i in walk(loop) if isinstance(i, AtenOp) and writes_anything(i)]:
                    _widen(inner)


def _widen(op: AtenOp) -> bool:
    """Widen one write; whether that was possible."""
    window = _Window.of(op.operands[0])
    name = functional_name(op.schema)
    functional = None if name is None else find(name)
    if window is None or functional is None or len(functional.schema.arguments) != len(op.operands):
        return False
    if not _is_elementwise(op, name or ""):
        return False
    plan = _Widening(window)
    if not all(plan.takes(operand) for operand in op.operands[1:]):
        return False
    builder = TorchBuilder(before=op)
    operands = [window.base, *(plan.widened(operand) for operand in op.operands[1:])]
    made = builder.aten(functional.name, operands, [tt.TENSOR])
    assert isinstance(made, AtenOp)
    infer_types(made)
    if made.results[0].type != window.base.type:  # it is cast to what it is stored in, or does not fit
        made.detach()
        made.erase()
        return False
    aten = building_aten(builder, [])
    whole = aten("where.self", window.mask(builder), made.results[0], window.base)
    builder.aten("aten::copy_", [window.base, whole, builder.constant(False)], [window.base.type])
    for result in op.results:
        result.replace_all_uses_with(op.operands[0])
    op.detach()
    op.erase()
    return True


@dataclass
class _Window:
    """A slice of step 1, of which not both bounds are known, and none counts from the end."""

    base: SSAValue
    spec: TensorSpec
    dim: int
    start: SSAValue
    end: SSAValue

    @classmethod
    def of(cls, value: SSAValue) -> _Window | None:
        """The window that a value is."""
        op = value.owner
        if not isinstance(op, AtenOp) or op.schema.full_name != SLICE:
            return None
        base, dim, start, end, step = op.operands
        spec = spec_of_type(base.type) if isinstance(base.type, tt.TensorType) else None
        known = constant_of(dim)
        if spec is None or not spec.ndim or known is UNKNOWN or constant_of(step) != 1:
            return None
        if hint_of(spec.size) > LARGEST_WHOLE:
            return None
        (number,) = wrap_dims([known], spec.ndim)
        if not is_known(spec.shape[number]) or not (_is_natural(start) and _is_natural(end)):
            return None
        if UNKNOWN not in (constant_of(start), constant_of(end)):
            return None
        return cls(base, spec, number, start, end)

    def is_like(self, other: _Window) -> bool:
        """Whether both have the same elements of tensors of one shape."""
        same = self.spec.shape == other.spec.shape and self.dim == other.dim
        return same and _is_same(self.start, other.start) and _is_same(self.end, other.end)

    def mask(self, builder: TorchBuilder) -> SSAValue:
        """Which elements of the whole are in it, in the dims from its own on."""
        aten: Aten = building_aten(builder, [])
        size = self.spec.shape[self.dim]
        places = aten("arange", size, dtypes.I64.code, None, None, None)
        bounds: list[SSAValue] = []
        for name, bound in (("ge", self.start), ("lt", self.end)):
            if constant_of(bound) is not None:
                bounds.append(aten(f"{name}.Scalar", places, bound))
        inside = bounds[0] if len(bounds) == 1 else aten("logical_and", *bounds)
        return aten("reshape", inside, [size, *(1 for _ in self.spec.shape[self.dim + 1 :])])


@dataclass
class _Widening:
    """Values that are computed from windows, computed from what those are windows of."""

    window: _Window
    made: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])

    def takes(self, value: SSAValue) -> bool:
        """Whether a value can be widened."""
        if not isinstance(value.type, tt.TensorType):
            return not isinstance(value.type, tt.ListType)
        if value.type.sizes == ():
            return True
        found = _Window.of(value)
        if found is not None:
            return self.window.is_like(found)
        op = value.owner
        return (
            isinstance(op, AtenOp)
            and len(op.results) == 1
            and _is_elementwise(op, op.schema.full_name)
            and any(isinstance(o.type, tt.TensorType) and o.type.sizes != () for o in op.operands)
            and all(map(self.takes, op.operands))
        )

    def widened(self, value: SSAValue) -> SSAValue:
        """The same of the whole, computed where the value is."""
        if not isinstance(value.type, tt.TensorType) or value.type.sizes == ():
            return value
        found = _Window.of(value)
        if found is not None:
            return found.base
        if value not in self.made:
            op = value.owner
            assert isinstance(op, AtenOp)
            operands = [self.widened(o) for o in op.operands]
            whole = TorchBuilder(before=op).aten(op.schema.full_name, operands, [tt.TENSOR])
            assert isinstance(whole, AtenOp)
            infer_types(whole)
            self.made[value] = whole.results[0]
        return self.made[value]


def _is_elementwise(op: AtenOp, name: str) -> bool:
    """Whether each element of what the operator `name` gives for these operands depends on theirs alone, and
    none makes it raise.
    """
    operator = find(name)
    if operator is None or operator.draws or operator.reads_places:
        return False
    stem = name.removeprefix("aten::").partition(".")[0]
    if stem in ("copy", "fill"):
        return True
    is_plain = operator.scalar is not None or operator.kind == "pointwise"
    kinds = [o.type for o in op.operands if isinstance(o.type, tt.TensorType)]
    return is_plain and not (stem in MAY_RAISE and any(not _is_float(kind) for kind in kinds))


def _is_float(kind: tt.TensorType) -> bool:
    return kind.dtype is not None and kind.dtype.is_floating


def _is_natural(value: SSAValue) -> bool:
    """Whether a bound is None or certainly no negative number: the number of a round, or a sum of such."""
    known = constant_of(value)
    if known is not UNKNOWN:
        return known is None or (type(known) is int and known >= 0)
    op = value.owner
    if isinstance(op, Block):
        return isinstance(op.parent_op(), PrimLoopOp) and value is op.args[0]
    is_sum = isinstance(op, AtenOp) and op.schema.full_name in ("aten::add.int", "aten::mul.int")
    return is_sum and all(constant_of(o) is not None and _is_natural(o) for o in op.operands)


def _is_same(a: SSAValue, b: SSAValue) -> bool:
    """Whether two natural bounds are one number."""
    if a is b:
        return True
    known = constant_of(a)
    if known is not UNKNOWN:
        return constant_of(b) == known
    first, second = a.owner, b.owner
    if not isinstance(first, AtenOp) or not isinstance(second, AtenOp) or first.name != second.name:
        return False
    return all(map(_is_same, first.operands, second.operands))
