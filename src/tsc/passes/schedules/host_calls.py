"""The host function in destination-passing style: buffers instead of tensors, kernels called for their
effect.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import cast

from xdsl.dialects import arith, func, memref, scf, tensor
from xdsl.dialects.builtin import (
    DenseResourceAttr,
    FunctionType,
    IntegerAttr,
    MemRefType,
    NoneAttr,
    StringAttr,
    TensorType,
    UnitAttr,
    i64,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from tsc.analysis.layouts import Layout, layout_of
from tsc.dialects.loop_builder import element_of
from tsc.dialects.loop_index import INDEX
from tsc.dialects.sized import SizeOp, dim_attribute
from tsc.dims import Dim, is_known, most_of
from tsc.errors import CodegenError

RESHAPES = (tensor.CollapseShapeOp, tensor.ExpandShapeOp)


@dataclass
class HostLowering:
    """Rewrites one host function.

    `callee` gives the name of the kernel to call, `call` makes the call, `halo_kernel` names the kernel that
    zeroes the halo of a layout (None: it has no halo), `copy_kernel` one that copies a tensor
    of symbolic size.

    Intermediate buffers are `memref.alloc`: `plan-memory` gives them their places.
    """

    callee: Callable[[str], str]
    halo_kernel: Callable[[Layout], str | None]
    copy_kernel: Callable[[Layout], str]
    call: Callable[[Block, str, Sequence[SSAValue]], Operation]
    globals: dict[str, memref.GlobalOp] = field(default_factory=dict[str, memref.GlobalOp])
    buffers: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    destinations: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    block: Block = field(default_factory=Block)

    def run(self, host: func.FuncOp) -> func.FuncOp:
        """The lowered host function."""
        tensors = [*host.function_type.inputs, *host.function_type.outputs]
        types = [_argument_type(t) for t in tensors]
        result = func.FuncOp(host.sym_name.data, FunctionType.from_lists(types, []))
        for name, attribute in host.attributes.items():
            result.attributes[name] = attribute
        inputs = len(host.function_type.inputs)
        result.attributes["tsc.num_inputs"] = IntegerAttr(inputs, i64)
        self.block = result.body.block
        flat = [self._flat(a) for a in self.block.args]
        for old, new, buffer in zip(host.body.block.args, self.block.args, flat, strict=False):
            new.name_hint = old.name_hint
            self.buffers[old] = buffer
        returned = _terminator(host.body.block).operands
        self._aim(returned, flat[inputs:])
        self._lower_block(host.body.block)
        self._deliver(returned, flat[inputs:])
        self._effect(func.ReturnOp())
        return result

    # Buffers

    def _flat(self, value: SSAValue) -> SSAValue:
        """The one-dimensional view of a dense buffer."""
        type_ = value.type
        assert isinstance(type_, MemRefType)
        if type_.get_num_dims() == 1:
            return value
        return self._cast(value, MemRefType(element_of(value.type), [prod(type_.get_shape())]))

    def _cast(self, value: SSAValue, type_: MemRefType[Attribute]) -> SSAValue:
        size = type_.get_shape()[0]
        return self._add(memref.ReinterpretCastOp(value, [], [], [], [0], [size], [1], type_))

    def _add(self, op: Operation) -> SSAValue:
        self.block.add_op(op)
        return op.results[0]

    def _effect(self, op: Operation, origin: Operation | None = None) -> None:
        """Add `op`; `origin` is what it stands for."""
        if origin is not None:
            op.location = origin.location
        self.block.add_op(op)

    def _aim(self, values: Sequence[SSAValue], targets: Sequence[SSAValue]) -> None:
        """Let the kernel that computes a returned value write it where it is wanted."""
        for value, target in zip(values, targets, strict=True):
            source = _viewed(value)
            if source in self.destinations or not isinstance(
                source.owner, func.CallOp | scf.IfOp | scf.ForOp | scf.WhileOp
            ):
                continue
            if layout_of(source.type).is_row_major:
                self.destinations[source] = target

    def _deliver(self, values: Sequence[SSAValue], targets: Sequence[SSAValue]) -> None:
        """Copy what lies elsewhere."""
        for value, target in zip(values, targets, strict=True):
            if self.buffers[value] is not target:
                self._copy(self.buffers[value], target, value)

    def _copy(self, source: SSAValue, target: SSAValue, value: SSAValue) -> None:
        """Copy the buffer of `value`."""
        layout = layout_of(value.type)
        if is_known(layout.elements):
            self._effect(memref.CopyOp(source, target))
        else:
            self._effect(self.call(self.block, self.copy_kernel(layout), [source, target]))

    def _destination(self, value: SSAValue) -> SSAValue:
        """Where `value` is to be written: a result of the host, or a new buffer."""
        target = self.destinations.get(value)
        if target is None:
            layout = layout_of(value.type)
            type_ = layout.memory_type
            target = self._alloc(type_, layout.elements)
            target.name_hint = value.name_hint
            kernel = self.halo_kernel(layout)
            if kernel is not None:
                maker = value.owner
                zeroes = self.call(self.block, kernel, [target])
                self._effect(zeroes, maker if isinstance(maker, Operation) else None)
        self.buffers[value] = target
        return target

    def _alloc(self, type_: MemRefType[Attribute], elements: int) -> SSAValue:
        """A new buffer; ``tsc.elements`` says how large it is, where that is symbolic: as large as it may be,
        where the program finds how large it is.
        """
        if not isinstance(elements, Dim):
            return self._add(memref.AllocOp([], [], type_))
        most = most_of(elements)
        alloc = memref.AllocOp([self._size(most)], [], type_)
        alloc.attributes["tsc.elements"] = dim_attribute(cast("Dim", most))
        return self._add(alloc)

    def _size(self, size: int) -> SSAValue:
        return self._add(
            SizeOp.of(size) if isinstance(size, Dim) else arith.ConstantOp(IntegerAttr(size, INDEX))
        )

    # Ops

    def _lower_block(self, block: Block) -> None:
        for op in block.ops:
            self._lower(op)

    def _lower(self, op: Operation) -> None:
        match op:
            case func.CallOp():
                self._call(op)
            case arith.ConstantOp() if isinstance(op.result.type, TensorType):
                self.buffers[op.result] = self._constant(op)
            case tensor.CollapseShapeOp() | tensor.ExpandShapeOp():
                self.buffers[op.result] = self.buffers[op.src]
            case scf.IfOp():
                self._if(op)
            case scf.ForOp():
                self._for(op)
            case scf.WhileOp():
                self._while(op)
            case tensor.FromElementsOp():
                self._from_element(op)
            case scf.YieldOp() | scf.ConditionOp() | func.ReturnOp():
                pass
            case _:
                self._scalar(op)

    def _call(self, op: func.CallOp) -> None:
        arguments = [self.buffers[v] for v in op.arguments]
        results = [self._destination(r) for r in op.res]
        name = self.callee(op.callee.string_value())
        self._effect(self.call(self.block, name, [*arguments, *results]), op)

    def _scalar(self, op: Operation) -> None:
        """Host scalars (conditions, loop bounds): kept as they are; a tensor's element is a load."""
        if isinstance(op, tensor.ExtractOp):
            self.buffers[op.result] = self._add(memref.LoadOp.get(*self._element(op)))
            return
        operands = [self.buffers.get(v, v) for v in op.operands]
        clone = op.clone()
        clone.operands = operands
        self._effect(clone)
        for old, new in zip(op.results, clone.results, strict=True):
            self.buffers[old] = new

    def _element(self, op: tensor.ExtractOp) -> tuple[SSAValue, list[SSAValue]]:
        layout = layout_of(op.tensor.type)
        if layout.elements != 1:
            raise CodegenError(f"tensor.extract: requires one element on the host; got {op.tensor.type}")
        zero = self._add(arith.ConstantOp(IntegerAttr(0, INDEX)))
        return self.buffers[op.tensor], [zero]

    def _constant(self, op: arith.ConstantOp) -> SSAValue:
        """A global: ``tsc.constant`` is its key in the pool, ``tsc.type`` and ``tsc.layout`` say how to
        pack it.
        """
        layout = layout_of(op.result.type)
        shape, encoding = TensorType(layout.element, layout.shape), layout.encoding()
        if "tsc.packed" in op.attributes:
            shape, encoding = TensorType(layout.element, [layout.elements]), NoneAttr()
        key, initial = "", op.value
        if isinstance(op.value, DenseResourceAttr):
            key, initial = op.value.resource_handle.data, UnitAttr()
        name = self._named_global(key or "constant", key, initial, (layout.memory_type, shape, encoding))
        return self._add(memref.GetGlobalOp(name, layout.memory_type))

    def _named_global(
        self,
        hint: str,
        key: str,
        initial: Attribute,
        types: tuple[MemRefType[Attribute], Attribute, Attribute],
    ) -> str:
        """The name of an equal global, or of a new one."""
        memory, shape, encoding = types
        name, number = hint, 0
        while name in self.globals:
            found = self.globals[name]
            if (
                found.initial_value == initial
                and found.attributes["tsc.layout"] == encoding
                and found.type == memory
            ):
                return name
            number += 1
            name = f"{hint}.{number}"
        op = memref.GlobalOp.get(StringAttr(name), memory, initial)
        op.attributes["tsc.layout"] = encoding
        op.attributes["tsc.type"] = shape
        if key:
            op.attributes["tsc.constant"] = StringAttr(key)
        self.globals[name] = op
        return name

    # Control flow

    def _if(self, op: scf.IfOp) -> None:
        targets = [self._destination(r) for r in op.results]
        regions: list[Region] = []
        for region in (op.true_region, op.false_region):
            outer, self.block = self.block, Block()
            if region.blocks:
                self._branch(region.block, targets)
            self._effect(scf.YieldOp())
            regions.append(Region(self.block))
            self.block = outer
        condition = self.buffers.get(op.cond, op.cond)
        self._effect(scf.IfOp(condition, [], regions[0], regions[1]))

    def _branch(self, block: Block, targets: Sequence[SSAValue]) -> None:
        yielded = _terminator(block).operands
        self._aim(yielded, targets)
        self._lower_block(block)
        self._deliver(yielded, targets)

    def _for(self, op: scf.ForOp) -> None:
        """Carried tensors live in one buffer each; what an iteration yields is copied there at its end."""
        targets = [self._destination(r) for r in op.results]
        self._deliver(op.iter_args, targets)
        body = Block(arg_types=[op.body.block.args[0].type])
        self.buffers[op.body.block.args[0]] = body.args[0]
        for argument, target in zip(op.body.block.args[1:], targets, strict=True):
            self.buffers[argument] = target
        outer, self.block = self.block, body
        self._lower_block(op.body.block)
        yielded = _terminator(op.body.block).operands
        crossing = [self._saved(v, t, targets) for v, t in zip(yielded, targets, strict=True)]
        for value, source, target in zip(yielded, crossing, targets, strict=True):
            if source is not target:
                self._copy(source, target, value)
        self._effect(scf.YieldOp())
        self.block = outer
        bounds = [self.buffers.get(v, v) for v in (op.lb, op.ub, op.step)]
        self._effect(scf.ForOp(bounds[0], bounds[1], bounds[2], [], Region(body)))

    def _while(self, op: scf.WhileOp) -> None:
        """As `_for`; numbers that are carried stay values."""
        carried = [r for r in op.results if isinstance(r.type, TensorType)]
        targets = [self._destination(r) for r in carried]
        initial = [v for v in op.arguments if isinstance(v.type, TensorType)]
        self._deliver(initial, targets)
        numbers = [self.buffers.get(v, v) for v in op.arguments if not isinstance(v.type, TensorType)]
        kinds = [n.type for n in numbers]
        regions = [
            self._round(region.block, kinds, targets) for region in (op.before_region, op.after_region)
        ]
        made = scf.WhileOp(numbers, kinds, *regions)
        self._effect(made)
        rest = [r for r in op.results if not isinstance(r.type, TensorType)]
        self.buffers.update(zip(rest, made.results, strict=True))

    def _round(self, source: Block, kinds: Sequence[Attribute], targets: Sequence[SSAValue]) -> Region:
        """The condition of a loop, or its body."""
        block = Block(arg_types=kinds)
        places, numbers = iter(targets), iter(block.args)
        for argument in source.args:
            self.buffers[argument] = next(places if isinstance(argument.type, TensorType) else numbers)
        outer, self.block = self.block, block
        self._lower_block(source)
        end = _terminator(source)
        given = [v for v in end.operands if isinstance(v.type, TensorType)]
        crossing = [self._saved(v, t, targets) for v, t in zip(given, targets, strict=True)]
        for value, buffer, target in zip(given, crossing, targets, strict=True):
            if buffer is not target:
                self._copy(buffer, target, value)
        scalars = [self.buffers.get(v, v) for v in end.operands if not isinstance(v.type, TensorType)]
        if isinstance(end, scf.ConditionOp):
            self._effect(scf.ConditionOp(*scalars))
        else:
            self._effect(scf.YieldOp(*scalars))
        self.block = outer
        return Region(block)

    def _from_element(self, op: tensor.FromElementsOp) -> None:
        target = self._destination(op.results[0])
        zero = self._add(arith.ConstantOp(IntegerAttr(0, INDEX)))
        value = op.operands[0]
        self._effect(memref.StoreOp.get(self.buffers.get(value, value), target, [zero]))

    def _saved(self, value: SSAValue, target: SSAValue, targets: Sequence[SSAValue]) -> SSAValue:
        """The buffer of a yielded value; another carried buffer is saved first, since it is overwritten."""
        buffer = self.buffers[value]
        if buffer is target or not any(buffer is t for t in targets):
            return buffer
        saved = self._alloc(cast("MemRefType[Attribute]", buffer.type), layout_of(value.type).elements)
        self._copy(buffer, saved, value)
        return saved


def _terminator(block: Block) -> Operation:
    last = block.last_op
    assert last is not None
    return last


def _viewed(value: SSAValue) -> SSAValue:
    """The value behind reshapes."""
    while isinstance(value.owner, RESHAPES):
        value = value.owner.operands[0]
    return value


def _argument_type(type_: Attribute) -> MemRefType[Attribute]:
    layout = layout_of(type_)
    if not layout.is_row_major:
        raise CodegenError(f"host function: requires row-major arguments and results; got {type_}")
    if not all(map(is_known, layout.shape)):
        return layout.memory_type
    return MemRefType(layout.element, layout.shape)
