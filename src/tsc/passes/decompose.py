"""Pass `decompose`: composite operators become the operators they are defined by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, UnitAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.fusion import tensor_operands
from tsc.analysis.known_values import UNKNOWN, argument_of, constant_of, spec_of_type, unwrapped
from tsc.analysis.memory_shapes import dims_in_memory
from tsc.analysis.operator_effects import definition_of, is_layout_read, not_repeatable
from tsc.analysis.result_layouts import is_row_major
from tsc.analysis.shown_results import is_layout_shown
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import pool_of
from tsc.dialects.torch_ops import PrimListConstructOp, PrimLoopConditionOp, PrimLoopOp
from tsc.dialects.tsc import LIES_OTHERWISE, RequireOp
from tsc.dialects.walking import walk
from tsc.errors import OPERATOR_FAILURES, UnsupportedOperatorError
from tsc.ops.composite import Aten, Round
from tsc.ops.definition import Operator, ResultLayout, TensorSpec
from tsc.ops.registry import find

TOLD_APART = (ResultLayout.SUGGESTED, ResultLayout.FOLLOWING)
"""How results lie that are not row-major of operands with channels last."""


@dataclass(frozen=True)
class Decompose(ModulePass):
    """Expand composite operators whose operands have known shapes by running their definition on a builder.

    Requires: stage `value`, types refined.
    Leaves: composites with operands of unknown shape: the generic tier runs them whole.

    ```mlir
    %1 = torch.aten.softmax.int %x, %int-1, %none
    // amax, sub, exp, sum.dim_IntList, div
    ```
    """

    name = "decompose"
    is_whole: bool = True
    """Whether the function is to be native as a whole: its results are brought into the form that callers
    see. Where Python runs it, each operator gives what it shows.
    """

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Decompose until no composite with known operands is left."""
        pending = [o for o in walk(op) if _definition(o) is not None]
        while pending:
            candidate = pending.pop()
            pending += decompose(candidate, pool_of(ctx), is_whole=self.is_whole)


def _definition(op: Operation) -> Operator | None:
    if not isinstance(op, AtenOp):
        return None
    operator = find(op.schema.full_name)
    return operator if operator is not None and operator.composite is not None else None


def decompose(op: Operation, pool: ConstantPool, *, is_whole: bool = True) -> list[Operation]:
    """Expand one composite; the composites among the new operations. Nothing happens where operands are not
    known. `pool` has the arrays of constants; of `is_whole` see `Decompose`.
    """
    operator = _definition(op)
    assert operator is not None
    assert operator.composite is not None
    arguments = [argument_in_definition(o) for o in op.operands]
    if any(a is UNKNOWN for a in arguments) or not _is_in_order(op, operator, pool):
        return []
    made: list[Operation] = []
    before, builder = op.prev_op, TorchBuilder(before=op)
    aten = building_aten(builder, made)
    try:
        if operator.reads_layout:
            arguments[0] = _as_in_memory(aten, op.operands[0], pool)
        result = operator.composite(aten, *arguments)
    except OPERATOR_FAILURES:
        _erase_between(before, op)
        return []  # the call is wrong: it stays, and raises when the program runs
    values = list(cast("tuple[Any, ...]", result)) if isinstance(result, tuple) else [result]
    if operator.result_layout in TOLD_APART and any(
        _is_seen(old, is_whole=is_whole) and not _tells_apart(value)
        for old, value in zip(op.results, values, strict=True)
    ):
        _erase_between(before, op)
        return []  # only the operator as a whole lays its results out as they are seen
    lies_otherwise = operator.result_layout.follows_operands and not all(
        is_row_major(operand, pool) for operand in tensor_operands(op)
    )
    for old, value in zip(op.results, values, strict=True):
        if isinstance(value, list):
            value = _gathered(builder, old, cast("list[SSAValue]", value))
        if value.owner in made:
            value = _laid_out(aten, operator, old, value, is_whole=is_whole)
            if lies_otherwise:
                value.owner.attributes[LIES_OTHERWISE] = UnitAttr()
        if value.name_hint is None:
            value.name_hint = old.name_hint
        old.replace_all_uses_with(value)
    op.detach()
    op.erase()
    return [new for new in made if _definition(new) is not None]


