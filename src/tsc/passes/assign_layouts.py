"""Pass `assign-layouts`: how every tensor of the host function lies in memory, stated in its type."""

from dataclasses import dataclass, field
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects import arith, func, scf, tensor
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    DenseResourceAttr,
    ModuleOp,
    StringAttr,
)
from xdsl.dialects.linalg import ops as linalg
from xdsl.ir import Block, Operation, SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.cache_lines import LINE_BYTES, rows_collide
from tsc.analysis.kernel_model import read_kernel
from tsc.analysis.known_values import is_within
from tsc.analysis.layouts import Layout, element_bytes, is_tensor, layout_of, tensor_type
from tsc.analysis.module_functions import is_kernel
from tsc.analysis.target import AVX2, Target
from tsc.passes.kernels.compose import is_copy
from tsc.passes.kernels.preferences import Origin, choose_weights, preferences
from tsc.passes.kernels.retype import make_copy, retype_kernel, set_layout
from tsc.passes.kernels.view_maps import halo_through, view_layout
from tsc.passes.schedules.tiles import most_rows

ROUNDS = 16
"""How often a loop is taken to run: what it reads is worth being copied before."""


@dataclass(frozen=True)
class AssignLayouts(ModulePass):
    """Choose encodings: channels last inside convolutional regions, halos where a reader pads, weights in
    panels.

    Requires: the output of `split-kernels`.
    Leaves: every tensor type of the host and of kernel signatures says how it lies in memory; arguments and
    results
    of the host are row-major; copies stand where layouts meet; each call has a kernel of its own.

    ```mlir
    %y = func.call @conv(%x, %w) : (tensor<1x64x56x56xf32>, tensor<64x64x3x3xf32>) -> tensor<1x64x56x56xf32>
    // becomes, if a padded convolution reads %y
    %y = func.call @conv(%x, %w) : (tensor<1x64x56x56xf32, {order = ...}>, tensor<64x64x3x3xf32, {pack =
    ...}>)
        -> tensor<1x64x56x56xf32, {order = array<i64: 0, 2, 3, 1>, low = ..., high = ...}>
    ```

    `machine` decides the width of panels.
    """

    name = "assign-layouts"

    machine: Target | None = None

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Walk each host function once, in order."""
        functions = [f for f in op.ops if isinstance(f, func.FuncOp)]
        kernels = {f.sym_name.data: f for f in functions if is_kernel(f)}
        assigner = _Assigner(op, self.machine or AVX2, kernels)
        for function in functions:
            if not is_kernel(function):
                assigner.host(function)
        for kernel in kernels.values():
            if kernel.sym_name.data not in assigner.used:
                kernel.detach()
                kernel.erase()


@dataclass
class _Assigner:
    """The state of the walk: kernels, and copies that were made."""

    module: ModuleOp
    target: Target
    kernels: dict[str, func.FuncOp]
    used: set[str] = field(default_factory=set[str])
    copies: dict[tuple[SSAValue, Layout], SSAValue] = field(
        default_factory=dict[tuple[SSAValue, Layout], SSAValue]
    )
    count: int = 0

    def host(self, function: func.FuncOp) -> None:
        """Assign layouts in one host function."""
        self._block(function.body.block)

    def _block(self, block: Block) -> None:
        for op in list(block.ops):
            match op:
                case func.CallOp():
                    self._call(op)
                case tensor.CollapseShapeOp() | tensor.ExpandShapeOp():
                    self._reshape(op)
                case scf.IfOp() | scf.ForOp() | scf.WhileOp():
                    self._control(op)
                case func.ReturnOp() | scf.YieldOp() | scf.ConditionOp():
                    self._row_major_operands(op)
                case _:
                    pass

    def _control(self, op: Operation) -> None:
        if isinstance(op, scf.ForOp | scf.WhileOp):
            self._row_major_operands(op)
        for region in op.regions:
            for block in region.blocks:
                self._block(block)

    def _row_major_operands(self, op: Operation) -> None:
        """Results, and what passes through control flow, are plain arrays."""
        for number, value in enumerate(op.operands):
            if is_tensor(value) and not layout_of(value.type).is_row_major:
                op.operands[number] = self._converted(value, _plain(value), op)

    # Reshapes

    def _reshape(self, op: tensor.CollapseShapeOp | tensor.ExpandShapeOp) -> None:
        """Free where the memory allows it; a constant simply takes the new shape."""
        source = op.src
        owner = source.owner
        if isinstance(owner, arith.ConstantOp):
            constant = _constant_of(owner, _plain(op.result))
            _insert_before(constant, op)
            op.result.replace_all_uses_with(constant.result)
            op.detach()
            op.erase()
            return
        viewed = view_layout(layout_of(source.type), op)
        if viewed is None:
            op.operands[0] = self._converted(source, _plain(source), op)
            viewed = _plain(op.result)
        set_layout(op.result, viewed)

    # Calls

    def _call(self, call: func.CallOp) -> None:
        kernel = self._own_kernel(call)
        call = _with_weights_apart(call, kernel)
        given = [layout_of(v.type) for v in call.arguments]
        origins, readers = list(map(_origin, call.arguments)), list(map(_readers, call.arguments))
        leaves = all(_only_leaves(value) for value in call.res)
        wanted = preferences(kernel, given, origins, self.target, readers, leaves=leaves)
        arguments: list[Layout] = []
        for number, (value, layout) in enumerate(zip(call.arguments, wanted.arguments, strict=True)):
            if layout is not None and not _satisfies(given[number], layout):
                call.operands[number] = self._converted(value, layout, call)
            arguments.append(layout_of(call.operands[number].type))
        results = [
            self._result_layout(value, layout, wanted.kind)
            for value, layout in zip(call.res, wanted.results, strict=True)
        ]
        kernel.attributes["tsc.kind"] = StringAttr(wanted.kind)
        retype_kernel(kernel, arguments, results)
        for value, layout in zip(call.res, results, strict=True):
            set_layout(value, layout)

    def _own_kernel(self, call: func.CallOp) -> func.FuncOp:
        """Each call has its own copy of the kernel, since layouts differ by call."""
        name = call.callee.string_value()
        kernel = self.kernels[name]
        if name not in self.used:
            self.used.add(name)
            return kernel
        copy = kernel.clone()
        copy.sym_name = StringAttr(self._fresh(name))
        self.kernels[copy.sym_name.data] = copy
        self.used.add(copy.sym_name.data)
        _forget_layouts(copy)
        call.callee = type(call.callee)(copy.sym_name)
        self.module.body.block.insert_op_before(copy, kernel)
        return copy

    def _fresh(self, name: str) -> str:
        """A kernel name that is still free, in letters that every assembler takes."""
        while True:
            self.count += 1
            if f"{name}_{self.count}" not in self.kernels:
                return f"{name}_{self.count}"

    def _result_layout(self, value: SSAValue, layout: Layout, kind: str) -> Layout:
        """With the halo its readers ask for; row-major where it only leaves the function and that costs
        nothing.
        """
        users = [use.operation for use in value.uses]
        if _only_leaves(value):
            follows = kind in ("contraction", "window") and not layout.is_row_major
            return layout if follows else _plain(value)
        if any(not isinstance(u, func.CallOp | tensor.ExpandShapeOp) for u in users):
            return layout
        low, high = self._halo(value)
        return self._rows_apart(value, layout.with_halo(low, high))

    def _rows_apart(self, value: SSAValue, layout: Layout) -> Layout:
        """With a line of the cache behind each row, where rows that a product takes together would meet in
        the same lines.
        """
        users = [use.operation for use in value.uses]
        calls = [u for u in users if isinstance(u, func.CallOp)]
        if len(calls) < len(users) or not any(self._is_data(c, value) for c in calls):
            return layout
        inner = layout.order[-1]
        size, bytes_ = layout.extents[inner], element_bytes(layout.element)
        if self.target.is_gpu or not rows_collide(most_rows(self.target), size * bytes_):
            return layout
        margin = [LINE_BYTES // bytes_ if d == inner else 0 for d in range(len(layout.shape))]
        return layout.with_halo((0,) * len(margin), [a + b for a, b in zip(layout.high, margin, strict=True)])

    def _is_data(self, call: func.CallOp, value: SSAValue) -> bool:
        """Whether a call multiplies the rows of a tensor with packed weights."""
        model = read_kernel(self.kernels[call.callee.string_value()])
        if model.kind != "contraction":
            return False
        origins = dict(zip(model.arguments, map(_origin, call.arguments), strict=True))
        data = choose_weights(model, origins).data.value
        return data in model.arguments and call.arguments[model.arguments.index(data)] is value

    def _halo(self, value: SSAValue) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The zeros that the readers of `value` want around it."""
        rank = len(layout_of(value.type).shape)
        low, high = (0,) * rank, (0,) * rank
        for use in value.uses:
            user = use.operation
            margins = list[tuple[tuple[int, ...], tuple[int, ...]]]()
            if isinstance(user, func.CallOp):
                margins = padding_of(self.kernels[user.callee.string_value()], use.index)
            elif isinstance(user, tensor.ExpandShapeOp):
                margins = [halo_through(user, *self._halo(user.result))]
            for a, b in margins:
                low = tuple(map(max, low, a))
                high = tuple(map(max, high, b))
        return low, high

    # Conversions

    def _converted(self, value: SSAValue, layout: Layout, user: Operation) -> SSAValue:
        """`value` under another layout: a constant is encoded so, anything else is copied, once, and before
        the loops that do not make it.
        """
        owner = value.owner
        if isinstance(owner, arith.ConstantOp):
            constant = _constant_of(owner, layout)
            _insert_before(constant, user)
            return constant.result
        if layout.panels is not None and self._pack_in_place(value, layout):
            return value
        known = self.copies.get((value, layout))
        if known is not None and _is_seen(known, user):
            return known
        kernel = make_copy(self._fresh("copy"), layout_of(value.type), layout)
        self.module.body.block.add_op(kernel)
        self.kernels[kernel.sym_name.data] = kernel
        self.used.add(kernel.sym_name.data)
        call = func.CallOp(kernel.sym_name.data, [value], [tensor_type(layout)])
        call.location = user.location
        _insert_before(call, _outside_loops(user, value))
        self.copies[value, layout] = call.res[0]
        return call.res[0]

    def _pack_in_place(self, value: SSAValue, layout: Layout) -> bool:
        """Let a kernel that only copies write the panels itself."""
        owner = value.owner
        if not isinstance(owner, func.CallOp) or value.uses.get_length() != 1:
            return False
        kernel = self.kernels[owner.callee.string_value()]
        generics = [op for op in kernel.body.block.ops if isinstance(op, linalg.GenericOp)]
        if len(generics) != 1 or not is_copy(generics[0]) or len(owner.res) != 1:
            return False
        kernel.attributes["tsc.kind"] = StringAttr("pack")
        retype_kernel(kernel, [layout_of(a.type) for a in kernel.body.block.args], [layout])
        set_layout(value, layout)
        return True


