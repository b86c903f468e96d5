"""Pass `flatten-results`: a function returns its tensors one by one; how they were nested stands in an
attribute.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from xdsl.context import Context
from xdsl.dialects.builtin import DenseArrayBase, ModuleOp, StringAttr, UnitAttr
from xdsl.dialects.func import FuncOp
from xdsl.ir import SSAValue
from xdsl.passes import ModulePass

from tsc.analysis.known_values import CONSTRUCTIONS, UNKNOWN, constant_of, is_list_mutated, unwrapped
from tsc.analysis.number_reads import is_number_read
from tsc.analysis.result_layouts import has_equal_strides, is_row_major
from tsc.analysis.result_views import shared_bases, shown_argument, uncertain_results
from tsc.analysis.written_parts import WrittenPart, written_parts
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import pool_of
from tsc.dialects.torch_ops import (
    DerefineOp,
    PrimDictConstructOp,
    PrimListConstructOp,
    PrimTupleConstructOp,
    PrimUncheckedCastOp,
)
from tsc.dialects.tsc import (
    CONTENTS,
    FOUND,
    KEEPS_ORDER,
    ORDERED_BY_SIZES,
    RESULT,
    ROW_MAJOR,
    SAVED,
    WRITTEN,
    FindSizeOp,
    MemoryOp,
    PrefixOp,
)
from tsc.dims import Atom, Dim, holds_found, in_words

FOUND_IN = -1
"""In the place of an argument's number: a size is what a result says."""


@dataclass(frozen=True)
class FlattenResults(ModulePass):
    r"""Return the distinct tensors inside tuples, lists and dicts; `tsc.result` says how to put the result
    together again, and `tsc.row_major` that they are row-major. Tensors that are views of one memory come
    back as views of it, so that what the caller writes to one is seen in the others. What is an argument, or
    a view of one, is not returned: `tsc.result` names it. `tsc.contents` says what is written to arguments.

    Requires: stage `value`.
    Leaves: functions whose result is not built from tensors and constants, or holds what is perhaps a view
    of another part, unchanged and without the attribute.

    ```mlir
    %r = torch.prim.TupleConstruct %a, %b : ...
    return %r
    // return %a, %b  {tsc.result = "[\"tuple\", [[\"tensor\", 0], [\"tensor\", 1]]]"}
    ```
    """

    name = "flatten-results"
    in_parts: bool = False
    """Whether of an argument that is written to in parts those are returned, and not all of it."""
    takes_views: bool = False
    """Whether the caller takes views of what is returned: where that is seen in another order than it is
    computed in, and where only the sizes of a call say how they lie.
    """

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        """Flatten the results of every function."""
        for function in op.ops:
            if isinstance(function, FuncOp) and RESULT not in function.attributes:
                _flatten(function, pool_of(ctx), self.in_parts, self.takes_views)


def _flatten(function: FuncOp, pool: ConstantPool, in_parts: bool, takes_views: bool) -> None:
    end = function.body.block.last_op
    assert end is not None
    if not end.operands or (len(end.operands) > 1 and WRITTEN not in function.attributes):
        return
    parts = _Parts(function, takes_views)
    structure = parts.structure(end.operands[0])
    contents = [parts.content(*each, in_parts) for each in _written(function)]
    if structure is None or any(content is None for content in contents):
        return
    function.attributes[RESULT] = StringAttr(json.dumps(structure))
    if WRITTEN in function.attributes:
        function.attributes[CONTENTS] = StringAttr(json.dumps(contents))
    found = parts.found()
    if found:
        function.attributes[FOUND] = StringAttr(json.dumps(found))
    seen = _seen(function, structure, parts.tensors)
    if KEEPS_ORDER not in function.attributes and all(is_row_major(t, pool) for t in seen):
        function.attributes[ROW_MAJOR] = UnitAttr()
    elif has_equal_strides(function):
        function.attributes[ORDERED_BY_SIZES] = UnitAttr()
    end.operands = parts.tensors
    function.update_function_type()