def _is_in_order(op: Operation, operator: Operator, pool: ConstantPool) -> bool:
    """Whether the elements of tensors certainly lie in the order in which random numbers are for them."""
    return not operator.fills_memory or all(is_row_major(operand, pool) for operand in tensor_operands(op))


def _as_in_memory(aten: Aten, value: Any, pool: ConstantPool) -> Any:
    """A tensor with its dims in the order they have in memory: what reads that is defined for row-major ones.

    Raises:
        UnsupportedOperatorError: the order is not known.
    """
    order = dims_in_memory(value, pool)
    if order is None:
        raise UnsupportedOperatorError("it is not known how a tensor lies in memory")
    return aten("permute", value, order)


def _erase_between(before: Operation | None, op: Operation) -> None:
    while (new := op.prev_op) is not before:
        assert new is not None
        new.detach()
        new.erase()


def _is_seen(old: SSAValue, *, is_whole: bool) -> bool:
    """Whether it is seen how the result of an operator lies in memory."""
    is_mutable = not isinstance(old.type, tt.ValueTensorType)
    return is_mutable or is_layout_read(old) or (not is_whole and is_layout_shown(old))


def _tells_apart(value: Any) -> bool:
    """Whether a value is laid out by an operator that looks at how its operands lie, or is a view."""
    owner = value.owner if isinstance(value, SSAValue) else None
    operator = definition_of(owner) if isinstance(owner, Operation) else None
    return operator is None or operator.may_share or operator.result_layout in TOLD_APART


def _gathered(builder: TorchBuilder, old: SSAValue, values: Sequence[SSAValue]) -> SSAValue:
    """A list of `values` in place of the list `old`."""
    assert isinstance(old.type, tt.ListType)
    return builder.list(old.type.data, values)


def _laid_out(aten: Aten, operator: Operator, old: SSAValue, value: Any, *, is_whole: bool) -> Any:
    """The new `value` in place of `old`: mutable if that was, and where its memory is seen, laid out as the
    operator as a whole lays it out.
    """
    is_mutable = not isinstance(old.type, tt.ValueTensorType)
    if is_mutable:
        value._type = tt.TensorType(value.type.data)  # the program may write to it
    is_row_major = operator.result_layout is ResultLayout.ROW_MAJOR and not operator.may_share
    return aten("contiguous", value, 0) if is_row_major and _is_seen(old, is_whole=is_whole) else value


def argument_in_definition(value: SSAValue) -> Any:
    """What a definition gets: the SSA value of a tensor, lists of them, Python constants."""
    known = argument_of(value)
    if known is UNKNOWN:
        return UNKNOWN
    value = unwrapped(value)
    if isinstance(value.type, tt.TensorType):
        return value
    if isinstance(value.owner, PrimListConstructOp) and _holds_tensors(known):
        return [argument_in_definition(o) for o in value.owner.operands]
    return constant_of(value) if constant_of(value) is not UNKNOWN else known


def _holds_tensors(known: object) -> bool:
    return isinstance(known, list) and any(isinstance(k, TensorSpec) for k in cast("list[Any]", known))


class BuildingAten(Aten):
    """An `Aten` that emits operations with a builder."""

    def __init__(
        self, call: Callable[..., Any], spec: Callable[[Any], TensorSpec], scan: Callable[..., Any],
        builder: TorchBuilder,
    ) -> None:  # fmt: skip
        super().__init__(call, spec, scan, self._required)
        self.builder = builder

    def _required(self, holds: SSAValue) -> None:
        """Require what a bool without dims says, in a function that may be done twice."""
        function = self.builder.before
        while function is not None and not isinstance(function, FuncOp):
            function = function.parent_op()
        if function is None or not_repeatable(function) is not None:
            raise UnsupportedOperatorError("what it requires can be found wanting after something was done")
        number = self.builder.aten("aten::Bool.Tensor", [holds], [tt.BOOL]).results[0]
        self.builder.insert(RequireOp.create(operands=[number]))