def _with_weights_apart(call: func.CallOp, kernel: func.FuncOp) -> func.CallOp:
    """`call`, where the weights of a contraction are an argument of their own: what else reads the same
    tensor (``linear(x, w, w)``) reads another argument, which is not packed.
    """
    block = kernel.body.block
    if all(argument.uses.get_length() == 1 for argument in block.args):
        return call
    model = read_kernel(kernel)
    if model.kind != "contraction":
        return call
    origins = dict(zip(model.arguments, map(_origin, call.arguments), strict=True))
    contraction = choose_weights(model, origins)
    weights = contraction.weights.value
    others = [use for use in weights.uses if use.operation is not contraction.stage.op]
    if not others or len(others) == weights.uses.get_length():
        return call
    again = block.insert_arg(weights.type, len(block.args))
    again.name_hint = weights.name_hint
    for use in others:
        use.operation.operands[use.index] = again
    kernel.update_function_type()
    operand = call.arguments[model.arguments.index(weights)]
    repeated = func.CallOp(call.callee, [*call.arguments, operand], call.result_types)
    repeated.location = call.location
    _insert_before(repeated, call)
    for old, new in zip(call.res, repeated.res, strict=True):
        new.name_hint = old.name_hint
        old.replace_all_uses_with(new)
    call.detach()
    call.erase()
    return repeated