def _seen(function: FuncOp, structure: list[Any], tensors: Sequence[SSAValue]) -> Sequence[SSAValue]:
    """The tensors of a result but for those that are saved, which nobody sees."""
    saved = function.attributes.get(SAVED)
    if not isinstance(saved, DenseArrayBase):
        return tensors
    (count,) = saved.iter_values()
    parts = structure[1][: len(structure[1]) - int(count)]
    return [tensors[number] for number in sorted({n for part in parts for n in _numbers_in(part)})]


def _numbers_in(structure: Any) -> Iterator[int]:
    """The numbers of the tensors that a description mentions."""
    if not isinstance(structure, list):
        return
    items = cast("list[Any]", structure)
    if items[:1] == ["tensor"]:
        yield items[1]
    for item in items[1:]:
        yield from _numbers_in(item)


def _written(function: FuncOp) -> list[tuple[SSAValue, SSAValue]]:
    """The arguments that are written to, and what is in each afterwards."""
    numbers, block = function.attributes.get(WRITTEN), function.body.block
    if not isinstance(numbers, DenseArrayBase) or block.last_op is None:
        return []
    arguments = [block.args[int(number)] for number in numbers.iter_values()]
    return list(zip(arguments, block.last_op.operands[1:], strict=True))


def _returned(value: SSAValue) -> list[SSAValue]:
    """The tensors that a result holds."""
    if isinstance(value.type, tt.ValueTensorType):
        return [value]
    owner = value.owner
    holds = (*CONSTRUCTIONS, DerefineOp, PrimUncheckedCastOp)
    return [v for o in owner.operands for v in _returned(o)] if isinstance(owner, holds) else []