def building_aten(builder: TorchBuilder, made: list[Operation]) -> BuildingAten:
    """An `Aten` that emits operations; each is appended to `made`."""

    def call(operator: Operator, arguments: Sequence[Any]) -> Any:
        if operator.infer is None:
            raise TypeError(f"{operator.name}: its result shape is not known before it runs")
        inferred = operator.infer(*(_spec_argument(operator, i, a) for i, a in enumerate(arguments)))
        formals = operator.schema.arguments
        operands = [_operand(builder, a, f.type) for a, f in zip(arguments, formals, strict=True)]
        specs = cast("tuple[Any, ...]", inferred) if isinstance(inferred, tuple) else (inferred,)
        if isinstance(inferred, list):
            raise TypeError(f"{operator.name}: lists of tensors are not built here")
        kind = tt.TensorType if _shows_mutable(operator, operands) else tt.ValueTensorType
        op = builder.aten(operator.name, operands, [kind.of(s.shape, s.dtype) for s in specs])
        made.append(op)
        return op.results[0] if len(op.results) == 1 else tuple(op.results)

    def spec(value: Any) -> TensorSpec:
        found = spec_of_type(value.type)
        assert found is not None
        return found

    def scan(aten: Aten, count: int, given: Sequence[Any], body: Round) -> tuple[Sequence[Any], Any]:
        given = [v if isinstance(v.type, tt.ValueTensorType) else aten("clone", v, None) for v in given]
        block = Block(arg_types=[tt.INT, *(value.type for value in given)])
        inside = TorchBuilder(block)
        inside.location = builder.location
        number, *carried = block.args
        within = building_aten(inside, made)
        following, output = body(within, number, carried)
        shape = [count, *aten.shape(output)]
        empty = aten("zeros", shape, aten.dtype(output).code)
        filled = block.insert_arg(empty.type, len(block.args))
        carried = [*following, within("select_scatter", filled, output, 0, number)]
        inside.create(PrimLoopConditionOp, [inside.constant(value=True), *carried])
        operands = [builder.constant(count), builder.constant(value=True), *given, empty]
        kinds = [value.type for value in (*given, empty)]
        loop = builder.create(PrimLoopOp, operands, kinds, regions=[Region(block)])
        made.append(loop)
        *last, outputs = loop.results
        return last, outputs

    return BuildingAten(call, spec, scan, builder)


def _shows_mutable(operator: Operator, operands: Sequence[SSAValue]) -> bool:
    """Whether a result may be memory that the program writes to."""
    return operator.may_share and any(type(v.type) is tt.TensorType for v in operands)


def _spec_argument(operator: Operator, position: int, argument: Any) -> Any:
    if isinstance(argument, SSAValue):
        if cast("SSAValue", argument).type is tt.INT and operator.decides_elements_only(position):
            return 0
        if not isinstance(argument.type, tt.TensorType):  # pyright: ignore[reportUnknownMemberType]
            raise TypeError(f"requires a tensor; got {argument.type}")  # pyright: ignore[reportUnknownMemberType]
        return spec_of_type(argument.type)
    if isinstance(argument, list):
        return [_spec_argument(operator, position, a) for a in argument]  # pyright: ignore[reportUnknownVariableType]
    return argument


def _operand(builder: TorchBuilder, argument: Any, formal: tt.TorchType) -> SSAValue:
    if isinstance(argument, SSAValue):
        return argument  # pyright: ignore[reportUnknownVariableType]
    wanted = formal.data if isinstance(formal, tt.OptionalType) else formal
    if isinstance(argument, (list, tuple)):
        parts = [_operand(builder, a, wanted.data) for a in argument]  # pyright: ignore[reportUnknownVariableType]
        element = parts[0].type if parts and isinstance(parts[0].type, tt.TensorType) else wanted.data
        return builder.list(tt.ValueTensorType() if isinstance(element, tt.TensorType) else element, parts)
    if wanted is tt.FLOAT and isinstance(argument, int) and not isinstance(argument, bool):
        argument = float(argument)
    if wanted is tt.DEVICE and isinstance(argument, str):
        return builder.device(argument)
    return builder.constant(argument)