def padding_of(kernel: func.FuncOp, argument: int) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """The zero margins (low, high) with which a kernel reads its argument."""
    value = kernel.body.block.args[argument]
    model = read_kernel(kernel)
    operands = [i for s in model.stages for i in s.inputs if i.value is value]
    return [(o.padding.low, o.padding.high) for o in operands if o.padding is not None and o.padding.is_zero]


def _origin(value: SSAValue) -> Origin:
    owner = value.owner
    while isinstance(owner, tensor.CollapseShapeOp | tensor.ExpandShapeOp):
        owner = owner.src.owner
    if isinstance(owner, arith.ConstantOp):
        return Origin.CONSTANT
    is_argument = isinstance(owner, Block) and isinstance(owner.parent_op(), func.FuncOp)
    return Origin.ARGUMENT if is_argument else Origin.COMPUTED


def _only_leaves(value: SSAValue) -> bool:
    """Whether a value is given on, by the function or by a branch or loop, and nothing else reads it."""
    users = [use.operation for use in value.uses]
    return bool(users) and all(isinstance(u, func.ReturnOp | scf.YieldOp) for u in users)


def _plain(value: SSAValue) -> Layout:
    layout = layout_of(value.type)
    return Layout.row_major(layout.shape, layout.element)


def _satisfies(given: Layout, wanted: Layout) -> bool:
    """Whether what lies as `given` can be read as `wanted`: the same order (of dims that matter), enough
    halo.
    """
    if given.panels != wanted.panels:
        return False
    if given.panels is not None:
        return True
    orders = [[d for d in layout.order if layout.extents[d] != 1] for layout in (given, wanted)]
    return orders[0] == orders[1] and given.covers(wanted.low, wanted.high)


