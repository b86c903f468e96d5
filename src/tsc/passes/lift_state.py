"""Pass `lift-state`: attributes that a function reads and assigns become arguments and results."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, BlockArgument, Operation, SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.known_values import unwrapped
from tsc.analysis.memory_aliases import written_values
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import TorchBuilder, hint
from tsc.dialects.regions import rebuilt
from tsc.dialects.torch_ops import (
    DerefineOp,
    PrimGetAttrOp,
    PrimIfOp,
    PrimListConstructOp,
    PrimLoopOp,
    PrimSetAttrOp,
    PrimTupleConstructOp,
)
from tsc.dialects.tsc import ASSIGNED, GENERATOR, TAKEN, ComputedOp
from tsc.dialects.walking import walk
from tsc.passes.lift_draws import GENERATOR_TYPE


@dataclass(frozen=True)
class LiftState(ModulePass):
    """Read the attributes of ``self`` once, as further arguments; carry them as values through branches and
    loops; return the new values of those that are assigned beside the result, in a tuple. The caller reads
    and assigns the attributes themselves, when all else is done.

    Requires: stage `frozen`. (The default generator is an object like ``self``, after `lift-draws`.)
    Leaves: functions that keep attributes of other types than tensors, numbers, strings, and tuples and lists
    of those (lists only where they are read alone, or where those that are assigned are new and complete).
    The attributes `tsc.taken` and `tsc.assigned` of the others list dotted paths from ``self``. (What must
    not be done twice may be in them: whether it is left is seen when shapes are known.) Tensors that are
    assigned and assigned again unread are `tsc.computed`.

    ```mlir
    %n = torch.prim.GetAttr %self["n"] : !torch.nn.Module<"M"> -> !torch.int
    torch.prim.SetAttr %self["n"] = %m
    return %x
    // func.func @f(%x, %n: !torch.int) { ... return (%x, %m) }
    ```
    """

    name = "lift-state"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Lift every function of the module that allows it."""
        for function in op.ops:
            if isinstance(function, FuncOp):
                lift_state(function)


class CannotLiftError(Exception):
    """Why a function keeps its ``self``."""


def lift_state(function: FuncOp) -> str | None:
    """Lift one function; None when that was possible (or there is nothing to lift), else the reason."""
    if not _roots(function.body.block):
        return None
    try:
        _Lifting(function).run()
    except CannotLiftError as reason:
        return str(reason)
    return None


