"""Pass `split-containers`: a dict or list that an object keeps, used by constant keys or indices alone, is
one attribute for each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import Attribute, Operation, SSAValue

from tsc.analysis.known_values import UNKNOWN, constant_of
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import pool_of
from tsc.dialects.torch_ops import DerefineOp, PrimGetAttrOp, PrimLoopOp, PrimSetAttrOp
from tsc.dialects.walking import walk
from tsc.passes import Rewriting
from tsc.passes.freeze import attribute_path
from tsc.passes.propagate_constants import propagate_constants

READS = ("aten::__getitem__", "aten::__contains__", "aten::get")
WRITE = "aten::_set_item"


@dataclass(frozen=True)
class SplitContainers(Rewriting):
    """Make an attribute, ``cache['cpu']`` or ``grids[0]``, of each entry of a dict or list: None while there
    is no such key or place. Reading one that is not there raises, though not what the program does.

    Requires: stage `frozen`; whoever reads and assigns attributes knows those of this name, and runs the
    program itself where something raises.
    Leaves: dicts and lists that something else uses, or by keys or indices that are not known (those from
    the end are not); whose values are lists, or may be None; dicts whose keys would come in an order that
    branches decide.

    ```mlir
    %d = torch.prim.GetAttr %self["cache"] : !torch.nn.Module<"M"> -> !torch.dict<str, tensor>
    %b = torch.aten.__contains__.str %d, %cpu
    %x = torch.aten.__getitem__.Dict_str %d, %cpu
    torch.aten._set_item.str %d, %cpu, %y
    // ->
    %e = torch.prim.GetAttr %self["cache['cpu']"] : !torch.nn.Module<"M"> -> !torch.optional<tensor>
    %b = torch.aten.__isnot__ %e, %none
    %x = torch.aten._unwrap_optional %e
    %z = torch.derefine %y : !torch.tensor to !torch.optional<tensor>
    torch.prim.SetAttr %self["cache['cpu']"] = %z
    ```
    """

    name = "split-containers"

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Split the dicts and lists that the functions of the module are given by their objects."""
        functions = [f for f in walk(module) if isinstance(f, FuncOp) and not f.is_declaration]
        return any([split_containers(function, pool_of(ctx)) for function in functions])  # each of them


def split_containers(function: FuncOp, pool: ConstantPool) -> bool:
    """Split those of one function; whether there were any."""
    if not _reads(function):
        return False
    changed = _name_devices(function) and propagate_constants(function, pool)
    found: defaultdict[str, _Kept] = defaultdict(_Kept)
    for op in _reads(function):
        found[attribute_path(op)].reads.append(op)
    order = {op: number for number, op in enumerate(walk(function))}
    assigned = {attribute_path(op) for op in order if isinstance(op, PrimSetAttrOp)}
    for path in assigned & found.keys():
        del found[path]
    for kept in found.values():
        kept.follow(order)
        if kept.is_splittable(order):
            kept.split()
            changed = True
    return changed


def _reads(function: FuncOp) -> list[PrimGetAttrOp]:
    """What reads attributes that are dicts or lists."""
    ops = (op for op in walk(function) if isinstance(op, PrimGetAttrOp))
    return [op for op in ops if isinstance(op.results[0].type, (tt.DictType, tt.ListType))]


def _name_devices(function: FuncOp) -> bool:
    """Say which device tensors are on: keys are made of that. There is one."""
    asked = [op for op in walk(function) if isinstance(op, AtenOp) and op.schema.name == "prim::device"]
    for op in asked:
        op.results[0].replace_all_uses_with(TorchBuilder(before=op).device("cpu"))
        op.detach()
        op.erase()
    return bool(asked)


@dataclass
class _Kept:
    """A dict or list that an object keeps, and all that a function does with it."""

    reads: list[PrimGetAttrOp] = field(default_factory=list[PrimGetAttrOp])
    """The operations that read the attribute."""
    accesses: list[AtenOp] = field(default_factory=list[AtenOp])
    """What reads or writes entries, in the program's order."""
    is_followed: bool = True
    """Whether that is all."""

    def follow(self, order: dict[Operation, int]) -> None:
        """Find the accesses."""
        for read in self.reads:
            for use in read.results[0].uses:
                op = use.operation
                if isinstance(op, AtenOp) and use.index == 0 and _is_access(op):
                    self.accesses.append(op)
                else:
                    self.is_followed = False
        self.accesses.sort(key=order.__getitem__)

    def is_splittable(self, order: dict[Operation, int]) -> bool:
        """Whether each entry may be a value of its own, and new ones come in the order in which the function
        mentions them.
        """
        kind = self.reads[0].results[0].type
        if not self.is_followed or not _is_plain(_value_type(kind)):
            return False
        if isinstance(kind, tt.ListType):  # a write into a list adds nothing
            return True
        writes: defaultdict[Any, list[AtenOp]] = defaultdict(list)
        for op in self.accesses:
            if op.schema.name == WRITE:
                writes[constant_of(op.operands[1])].append(op)
        of_keys = list(writes.values())
        return all(
            _come_first(earlier, later, order)
            for number, earlier in enumerate(of_keys)
            for later in of_keys[number + 1 :]
        )

    def split(self) -> None:
        """Access each entry as an attribute."""
        for op in self.accesses:
            _replace(op)
        for read in self.reads:
            read.detach()
            read.erase()