class _Parts:
    """The tensors of a result, and how it is made of them."""

    def __init__(self, function: FuncOp, takes_views: bool) -> None:
        block = function.body.block
        end = block.last_op
        assert end is not None
        self.arguments: list[SSAValue] = list(block.args)
        self.finders = [op for op in block.ops if isinstance(op, FindSizeOp)]
        returned = _returned(end.operands[0])
        self.shared = shared_bases(returned, takes_views=takes_views)
        self.uncertain = uncertain_results(returned)
        self.tensors: list[SSAValue] = []
        """Each once, in the order of first mention."""
        self.numbers: dict[AtenOp, int] = {}
        """Of the operators that take views."""

    def structure(self, value: SSAValue) -> list[Any] | None:
        """How `value` is made of tensors, arguments and constants; None when it is not."""
        value = unwrapped(value)
        owner = value.owner
        if isinstance(value.type, tt.ValueTensorType):
            return self._tensor(value)
        if isinstance(owner, PrimListConstructOp) and not is_list_mutated(value):
            return self._nested("list", owner.operands)
        if isinstance(owner, PrimTupleConstructOp):
            kind = value.type
            made = self._nested("tuple", owner.operands)
            if made is not None and isinstance(kind, tt.NamedTupleType):
                return ["namedtuple", kind.data[0], list(kind.fields), made[1]]
            return made
        if isinstance(owner, PrimDictConstructOp) and not is_list_mutated(value):
            return self._dict(owner)
        if isinstance(owner, AtenOp) and is_number_read(owner):
            return [
                "number",
                self._index(owner.operands[0]),
                owner.schema.name.removeprefix("aten::").lower(),
            ]
        known = constant_of(value)
        if isinstance(known, Dim):
            return ["size", self._words(known)]
        if known is UNKNOWN or isinstance(known, complex):
            return None
        return ["constant", known]

    def content(self, argument: SSAValue, value: SSAValue, in_parts: bool) -> list[Any] | None:
        """The same of what is in an argument that is written to."""
        writes = written_parts(value, argument) if in_parts else None
        made = None if writes is None else self._parts_of(writes)
        return self.structure(value) if made is None else made

    def _parts_of(self, writes: Sequence[WrittenPart]) -> list[Any] | None:
        """What is put into an argument, and where."""
        known = list(self.tensors)
        made: list[Any] = []
        for write in writes:
            part = self._tensor(write.part)
            if part is None or part[0] != "tensor":
                self.tensors = known
                return None
            at = self._index(write.at) if isinstance(write.at, SSAValue) else list(write.at)
            made.append([write.dim, at, part[1]])
        return ["parts", made]

    def _in_words(self, value: Any) -> Any:
        """Arguments of an operator, with symbolic sizes in words."""
        if isinstance(value, (list, tuple)):
            return [self._in_words(v) for v in value]  # pyright: ignore[reportUnknownVariableType]
        return {"size": self._words(value)} if isinstance(value, Dim) else value

    def _places(self) -> dict[Atom, list[int]]:
        """The argument and the dim that symbolic sizes are those of; for sizes that are found `FOUND_IN`, and
        the result that says them.
        """
        found: dict[Atom, list[int]] = {}
        for number, argument in enumerate(self.arguments):
            sizes = argument.type.sizes if isinstance(argument.type, tt.TensorType) else None
            for dim, size in enumerate(sizes or ()):
                if isinstance(size, Dim) and size.is_symbol:
                    found.setdefault(next(size.atoms), [number, dim])
        return found

    def found(self) -> list[Any]:
        """The tensors whose sizes the function finds, by their numbers, with their shapes in words."""
        made: list[Any] = []
        for number, tensor in enumerate(list(self.tensors)):
            sizes = tensor.type.sizes if isinstance(tensor.type, tt.TensorType) else None
            if any(holds_found(n) for n in sizes or ()):
                made.append([number, [self._words(n) for n in sizes or ()]])
        return made

    def _words(self, size: int | Dim) -> Any:
        """A size in words, of arguments' and of those that results say."""
        if not isinstance(size, Dim):
            return size
        occurring = set(size.atoms)
        places = self._places()
        for op in self.finders:
            (atom,) = op.size.atoms
            if atom in occurring:
                places[atom] = [FOUND_IN, self._index(op.operands[0])]
        return in_words(size, places)

    def _prefix(self, op: PrefixOp) -> list[Any] | None:
        source, count = op.operands
        owner = unwrapped(count).owner
        if not (isinstance(owner, AtenOp) and is_number_read(owner)):
            return None
        return ["prefix", self._index(source), self._index(owner.operands[0]), op.dim]

    def _tensor(self, value: SSAValue) -> list[Any] | None:
        if isinstance(value.owner, PrefixOp):
            return self._prefix(value.owner)
        view = self.shared.get(value)
        if view is not None:
            steps = [[self._number(op), op.schema.full_name, self._in_words(rest)] for op, rest in view.steps]
            return ["view", self._base(view.base), view.shape, view.strides, view.offset, steps]
        if isinstance(value.owner, MemoryOp):
            kind, number = self._base(value)
            return ["alias" if value.owner.is_view else kind, number]
        if value in self.uncertain or shown_argument(value) is not None:
            return None  # a view of another tensor, or not: it turns out when it is taken
        return ["tensor", self._index(value)]

    def _base(self, value: SSAValue) -> list[Any]:
        argument = shown_argument(value)
        if argument is None:
            return ["tensor", self._index(value)]
        return ["argument", self.arguments.index(argument)]

    def _number(self, op: AtenOp) -> int:
        return self.numbers.setdefault(op, len(self.numbers))

    def _index(self, value: SSAValue) -> int:
        if value not in self.tensors:
            self.tensors.append(value)
        return self.tensors.index(value)

    def _nested(self, kind: str, operands: Iterable[SSAValue]) -> list[Any] | None:
        parts = [self.structure(o) for o in operands]
        return None if any(p is None for p in parts) else [kind, parts]

    def _dict(self, owner: PrimDictConstructOp) -> list[Any] | None:
        n = len(owner.operands) // 2
        keys = [constant_of(k) for k in owner.operands[:n]]
        if any(k is UNKNOWN or isinstance(k, complex) for k in keys):
            return None
        parts = self._nested("dict", owner.operands[n:])
        return None if parts is None else ["dict", keys, parts[1]]