class _Lifting:
    def __init__(self, function: FuncOp) -> None:
        self.function = function
        self.block = function.body.block
        self.roots = _roots(self.block)
        self.paths: dict[SSAValue, str] = {
            root: GENERATOR if root.type == GENERATOR_TYPE else "" for root in self.roots
        }
        """The objects that ``self`` reaches, with their paths; and the default generator."""
        self.accesses: dict[Operation, str] = {}
        """Reads and assignments of attributes that are no objects, with their paths."""

    def run(self) -> None:
        """Lift the function, or raise before anything of it has changed."""
        self._find()
        kinds = self._kinds()
        if _used_otherwise(self.paths):
            raise CannotLiftError("an object is used as a value")
        self._require_plain(kinds)
        taken = {path: self.block.insert_arg(kind, len(self.block.args)) for path, kind in kinds.items()}
        for path, value in taken.items():
            hint(value, re.sub(r"\W+", "_", path).strip("_"))
        values: dict[str, SSAValue] = dict(taken)
        assigned = self._assigned_in(self.block)
        self._lift(self.block, values)
        self._return(assigned, values)
        self._drop_objects(taken)
        self.function.attributes[ASSIGNED] = _strings(assigned)
        self.function.update_function_type()

    def _find(self) -> None:
        for op in walk(self.function):
            if not isinstance(op, (PrimGetAttrOp, PrimSetAttrOp)) or op.operands[0] not in self.paths:
                continue
            outer = self.paths[op.operands[0]]
            path = f"{outer}.{op.attribute}" if outer else op.attribute
            if isinstance(op, PrimGetAttrOp) and isinstance(op.results[0].type, tt.ModuleType):
                self.paths[op.results[0]] = path
            else:
                self.accesses[op] = path

    def _kinds(self) -> dict[str, Attribute]:
        """The types of the attributes, by path; reads say the declared ones."""
        found: dict[str, Attribute] = {}
        for op, path in self.accesses.items():
            if isinstance(op, PrimGetAttrOp):
                found[path] = op.results[0].type
            else:
                found.setdefault(path, op.operands[1].type)
        return found

    def _require_plain(self, kinds: dict[str, Attribute]) -> None:
        for path, kind in kinds.items():
            if isinstance(kind, tt.DictType):
                raise CannotLiftError(
                    f"the dict '{path}' is used otherwise than by keys that are known, for values that are"
                    " tensors, numbers or strings"
                )
            if not _is_plain(kind):
                raise CannotLiftError(f"attribute '{path}' is no tensor, number or string, nor made of such")
        written = written_values(self.function)
        for op, path in self.accesses.items():
            held = op.results[0] if isinstance(op, PrimGetAttrOp) else op.operands[1]
            if not _holds_list(held.type) or (isinstance(op, PrimSetAttrOp) and _is_own_list(op)):
                continue
            if held in written or _assigns(op):
                raise CannotLiftError(f"the list '{path}' is assigned, or changed in place")

    def _assigned_in(self, *blocks: Block) -> list[str]:
        """The paths assigned anywhere in blocks, in order."""
        inside = (op for block in blocks for op in walk(block))
        return list(dict.fromkeys(self.accesses[op] for op in inside if op in self.accesses and _assigns(op)))

    def _lift(self, block: Block, values: dict[str, SSAValue]) -> None:
        """Replace the accesses in a block; `values` are the attributes as of now."""
        for op in list(block.ops):
            if isinstance(op, PrimIfOp):
                self._branch(op, values)
            elif isinstance(op, PrimLoopOp):
                self._loop(op, values)
            elif op in self.accesses:
                path = self.accesses[op]
                if isinstance(op, PrimGetAttrOp):
                    op.results[0].replace_all_uses_with(values[path])
                else:
                    _keep_computed(values[path], op)
                    values[path] = _of_type(op.operands[1], values[path].type, op)
                op.detach()
                op.erase()

    def _branch(self, op: PrimIfOp, values: dict[str, SSAValue]) -> None:
        assigned = self._assigned_in(*(region.block for region in op.regions))
        for region in op.regions:
            inner = dict(values)
            self._lift(region.block, inner)
            end = region.block.last_op
            assert end is not None
            end.operands = [*end.operands, *(inner[path] for path in assigned)]
        if assigned:
            self._extended(op, op.operands, assigned, values)

    def _loop(self, op: PrimLoopOp, values: dict[str, SSAValue]) -> None:
        body = op.regions[0].block
        assigned = self._assigned_in(body)
        inner = dict(values)
        for path in assigned:
            inner[path] = body.insert_arg(values[path].type, len(body.args))
            inner[path].name_hint = values[path].name_hint
        self._lift(body, inner)
        end = body.last_op
        assert end is not None
        end.operands = [*end.operands, *(inner[path] for path in assigned)]
        if assigned:
            entering = [*op.operands, *(values[path] for path in assigned)]
            self._extended(op, entering, assigned, values)

    @staticmethod
    def _extended(
        op: Operation, operands: Sequence[SSAValue], assigned: Sequence[str], values: dict[str, SSAValue]
    ) -> None:
        """`op` with a result for each of the paths `assigned` in it, which is the attribute from then on."""
        kinds = [*(r.type for r in op.results), *(values[path].type for path in assigned)]
        made = rebuilt(op, operands, kinds)
        first = len(made.results) - len(assigned)
        for path, new in zip(assigned, made.results[first:], strict=True):
            new.name_hint = values[path].name_hint
            values[path] = new

    def _return(self, assigned: Sequence[str], values: dict[str, SSAValue]) -> None:
        end = self.block.last_op
        assert end is not None
        builder = TorchBuilder(before=end)
        end.operands = [builder.make_tuple([*end.operands, *(values[path] for path in assigned)])]

    def _drop_objects(self, taken: dict[str, BlockArgument]) -> None:
        """Drop the objects, and the attributes that are assigned before anyone reads them."""
        for value in reversed(list(self.paths)):
            if isinstance(value.owner, Operation):
                value.owner.detach()
                value.owner.erase()
        for root in self.roots:
            self.block.erase_arg(root)
        read = {path: value for path, value in taken.items() if value.first_use is not None}
        for path in taken.keys() - read.keys():
            self.block.erase_arg(taken[path])
        self.function.attributes[TAKEN] = _strings(read)