def _is_access(op: AtenOp) -> bool:
    """Whether `op` reads or writes a dict under a constant key, or a list at a constant place."""
    wanted = 3 if op.schema.name == WRITE else 2
    if op.schema.name not in (*READS, WRITE) or len(op.operands) != wanted:
        return False
    key = constant_of(op.operands[1])
    if isinstance(op.operands[0].type, tt.ListType):
        is_element = op.schema.name in (READS[0], WRITE) and not any(
            r.uses for r in op.results if _is_list(r)
        )
        return is_element and type(key) is int and key >= 0
    return type(key) in (str, int)


def _is_list(value: SSAValue) -> bool:
    return isinstance(value.type, tt.ListType)


def _value_type(kind: Attribute) -> Any:
    """The type of the values of a dict, or of the elements of a list."""
    assert isinstance(kind, (tt.DictType, tt.ListType))
    return kind.value if isinstance(kind, tt.DictType) else kind.data


def _come_first(
    earlier: Sequence[Operation], later: Sequence[Operation], order: dict[Operation, int]
) -> bool:
    """Whether a key is certainly set before another one, if it is at all; `earlier` is what sets it."""
    if isinstance(earlier[0].parent_op(), FuncOp):
        return True
    loops = [_outermost_loop(op) for op in earlier]
    is_repeated = any(loop is not None and loop in map(_outermost_loop, later) for loop in loops)
    return not is_repeated and order[earlier[-1]] < order[later[0]]


def _outermost_loop(op: Operation) -> Operation | None:
    found, outer = None, op.parent_op()
    while outer is not None:
        found = outer if isinstance(outer, PrimLoopOp) else found
        outer = outer.parent_op()
    return found


def _is_plain(kind: Attribute) -> bool:
    """Whether values of a type are never None, and can be changed in place only where they are tensors."""
    if isinstance(kind, tt.TupleType):
        return all(map(_is_plain, kind.data))
    if isinstance(kind, tt.NamedTupleType):
        return all(map(_is_plain, kind.elements))
    return isinstance(kind, tt.TensorType) or kind in (tt.INT, tt.FLOAT, tt.BOOL, tt.STRING)


def _replace(op: AtenOp) -> None:
    """Access an entry as an attribute."""
    read, key = op.operands[0].owner, constant_of(op.operands[1])
    assert isinstance(read, PrimGetAttrOp)
    assert key is not UNKNOWN
    holder, container = read.operands[0], read.results[0].type
    kind = _value_type(container)
    entry = tt.OptionalType(kind)
    name = {"name": StringAttr(f"{read.attribute}[{key!r}]")}
    builder = TorchBuilder(before=op)
    if op.schema.name == WRITE:
        if isinstance(container, tt.ListType):  # the place must be there
            held = builder.create(PrimGetAttrOp, [holder], [entry], attributes=name).results[0]
            builder.aten("aten::_unwrap_optional", [held], [kind])
        value = builder.create(DerefineOp, [op.operands[2]], [entry]).results[0]
        builder.create(PrimSetAttrOp, [holder, value], attributes=name)
    else:
        held = builder.create(PrimGetAttrOp, [holder], [entry], attributes=name).results[0]
        op.results[0].replace_all_uses_with(_read(builder, op, held, kind))
    op.detach()
    op.erase()


def _read(builder: TorchBuilder, op: AtenOp, held: SSAValue, kind: Attribute) -> SSAValue:
    """What an operator that reads an entry gives."""
    if op.schema.name == "aten::__contains__":
        return builder.aten("aten::__isnot__", [held, builder.constant(None)]).results[0]
    if op.schema.name == "aten::get":
        return held
    return builder.aten("aten::_unwrap_optional", [held], [kind]).results[0]
