"""Writes a function of the IR as readable Python source, one statement per operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Protocol, cast

import numpy as np
from xdsl.dialects.builtin import StringAttr, SymbolRefAttr
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Block, Operation, SSAValue

from tsc.analysis.constant_numbers import SCALAR_FORMS, constant_number
from tsc.analysis.operator_effects import unread_draws
from tsc.dialects import schema as schemas
from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.constants import ConstantPool, literal_array
from tsc.dialects.torch_objects import ENTERS, LEAVES
from tsc.dialects.tsc import GroupOp, PrefixOp
from tsc.dialects.walking import walk
from tsc.errors import UnsupportedOperatorError
from tsc.frontend.unit import EnumValue, ScriptObject, Unit
from tsc.interop import torch as torch_interop
from tsc.ops.python_scalars import wrap64
from tsc.runtime.exceptions import contexts_left, defined, raise_from_script
from tsc.runtime.generated_calls import require, unpack, unsupported
from tsc.runtime.named_tuples import build_named_tuple, named_tuple_class
from tsc.runtime.operators import Operators
from tsc.runtime.python_text import PythonText
from tsc.runtime.result_forms import prefix_of

Kernels = dict[Operation, Callable[..., Any]]
LITERALS = (bool, int, float, str, type(None))
LONGEST_LITERAL = 40
"""Characters up to which a constant is written where it is used."""
UNBOUNDED = 2**63 - 1
"""The trip count of a loop that a condition ends."""


class Runs(Protocol):
    """Something whose `run` is called; it may be another one each time."""

    run: Callable[..., Any]


@dataclass(frozen=True)
class Call:
    """A call of a function: what, and the texts of its operands."""

    function: Callable[..., Any]
    operands: Sequence[str]


class PythonWriter(PythonText):
    """Writes the Python text of a function, and holds what its names stand for."""

    def __init__(
        self,
        pool: ConstantPool,
        unit: Unit,
        call: Callable[..., Any],
        kernels: Kernels,
        operators: Operators,
        parts: Mapping[Operation, Runs] | None = None,
    ) -> None:
        """`parts` are what runs calls of functions that were outlined."""
        known = {"call": call, "np": np, "raise_from_script": raise_from_script, "wrap64": wrap64}
        super().__init__(known, {"run", "entered", "before"})
        self.parts = parts or {}
        self.operators = operators
        self.pool = pool
        self.unit = unit
        self.kernels = kernels
        self.eager: dict[Operation, Call] = {}
        """Calls of operators that are Python themselves."""
        self.entry: Block | None = None
        self._unread: frozenset[Operation] = frozenset()

    def function(self, function: FuncOp) -> str:
        """The text of ``def run(...)``."""
        block = self.entry = function.body.block
        self._unread = unread_draws(function)
        parameters = ", ".join(self.name(a) for a in block.args)
        if any(_enters(op) for op in walk(block)):
            self._leaving(block)
        else:
            self.block(block)
        body = "\n".join(self.lines) or "    pass"
        return f"def run({parameters}):\n{body}\n"

    def _leaving(self, block: Block) -> None:
        """A body with ``with`` statements: an exception leaves those it is in, the innermost first."""
        leave = self.constant("leave", contexts_left)
        mode = self.constant("is_grad_enabled", torch_interop.is_grad_enabled)
        self.write(f"entered, before = [], {mode}()")
        self.write("try:")
        self.indent += 1
        self.block(block)
        self.indent -= 1
        self.write("except BaseException:")
        self.write(f"    {leave}(entered, before, call)")
        self.write("    raise")

    def block(self, block: Block) -> None:
        """All operations of a block."""
        for op in block.ops:
            if op not in self._unread:
                self.operation(op)

    def operation(self, op: Operation) -> None:
        """One operation."""
        self.current = op
        if isinstance(op, ops.ConstantOp):
            self._constant(op)
        elif isinstance(op, AtenOp):
            self._operator(op)
        else:
            handler = getattr(self, f"_{type(op).__name__}", None)
            if handler is None:
                raise UnsupportedOperatorError(f"generic tier: {op.name} cannot be run")
            handler(op)

    def _constant(self, op: ops.ConstantOp) -> None:
        value = op.python_value
        if isinstance(value, complex) or (isinstance(value, float) and not isfinite(value)):
            # A sum of literals is not every complex number: it loses the sign of a zero.
            self.assign(op, f"{type(value).__name__}({str(value)!r})")
        elif len(text := repr(value)) <= LONGEST_LITERAL and isinstance(value, LITERALS):
            self.names[op.results[0]] = text
        else:
            self.assign(op, text)

    def _operator(self, op: AtenOp) -> None:
        number = constant_number(op, self.pool)
        schema = op.schema if number is None else schemas.lookup(SCALAR_FORMS[op.schema.full_name])
        assert schema is not None
        full_name = schema.full_name
        found = self.operators.find(schema)
        hint = full_name.removeprefix("aten::").replace("::", "_").replace(".", "_")
        run: Callable[..., Any] = unsupported(full_name) if found is None else found
        operands = [self._operand(op, i) for i in range(len(op.operands))]
        if number is not None:
            operands[1] = self.constant("number", number)
        python = self.operators.python(schema)
        text = None if python is None or operands[0] == "None" else python(*operands)
        if text is not None:
            self.eager[op] = Call(run, operands)
        self.assign(op, text or f"{self.constant(hint, run)}({', '.join(operands)})")

    def _operand(self, op: AtenOp, position: int) -> str:
        """An operand of an operator; parameters of the function that should be tensors are checked."""
        value, formals = op.operands[position], op.schema.arguments
        name = self.name(value)
        if not isinstance(value.owner, Block) or value.owner is not self.entry or position >= len(formals):
            return name
        formal = formals[position]
        if not isinstance(formal.type, tt.TensorType):
            return name
        return f"{self.constant('defined', defined)}({name}, {position}, {formal.name!r})"

    def _literal(self, op: Any) -> None:
        hint = op.resource_key or op.results[0].name_hint or "tensor"
        self.assign(
            op, self.constant(f"constant_{hint}", self.operators.literal(literal_array(self.pool, op)))
        )

    _NonValueTensorLiteralOp = _literal
    _ValueTensorLiteralOp = _literal

    def _PrimIfOp(self, op: ops.PrimIfOp) -> None:  # noqa: N802 - named after the operation
        self.write(f"if {self.name(op.operands[0])}:")
        for i, region in enumerate(op.regions):
            if i == 1:
                if not op.results and len(list(region.block.ops)) <= 1:
                    return
                self.write("else:")
            self.indent += 1
            before = len(self.lines)
            self.block(region.block)
            end = region.block.last_op
            if op.results and end is not None:
                self.write(f"{self.arguments(op.results)} = {self.arguments(end.operands)}")
            if len(self.lines) == before:
                self.write("pass")
            self.indent -= 1

    def _PrimIfYieldOp(self, op: Operation) -> None:  # noqa: N802
        """Written by the branch's `_PrimIfOp`."""

    def _PrimLoopOp(self, op: ops.PrimLoopOp) -> None:  # noqa: N802
        body = op.regions[0].block
        counter, *carried = body.args
        end = body.last_op
        assert end is not None
        if carried:
            self.write(f"{self.arguments(carried)} = {self.arguments(op.operands[2:])}")
        trips, enter = op.operands[:2]
        is_counted = _is_constant(enter, True) and _is_constant(end.operands[0], True)
        is_while = _is_constant(trips, UNBOUNDED) and not counter.uses
        go_on = ""
        if is_counted:
            self.write(f"for {self.name(counter)} in range({self.name(trips)}):")
        else:
            go_on = self.constant_name("go_on")
            if is_while:
                self.write(f"{go_on} = {self.name(enter)}")
                self.write(f"while {go_on}:")
            else:
                self.write(f"{go_on}, {self.name(counter)} = {self.name(enter)}, 0")
                self.write(f"while {go_on} and {self.name(counter)} < {self.name(trips)}:")
        self.indent += 1
        before = len(self.lines)
        self.block(body)
        targets = [*([] if is_counted else [go_on]), *map(self.name, carried)]
        ends = end.operands[1:] if is_counted else end.operands
        if targets:
            self.write(f"{', '.join(targets)} = {self.arguments(ends)}")
        if not is_counted and not is_while:
            self.write(f"{self.name(counter)} += 1")
        if len(self.lines) == before:
            self.write("pass")
        self.indent -= 1
        if op.results:
            self.write(f"{self.arguments(op.results)} = {self.arguments(carried)}")

    def _PrimLoopConditionOp(self, op: Operation) -> None:  # noqa: N802
        """Written by the loop's `_PrimLoopOp`."""

    def _PrimListConstructOp(self, op: Operation) -> None:  # noqa: N802
        self.assign(op, f"[{self.arguments(op.operands)}]")

    def _PrimTupleConstructOp(self, op: Operation) -> None:  # noqa: N802
        kind = op.results[0].type
        inner = self.arguments(op.operands) + ("," if len(op.operands) == 1 else "")
        if isinstance(kind, tt.NamedTupleType):
            made = self.constant(kind.data[0].rpartition(".")[2], named_tuple_class(self.unit, kind))
            build = self.constant("build_named_tuple", build_named_tuple)
            self.assign(op, f"{build}({made}, ({inner}))")
        else:
            self.assign(op, f"({inner})")

    def _PrimDictConstructOp(self, op: Operation) -> None:  # noqa: N802
        n = len(op.operands) // 2
        pairs = zip(op.operands[:n], op.operands[n:], strict=True)
        self.assign(op, "{" + ", ".join(f"{self.name(k)}: {self.name(v)}" for k, v in pairs) + "}")

    def _PrimListUnpackOp(self, op: Operation) -> None:  # noqa: N802
        run = self.constant("unpack", unpack)
        names = self.arguments(op.results) + ("," if len(op.results) == 1 else "")
        self.write(f"{names} = {run}({self.name(op.operands[0])}, {len(op.results)})")

    def _PrimTupleUnpackOp(self, op: Operation) -> None:  # noqa: N802
        names = self.arguments(op.results) + ("," if len(op.results) == 1 else "")
        self.write(f"{names} = {self.name(op.operands[0])}")

    def _PrimTupleIndexOp(self, op: Operation) -> None:  # noqa: N802
        self.assign(op, f"{self.name(op.operands[0])}[{self.name(op.operands[1])}]")

    def _cast(self, op: Operation) -> None:
        self.names[op.results[0]] = self.name(op.operands[0])

    _DerefineOp = _cast
    _MemoryOp = _cast
    _PrimUncheckedCastOp = _cast

    def _PrefixOp(self, op: PrefixOp) -> None:  # noqa: N802
        prefix = self.constant("prefix", prefix_of)
        self.assign(op, f"{prefix}({self.arguments(op.operands)}, {op.dim})")

    def _RequireOp(self, op: Operation) -> None:  # noqa: N802
        run = self.constant("require", require)
        self.write(f"{run}({self.name(op.operands[0])})")

    def _PrimUninitializedOp(self, op: Operation) -> None:  # noqa: N802
        self.assign(op, "None")

    def _PrimIsInstanceOp(self, op: Any) -> None:  # noqa: N802
        from tsc.runtime.instances import is_instance

        wanted = self.constant(
            "types", (tuple(op.attributes["torch_types"]), tuple(t.data for t in op.attributes["types"]))
        )
        self.assign(op, f"{self.constant('is_instance', is_instance)}({self.name(op.operands[0])}, {wanted})")

    def _PrimRaiseExceptionOp(self, op: Operation) -> None:  # noqa: N802
        self.write(f"raise_from_script({self.arguments(op.operands)})")

    def _PrimGetAttrOp(self, op: ops.PrimGetAttrOp) -> None:  # noqa: N802
        read = self.constant("read_attribute", self.operators.read)
        self.assign(op, f"{read}({self.name(op.operands[0])}, {op.attribute!r})")

    def _PrimSetAttrOp(self, op: ops.PrimSetAttrOp) -> None:  # noqa: N802
        target, value = op.operands
        write = self.constant("write_attribute", self.operators.write)
        self.write(f"{write}({self.name(target)}, {op.attribute!r}, {self.name(value)})")

    def _PrimCallMethodOp(self, op: ops.PrimCallMethodOp) -> None:  # noqa: N802
        receiver = self.name(op.operands[0])
        if LEAVES in op.attributes:
            self.write("entered.pop()")
        self.assign(op, f"call({receiver}.cls.methods[{op.method!r}], {self.arguments(op.operands)})")
        if ENTERS in op.attributes:
            self.write(f"entered.append({receiver})")

    def _PrimForkOp(self, op: Operation) -> None:  # noqa: N802
        fork = self.constant("fork", self.operators.fork or self.unit.fork)
        if "name" in op.attributes:
            method = cast("StringAttr", op.attributes["name"]).data
            callee = f"{self.name(op.operands[0])}.cls.methods[{method!r}]"
        else:
            callee = self._callee(op)
        self.assign(op, f"{fork}({callee}, {self.arguments(op.operands)})")

    def _PrimPythonOp(self, op: Operation) -> None:  # noqa: N802
        call = self.constant("call_python", self.operators.call_python or self.unit.call_python)
        self.assign(op, f"{call}({self._callee(op)}, {self.arguments(op.operands)})")

    def _callee(self, op: Operation) -> str:
        name = cast("SymbolRefAttr", op.attributes["callee"]).root_reference.data
        return self.constant(name.rpartition(".")[2], self.unit.functions[name])

    def _CallOp(self, op: CallOp) -> None:  # noqa: N802
        part = self.parts.get(op)
        if part is not None:
            name = self.constant(op.callee.root_reference.data.partition(".")[0], part)
            self.assign(op, f"{name}.run({self.arguments(op.operands)})")
            return
        name = op.callee.root_reference.data
        callee = self.constant(name.rpartition(".")[2], self.unit.functions[name])
        self.assign(op, f"call({callee}, {self.arguments(op.operands)})")

    def _PrimCreateObjectOp(self, op: Operation) -> None:  # noqa: N802
        kind: Any = op.results[0].type
        cls = self.unit.class_named(kind.data)
        if isinstance(kind, tt.EnumType):
            member = cast("StringAttr", op.attributes["member"]).data
            self.assign(op, self.constant(member, EnumValue(cls, member)))
        else:
            make = self.constant("new_object", ScriptObject)
            self.assign(op, f"{make}({self.constant(cls.name.rpartition('.')[2], cls)})")

    def _GroupOp(self, op: GroupOp) -> None:  # noqa: N802
        kernel = self.constant(f"kernel_{op.kind}", self.kernels[op])
        self.assign(op, f"{kernel}({self.arguments(op.operands)})")

    def _ReturnOp(self, op: ReturnOp) -> None:  # noqa: N802
        inner = self.arguments(op.operands)
        self.write(f"return {inner}" if len(op.operands) == 1 else f"return ({inner}{',' if inner else ''})")

    def _OperatorOp(self, op: Operation) -> None:  # noqa: N802
        name = cast("StringAttr", op.attributes["name"]).data
        self.assign(op, f"{self.constant('unsupported', unsupported(name))}({self.arguments(op.operands)})")


def _is_constant(value: SSAValue, wanted: object) -> bool:
    owner = value.owner
    return isinstance(owner, ops.ConstantOp) and owner.python_value == wanted


def _enters(op: Operation) -> bool:
    if isinstance(op, AtenOp):
        return op.schema.name == "aten::set_grad_enabled"
    return ENTERS in op.attributes