def _forget_layouts(kernel: func.FuncOp) -> None:
    """A copy of a kernel starts from plain types."""
    last = kernel.body.block.last_op
    assert last is not None
    arguments = [_plain(a) for a in kernel.body.block.args]
    retype_kernel(kernel, arguments, [_plain(v) for v in last.operands])


def _constant_of(op: arith.ConstantOp, layout: Layout) -> arith.ConstantOp:
    """The same constant under another shape or encoding (its array is encoded when it is packed)."""
    value = op.value
    if isinstance(value, DenseIntOrFPElementsAttr):
        value = DenseIntOrFPElementsAttr(cast(Any, tensor_type(layout)), value.data)
    elif isinstance(value, DenseResourceAttr):
        value = DenseResourceAttr.from_params(value.resource_handle.data, tensor_type(layout))
    copy = arith.ConstantOp.create(result_types=[tensor_type(layout)], properties={"value": value})
    copy.result.name_hint = op.result.name_hint
    return copy


def _insert_before(op: Operation, user: Operation) -> None:
    block = user.parent
    assert block is not None
    block.insert_op_before(op, user)


def _is_seen(value: SSAValue, user: Operation) -> bool:
    """Whether a value that was made before `user`, in this block or another, is one that it may read."""
    owner = value.owner
    block = owner if isinstance(owner, Block) else owner.parent
    return block is not None and block.find_ancestor_op_in_block(user) is not None


def _loops_around(op: Operation, value: SSAValue) -> list[Operation]:
    """The loops that `op` is in and `value` is not, the innermost first."""
    around = [op]
    while (outer := around[-1].parent_op()) is not None and not is_within(value, outer):
        around.append(outer)
    return [loop for loop in around[1:] if isinstance(loop, scf.ForOp | scf.WhileOp)]


def _readers(value: SSAValue) -> int:
    """How many calls read `value`, those in a loop that it is made outside of `ROUNDS` times."""
    users = [use.operation for use in value.uses]
    return sum(ROUNDS ** len(_loops_around(u, value)) for u in users if isinstance(u, func.CallOp))


def _outside_loops(user: Operation, value: SSAValue) -> Operation:
    """Where to copy `value` for `user`: before the outermost loop that does not make it."""
    return (_loops_around(user, value) or [user])[-1]
