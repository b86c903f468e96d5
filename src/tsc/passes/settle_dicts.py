"""Pass `settle-dicts`: dicts that a function makes and fills are made at its end, of what is in them then."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Operation, SSAValue

from tsc.analysis.known_values import CONSTRUCTIONS, UNKNOWN, constant_of, writes_anything
from tsc.analysis.parts import touching
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.torch_ops import DerefineOp, PrimDictConstructOp
from tsc.dialects.walking import walk
from tsc.passes import Rewriting

HOLDERS = (*CONSTRUCTIONS, DerefineOp)
READS = ("aten::__getitem__", "aten::__contains__")
WRITE = "aten::_set_item"


@dataclass(frozen=True)
class SettleDicts(Rewriting):
    """Follows a dict through the writes to it, where all keys are constants: what is read of it is what was
    written, and what holds it or returns it gets one that is made of what is in it at the end.

    Requires: functions in which no name of such a dict is known but those in the function's own block.
    Leaves: dicts that never change, where nothing but containers that are returned holds one that did.

        %d = torch.prim.DictConstruct keys(%a) values(%x)
        %t = torch.prim.TupleConstruct %d, %n
        torch.aten._set_item.str %d, %b, %y
        %z = torch.aten.__getitem__.Dict_str %d, %b
        return %t
    ->
        %d = torch.prim.DictConstruct keys(%a, %b) values(%x, %y)
        %t = torch.prim.TupleConstruct %d, %n
        return %t                                                    (%z is %y)
    """

    name = "settle-dicts"

    def rewrite(self, ctx: Context, module: ModuleOp) -> bool:
        """Rewrite every function of the module."""
        functions = [f for f in walk(module) if isinstance(f, FuncOp) and not f.is_declaration]
        return any([settle_dicts(function) for function in functions])  # each of them


def settle_dicts(function: FuncOp) -> bool:
    """Settle the dicts of one function; whether there were any."""
    changed = False
    for op in list(function.body.block.ops):
        if isinstance(op, PrimDictConstructOp):
            dict_ = _Dict.followed(op)
            if dict_ is None:
                changed |= _read_ahead(op)
            elif dict_.is_written:
                dict_.settle()
                changed = True
    return changed


def _read_ahead(made: PrimDictConstructOp) -> bool:
    """Replace what is read of a dict before anything unknown happens to it: that may decide the branch in
    which it does. Whether anything was.
    """
    held, changed = _held_at_first(made), False
    for op in touching(made.results[0])[1:] if held is not None else ():
        if held is None or not isinstance(op, AtenOp) or not _is_access(op, made):
            break
        key = constant_of(op.operands[1])
        if writes_anything(op):
            held[key] = op.operands[2]
        elif op.schema.name == "aten::__getitem__" and key not in held:
            break
        else:
            _replace_read(op, held)
            changed = True
    return changed


def _is_access(op: Operation, made: PrimDictConstructOp) -> bool:
    """Whether `op`, beside what makes a dict, reads or writes it under a constant key."""
    if not isinstance(op, AtenOp) or op.parent is not made.parent:
        return False
    is_of_it = op.schema.name in (*READS, WRITE) and op.operands[0] is made.results[0]
    return is_of_it and made.results[0] not in op.operands[1:] and _is_key(constant_of(op.operands[1]))


def _held_at_first(made: PrimDictConstructOp) -> dict[Any, SSAValue] | None:
    """What is in a dict at first; None where keys are not known."""
    count = len(made.operands) // 2
    keys = [constant_of(key) for key in made.operands[:count]]
    if not all(map(_is_key, keys)) or len(set(keys)) != count:
        return None
    return dict(zip(keys, made.operands[count:], strict=True))


def _replace_read(op: AtenOp, held: dict[Any, SSAValue]) -> None:
    """Read of what a dict holds when compiled."""
    key = constant_of(op.operands[1])
    if op.schema.name == "aten::__contains__":
        op.results[0].replace_all_uses_with(TorchBuilder(before=op).constant(key in held))
    else:
        op.results[0].replace_all_uses_with(held[key])
    op.detach()
    op.erase()


@dataclass
class _Dict:
    """A dict that is made in the function's own block, and all that happens to it."""

    made: PrimDictConstructOp
    accesses: list[AtenOp] = field(default_factory=list[AtenOp])
    """What reads or writes it."""
    holders: list[Operation] = field(default_factory=list[Operation])
    """The constructions that it is in, and those that these are in."""

    @classmethod
    def followed(cls, made: PrimDictConstructOp) -> _Dict | None:
        """The dict, if all that happens to it is known."""
        found = cls(made)
        known = found._follow() and _held_at_first(made) is not None
        return found if known and found._is_readable() else None

    @property
    def is_written(self) -> bool:
        """Whether anything is written into it."""
        return any(writes_anything(op) for op in self.accesses)

    def _follow(self) -> bool:
        """Whether every use is an access with a constant key, or a container that is returned at the end."""
        dict_ = self.made.results[0]
        for use in dict_.uses:
            op = use.operation
            if isinstance(op, AtenOp):
                if not _is_access(op, self.made):
                    return False
                self.accesses.append(op)
        return self._follow_holders(dict_)

    def _follow_holders(self, value: SSAValue) -> bool:
        """Whether what else uses `value` are containers in the same block, which nothing looks into."""
        for use in value.uses:
            op = use.operation
            if op in self.accesses or op in self.holders:
                continue
            if isinstance(op, ReturnOp) and op.parent is self.made.parent:
                continue
            if not isinstance(op, HOLDERS) or op.parent is not self.made.parent:
                return False
            self.holders.append(op)
            if not self._follow_holders(op.results[0]):
                return False
        return True

    def _is_readable(self) -> bool:
        """Whether all that is read was written before: nothing raises."""
        present = set(_held_at_first(self.made) or {})
        for op in self._in_order(self.accesses):
            key = constant_of(op.operands[1])
            if writes_anything(op):
                present.add(key)
            elif op.schema.name == "aten::__getitem__" and key not in present:
                return False
        return True

    def _in_order(self, ops: Iterable[Operation]) -> list[Any]:
        wanted = set(ops)
        block = self.made.parent
        assert block is not None
        return [op for op in block.ops if op in wanted]

    def settle(self) -> None:
        """Make it, and what holds it, at the end of the block."""
        held = _held_at_first(self.made)
        block = self.made.parent
        assert held is not None
        assert block is not None
        end = block.last_op
        assert end is not None
        builder = TorchBuilder(before=end)
        count = len(self.made.operands) // 2
        names = dict(zip(held, self.made.operands[:count], strict=True))
        for op in self._in_order(self.accesses):
            self._replace(op, held, names)
        operands = [*names.values(), *held.values()]
        made = builder.create(
            PrimDictConstructOp, operands, [self.made.results[0].type], attributes=self.made.attributes
        )
        self.made.results[0].replace_all_uses_with(made.results[0])
        for op in self._in_order(self.holders):
            op.detach()
            block.insert_op_before(op, end)
        self.made.detach()
        self.made.erase()

    def _replace(self, op: AtenOp, held: dict[Any, SSAValue], names: dict[Any, SSAValue]) -> None:
        """Do one access when compiled."""
        if not writes_anything(op):
            _replace_read(op, held)
            return
        key = constant_of(op.operands[1])
        names.setdefault(key, op.operands[1])
        held[key] = op.operands[2]
        op.detach()
        op.erase()


def _is_key(key: Any) -> bool:
    """Whether a constant is known, and equal to no key of another type."""
    return key is not UNKNOWN and type(key) in (str, int)