def _roots(block: Block) -> list[BlockArgument]:
    """The objects that a function takes: ``self``, and the default generator."""
    return list(takewhile(lambda argument: isinstance(argument.type, tt.ModuleType), block.args[:2]))


def _keep_computed(overwritten: SSAValue, before: Operation) -> None:
    """Let a tensor that was assigned, and that nobody reads until the attribute is assigned again, be
    computed all the same: that may raise.
    """
    is_computed = isinstance(overwritten.owner, Operation) and isinstance(overwritten.type, tt.TensorType)
    if overwritten.first_use is None and is_computed:
        TorchBuilder(before=before).insert(ComputedOp.create(operands=[overwritten]))


def _assigns(op: Operation) -> bool:
    return isinstance(op, PrimSetAttrOp)


def _strings(texts: Iterable[str]) -> ArrayAttr[StringAttr]:
    return ArrayAttr([StringAttr(text) for text in texts])


def _used_otherwise(objects: Iterable[SSAValue]) -> set[SSAValue]:
    """The objects that something else than reads and assignments of their attributes uses."""
    return {
        value
        for value in objects
        for use in value.uses
        if use.index or not isinstance(use.operation, (PrimGetAttrOp, PrimSetAttrOp))
    }


def _of_type(value: SSAValue, kind: Attribute, before: Operation) -> SSAValue:
    """`value` in the declared type of an attribute."""
    if value.type == kind or isinstance(kind, tt.TensorType):
        return value
    return TorchBuilder(before=before).create(DerefineOp, [value], [kind]).results[0]


def _is_plain(kind: Attribute) -> bool:
    if isinstance(kind, tt.TensorType):
        return True
    if isinstance(kind, (tt.OptionalType, tt.ListType)):
        return _is_plain(kind.data)
    if isinstance(kind, tt.TupleType):
        return all(map(_is_plain, kind.data))
    if isinstance(kind, tt.NamedTupleType):
        return all(map(_is_plain, kind.elements))
    return kind in (tt.INT, tt.FLOAT, tt.BOOL, tt.STRING, tt.NONE)


def _is_own_list(op: PrimSetAttrOp) -> bool:
    """Whether what is assigned is a new list that nobody changes any more, and that is no other attribute."""
    made = unwrapped(op.operands[1])
    owner = made.owner
    if not isinstance(owner, PrimListConstructOp) or owner.parent_block() is not op.parent_block():
        return False
    if _holds_list(owner.results[0].type.data):  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
        return False
    block = op.parent_block()
    assert block is not None
    order = {other: number for number, other in enumerate(walk(block))}
    return all(
        use.operation is op
        or _gives_back(use.operation)
        or (isinstance(use.operation, AtenOp) and _is_done(use.operation, use.index, order, op))
        for use in made.uses
    )


def _gives_back(op: Operation) -> bool:
    """Whether `op` returns what it takes to the caller, who gets copies of lists."""
    if isinstance(op, PrimTupleConstructOp):
        return all(_gives_back(use.operation) for use in op.results[0].uses)
    return isinstance(op, ReturnOp)


def _is_done(user: AtenOp, index: int, order: dict[Operation, int], op: Operation) -> bool:
    """Whether `user` only reads a list, or changes it before `op` is reached."""
    is_named = any(result.type == user.operands[index].type and result.uses for result in user.results)
    if is_named or user.schema.is_variadic:
        return False
    return not user.schema.arguments[index].is_written or order[user] < order[op]


def _holds_list(kind: Attribute) -> bool:
    """Whether a value of a plain type is or holds a list, which is an object that others may hold too."""
    if isinstance(kind, tt.OptionalType):
        return _holds_list(kind.data)
    if isinstance(kind, tt.TupleType):
        return any(map(_holds_list, kind.data))
    if isinstance(kind, tt.NamedTupleType):
        return any(map(_holds_list, kind.elements))
    return isinstance(kind, tt.ListType)
