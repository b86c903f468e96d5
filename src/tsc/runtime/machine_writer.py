"""Writes a function of numbers, and lists and tuples of them, as LLVM IR."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, SSAValue

from tsc.analysis.operator_effects import definition_of
from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.torch_types import TorchType
from tsc.errors import UnsupportedOperatorError
from tsc.ops.machine_forms import MachineForm, scalar_form
from tsc.runtime.list_ir import LIST_HELPERS, RELEASE, SIGNATURES
from tsc.runtime.list_questions_ir import LIST_QUESTIONS, QUESTIONS

WORDS: dict[Any, str] = {tt.INT: "i64", tt.FLOAT: "double", tt.BOOL: "i1"}
LEAVE = "leave"
"""The label where Python takes over."""


def leaves(kind: Attribute) -> list[str]:
    """The types of what values of a type are made of.

    Raises:
        UnsupportedOperatorError: there are none in native code.
    """
    if kind in WORDS:
        return [WORDS[kind]]
    if isinstance(kind, tt.ListType):
        leaves(kind.data)
        return ["ptr"]
    if isinstance(kind, tt.TupleType):
        return [leaf for part in kind.data for leaf in leaves(part)]
    raise UnsupportedOperatorError(f"native code has no values of type {kind}")


class MachineWriter:
    """Writes one function: ``i32 run(arena, arguments, results)``; 1 says that Python must do the call."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.slots: list[str] = []
        """Variables, at the beginning of the function."""
        self.values: dict[SSAValue, Any] = {}
        self._count = 0
        self._functions: set[str] = set()
        self._uses_lists = False

    def function(self, function: FuncOp) -> str:
        """The text of a module with the function in it.

        Raises:
            UnsupportedOperatorError: something in it has no native form.
        """
        block = function.body.block
        numbers = iter(range(sum(len(leaves(a.type)) for a in block.args)))
        for argument in block.args:
            taken = [self._taken(kind, next(numbers)) for kind in leaves(argument.type)]
            self.values[argument] = grouped(argument.type, iter(taken))
        self.block(block)
        declared = "".join(
            f"declare double @{name}({', '.join(['double'] * (2 if name == 'fmod' else 1))})\n"
            for name in sorted(self._functions)
        )
        body = "\n".join(
            f"  {line}" if not line.endswith(":") else line for line in [*self.slots, *self.lines]
        )
        head = "define i32 @run(ptr %arena, ptr %given, ptr %found) nounwind {\nentry:"
        helpers = LIST_HELPERS + LIST_QUESTIONS if self._uses_lists else ""
        return f"{RELEASE}\n{helpers}\n{declared}\n{head}\n{body}\n{LEAVE}:\n  ret i32 1\n}}\n"

    def _taken(self, kind: str, number: int) -> str:
        place = self.op(f"getelementptr i64, ptr %given, i64 {number}")
        return self._loaded(place, kind)

    # --- what forms of operators ask for ---

    def op(self, text: str) -> str:
        """An instruction; its result."""
        if text.startswith("store "):
            self.lines.append(text)
            return ""
        name = self._name()
        self.lines.append(f"{name} = {text}")
        return name

    def trap_if(self, condition: str) -> None:
        """Leave where `condition` holds."""
        label = self._label()
        self.lines.append(f"br i1 {condition}, label %{LEAVE}, label %{label}")
        self.lines.append(f"{label}:")

    def call(self, name: str, *operands: str) -> str:
        """A call of a C function of doubles."""
        self._functions.add(name)
        return self.op(f"call double @{name}({', '.join(f'double {o}' for o in operands)})")

    def helper(self, name: str, *operands: str) -> str:
        """A call of a function on lists, which leaves where it cannot do it."""
        self._uses_lists = True
        result, kinds = SIGNATURES[name]
        given = ", ".join(f"{kind} {operand}" for kind, operand in zip(kinds, operands, strict=True))
        found = self.op(f"call {result} @{name}(ptr %arena, {given})")
        self.trap_if(self.op(f"icmp eq {result} {found}, {'null' if result == 'ptr' else '-1'}"))
        return found

    def ask(self, name: str, *operands: str) -> str:
        """A call of a function that only reads lists, and never leaves."""
        self._uses_lists = True
        result, kinds = QUESTIONS[name]
        given = ", ".join(f"{kind} {operand}" for kind, operand in zip(kinds, operands, strict=True))
        return self.op(f"call {result} @{name}({given})")

    def words(self, kind: TorchType) -> int:
        """How many words of 8 bytes an element takes."""
        return len(leaves(kind))

    def load(self, items: str, place: str, kind: TorchType) -> Any:
        """The element of a list at a place that there is."""
        places = self._places(items, place, kind)
        return grouped(
            kind, iter([self._loaded(p, leaf) for p, leaf in zip(places, leaves(kind), strict=True)])
        )

    def store(self, items: str, place: str, value: Any, kind: TorchType) -> None:
        """Make `value` the element at a place that there is."""
        for at, leaf, part in zip(self._places(items, place, kind), leaves(kind), flat(value), strict=True):
            self._store(at, leaf, part)

    def _places(self, items: str, place: str, kind: TorchType) -> list[str]:
        data = self.op(f"load ptr, ptr {items}")
        first = place if self.words(kind) == 1 else self.op(f"mul i64 {place}, {self.words(kind)}")
        at = self.op(f"getelementptr i64, ptr {data}, i64 {first}")
        others = [self.op(f"getelementptr i64, ptr {at}, i64 {n}") for n in range(1, self.words(kind))]
        return [at, *others]

    def _loaded(self, place: str, kind: str) -> str:
        """What a word is: bools take one as well."""
        if kind != "i1":
            return self.op(f"load {kind}, ptr {place}")
        return self.op(f"trunc i64 {self.op(f'load i64, ptr {place}')} to i1")

    def _store(self, place: str, kind: str, value: str) -> None:
        if kind == "i1":
            kind, value = "i64", self.op(f"zext i1 {value} to i64")
        self.op(f"store {kind} {value}, ptr {place}")

    # --- operations ---

    def block(self, block: Block) -> None:
        """All operations of a block."""
        for op in block.ops:
            handler: Callable[[Any], None] | None = getattr(self, f"_{type(op).__name__}", None)
            if isinstance(op, AtenOp):
                self._operator(op)
            elif isinstance(op, ops.ConstantOp):
                self._constant(op)
            elif handler is None:
                raise UnsupportedOperatorError(f"{op.name} has no native form")
            else:
                handler(op)

    def _operator(self, op: AtenOp) -> None:
        form = _form_of(op)
        if form is None:
            raise UnsupportedOperatorError(f"{op.schema.full_name} has no native form")
        operands = [self.values[o] for o in op.operands]
        kind = op.operands[0].type if op.operands else None
        more: dict[str, Any] = {"kind": kind.data} if isinstance(kind, tt.ListType) else {}
        found = form(self, *operands, **more)
        for result in op.results:
            leaves(result.type)
            self.values[result] = found

    def _constant(self, op: ops.ConstantOp) -> None:
        value = op.python_value
        text = None
        if isinstance(value, bool):
            text = str(value).lower()
        elif isinstance(value, float):
            text = f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"
        elif isinstance(value, int):
            text = str(value)
        self.values[op.results[0]] = text

    def _PrimUninitializedOp(self, op: Operation) -> None:  # noqa: N802 - named after the operation
        kind = op.results[0].type
        zeros = {"i64": "0", "double": "0.0", "i1": "false", "ptr": "null"}
        self.values[op.results[0]] = grouped(kind, iter([zeros[leaf] for leaf in leaves(kind)]))

    def _PrimTupleConstructOp(self, op: Operation) -> None:  # noqa: N802
        leaves(op.results[0].type)
        self.values[op.results[0]] = tuple(self.values[o] for o in op.operands)

    def _PrimTupleIndexOp(self, op: Operation) -> None:  # noqa: N802
        items, index = op.operands
        if not isinstance(index.owner, ops.ConstantOp):
            raise UnsupportedOperatorError("native code has tuples in parts, of which it must know which")
        self.values[op.results[0]] = self.values[items][index.owner.python_value]

    def _PrimTupleUnpackOp(self, op: Operation) -> None:  # noqa: N802
        for result, part in zip(op.results, self.values[op.operands[0]], strict=True):
            self.values[result] = part

    def _PrimListConstructOp(self, op: Operation) -> None:  # noqa: N802
        kind: Any = op.results[0].type
        made = self.helper("made", str(len(op.operands)), str(self.words(kind.data)))
        for number, operand in enumerate(op.operands):
            self.store(made, str(number), self.values[operand], kind.data)
        self.values[op.results[0]] = made

    def _DerefineOp(self, op: Operation) -> None:  # noqa: N802
        if op.results[0].type != op.operands[0].type:
            raise UnsupportedOperatorError(f"native code has no values of type {op.results[0].type}")
        self.values[op.results[0]] = self.values[op.operands[0]]

    def _PrimRaiseExceptionOp(self, op: Operation) -> None:  # noqa: N802
        self.trap_if("true")

    def _PrimIfOp(self, op: ops.PrimIfOp) -> None:  # noqa: N802
        slots = self._slots(op.results)
        end = self._label()
        labels = [self._label(), self._label()]
        self.lines.append(f"br i1 {self.values[op.operands[0]]}, label %{labels[0]}, label %{labels[1]}")
        for label, region in zip(labels, op.regions, strict=True):
            self.lines.append(f"{label}:")
            self.block(region.block)
            last = region.block.last_op
            self._fill(slots, op.results, () if last is None else last.operands)
            self.lines.append(f"br label %{end}")
        self.lines.append(f"{end}:")
        self._read(slots, op.results)

    def _PrimLoopOp(self, op: ops.PrimLoopOp) -> None:  # noqa: N802
        body = op.regions[0].block
        counter, *carried = body.args
        last = body.last_op
        assert last is not None
        (counter_slot,), slots = self._slots([counter])[0], self._slots(carried)
        head, inside, end = self._label(), self._label(), self._label()
        trips, enter = (self.values[o] for o in op.operands[:2])
        self.op(f"store i64 0, ptr {counter_slot}")
        self._fill(slots, carried, op.operands[2:])
        self.lines += [f"br i1 {enter}, label %{head}, label %{end}", f"{head}:"]
        self._read([[counter_slot], *slots], [counter, *carried])
        is_left = self.op(f"icmp slt i64 {self.values[counter]}, {trips}")
        self.lines += [f"br i1 {is_left}, label %{inside}, label %{end}", f"{inside}:"]
        self.block(body)
        self._fill(slots, carried, last.operands[1:])
        following = self.op(f"add i64 {self.values[counter]}, 1")
        self.op(f"store i64 {following}, ptr {counter_slot}")
        self.lines += [f"br i1 {self.values[last.operands[0]]}, label %{head}, label %{end}", f"{end}:"]
        self._read(slots, op.results)

    def _PrimIfYieldOp(self, op: Operation) -> None:  # noqa: N802
        """Written by the branch's operation."""

    _PrimLoopConditionOp = _PrimIfYieldOp

    def _ReturnOp(self, op: ReturnOp) -> None:  # noqa: N802
        parts = [
            (leaf, p)
            for o in op.operands
            for leaf, p in zip(leaves(o.type), flat(self.values[o]), strict=True)
        ]
        for number, (leaf, part) in enumerate(parts):
            self._store(self.op(f"getelementptr i64, ptr %found, i64 {number}"), leaf, part)
        self.lines.append("ret i32 0")

    # --- variables ---

    def _slots(self, values: Sequence[SSAValue]) -> list[list[str]]:
        """Variables for values that come from several places."""
        return [[self._slot(leaf) for leaf in leaves(value.type)] for value in values]

    def _slot(self, kind: str) -> str:
        name = self._name()
        self.slots.append(f"{name} = alloca {kind}")
        return name

    def _fill(self, slots: list[list[str]], targets: Sequence[SSAValue], values: Sequence[SSAValue]) -> None:
        for places, target, value in zip(slots, targets, values, strict=True):
            for place, leaf, part in zip(places, leaves(target.type), flat(self.values[value]), strict=True):
                self.op(f"store {leaf} {part}, ptr {place}")

    def _read(self, slots: list[list[str]], targets: Sequence[SSAValue]) -> None:
        for places, target in zip(slots, targets, strict=True):
            parts = [
                self.op(f"load {leaf}, ptr {p}") for p, leaf in zip(places, leaves(target.type), strict=True)
            ]
            self.values[target] = grouped(target.type, iter(parts))

    def _name(self) -> str:
        self._count += 1
        return f"%v{self._count}"

    def _label(self) -> str:
        self._count += 1
        return f"l{self._count}"


def _form_of(op: AtenOp) -> MachineForm | None:
    """How LLVM does an operation; of a number of any type by the type that it has."""
    operator = definition_of(op)
    is_open = any(argument.type is tt.NUMBER for argument in op.schema.arguments)
    if operator is None or not is_open or any(r.type not in WORDS for r in op.results):
        return None if operator is None else operator.machine
    return scalar_form(op.schema.name, [cast("TorchType", o.type) for o in op.operands])


def grouped(kind: Attribute, parts: Iterator[str]) -> Any:
    """Parts as a value of a type: tuples are tuples of values."""
    if isinstance(kind, tt.TupleType):
        return tuple(grouped(part, parts) for part in kind.data)
    return next(parts)


def flat(value: Any) -> list[str]:
    """The parts of a value.

    Raises:
        UnsupportedOperatorError: it is one that native code does not know.
    """
    if isinstance(value, tuple):
        return [part for inner in cast("tuple[Any, ...]", value) for part in flat(inner)]
    if not isinstance(value, str):
        raise UnsupportedOperatorError(f"native code has no value {value}")
    return [value]
