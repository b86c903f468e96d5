"""Writes a function of the IR as readable Python source, one statement per operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import inf, isfinite, isnan, nan
from typing import Any, Protocol, cast

import numpy as np
from xdsl.dialects.builtin import StringAttr, SymbolRefAttr
from xdsl.dialects.func import CallOp, FuncOp, ReturnOp
from xdsl.ir import Block, Operation

from tsc.analysis.constant_numbers import SCALAR_FORMS, constant_number
from tsc.analysis.int_values import IntValues
from tsc.analysis.unread_draws import unread_draws
from tsc.dialects import schema as schemas
from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.constants import ConstantPool, literal_array
from tsc.dialects.torch_objects import ENTERS, LEAVES
from tsc.dialects.tsc import FindSizeOp, GroupOp, PrefixOp
from tsc.dialects.walking import walk
from tsc.dims import Dim
from tsc.errors import UnsupportedOperatorError
from tsc.frontend.unit import EnumValue, ScriptObject, Unit
from tsc.interop import torch as torch_interop
from tsc.ops.number_functions import wrap64
from tsc.ops.python_forms import EAGER, PythonForm
from tsc.runtime.exceptions import contexts_left, defined, raise_from_script
from tsc.runtime.generated_calls import require, unpack, unsupported
from tsc.runtime.named_tuples import build_named_tuple, named_tuple_class
from tsc.runtime.operators import Operators
from tsc.runtime.python_control import PythonControl
from tsc.runtime.result_forms import prefix_of

Kernels = dict[Operation, Callable[..., Any]]
LITERALS = (bool, int, float, str, type(None))
UNBOUNDED_FLOATS = {"inf": inf, "minus_inf": -inf, "nan": nan}
"""Those that have no literal."""
LONGEST_LITERAL = 40
"""Characters up to which a constant is written where it is used."""


class Runs(Protocol):
    """Something whose `run` is called; it may be another one each time."""

    run: Callable[..., Any]


@dataclass(frozen=True)
class Call:
    """A call of a function: what, and the texts of its operands."""

    function: Callable[..., Any]
    operands: Sequence[str]


class PythonWriter(PythonControl):
    """Writes the Python text of a function, and holds what its names stand for."""

    def __init__(
        self,
        pool: ConstantPool,
        unit: Unit,
        call: Callable[..., Any],
        kernels: Kernels,
        operators: Operators,
        parts: Mapping[Operation, Runs] | None = None,
        sizes: dict[str, int] | None = None,
    ) -> None:
        """`parts` are what runs calls of functions that were outlined, `sizes` takes sizes that are found."""
        known = {"call": call, "np": np, "raise_from_script": raise_from_script, "wrap64": wrap64}
        super().__init__(known, {"run", "entered", "before"})
        self.parts = parts or {}
        self.sizes: dict[str, int] = {} if sizes is None else sizes
        self.operators = operators
        self.pool = pool
        self.unit = unit
        self.kernels = kernels
        self.eager: dict[Operation, Call] = {}
        """Calls of operators that are Python themselves."""
        self.entry: Block | None = None
        self._ints = IntValues()

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
        if isinstance(value, float) and not isfinite(value):
            hint = "nan" if isnan(value) else "inf" if value > 0 else "minus_inf"
            self.names[op.results[0]] = self.constant(hint, UNBOUNDED_FLOATS[hint])
        elif isinstance(value, Dim):
            held = self.constant("size", partial(_size, value))
            self.assign(op, f"{held}({self.constant('sizes', self.sizes)})")
        elif isinstance(value, complex):
            # A sum of literals is not every complex number: it loses the sign of a zero.
            self.names[op.results[0]] = self.constant("complex_number", value)
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
        plain = [self.name(o) for o in op.operands]
        if number is not None:
            operands[1] = plain[1] = self.constant("number", number)
        form = None if plain[0:1] == ["None"] else self.operators.python(schema)
        text = None if form is None else self._said(form, plain, lambda: self.constant(hint, run))
        if form is None or text is None:
            self.assign(op, f"{self.constant(hint, run)}({', '.join(operands)})")
            return
        self.eager[op] = Call(run, [self.complete(operand) for operand in operands])
        if form.gives_first:
            self.write(text)
            self.names[op.results[0]] = plain[0]
        elif form.wraps and self._ints.may_wrap(op):
            self.assign(op, text)
            self._wrap(self.name(op.results[0]))
        elif form.is_sure:
            self.assign_later(op, text, reads=form.reads)
        else:
            self.assign(op, text)

    def _said(self, form: PythonForm, operands: Sequence[str], eager: Callable[[], str]) -> str | None:
        """The text of a call that Python says itself; `eager` names the operator's function."""
        names = {name: self.constant(name, value) for name, value in form.names.items()}
        if form.calls_eager:
            names[EAGER] = eager()
        return form.write(*operands, **names)

    def _wrap(self, name: str) -> None:
        """Have an int of 64 bits, where the variable holds one that has more."""
        self.write(f"if {name} > {2**63 - 1} or {name} < {-(2**63)}: {name} = wrap64({name})")

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
        value = self.operators.literal(literal_array(self.pool, op))
        text = self.constant(f"constant_{hint}", value)
        is_computed = isinstance(op, ops.ValueTensorLiteralOp) and op.resource_key not in self.pool.attributes
        is_given = any(isinstance(use.operation, ReturnOp) for use in op.results[0].uses)
        self.assign(op, f"{text}.copy()" if is_computed and is_given else text)  # new in each call

    _NonValueTensorLiteralOp = _literal
    _ValueTensorLiteralOp = _literal

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
            self.assign_later(op, f"({inner})")

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
        self.assign_later(op, f"{self.name(op.operands[0])}[{self.name(op.operands[1])}]")

    def _cast(self, op: Operation) -> None:
        self.names[op.results[0]] = self.name(op.operands[0])

    _DerefineOp = _cast
    _MemoryOp = _cast
    _PrimUncheckedCastOp = _cast

    def _PrefixOp(self, op: PrefixOp) -> None:  # noqa: N802
        prefix = self.constant("prefix", prefix_of)
        self.assign(op, f"{prefix}({self.arguments(op.operands)}, {op.dim})")

    def _FindSizeOp(self, op: FindSizeOp) -> None:  # noqa: N802
        held = self.constant("sizes", self.sizes)
        self.write(f"{held}[{str(op.size)!r}] = int({self.name(op.operands[0])})")

    def _RequireOp(self, op: Operation) -> None:  # noqa: N802
        run = self.constant("require", require)
        self.write(f"{run}({self.name(op.operands[0])})")

    def _ComputedOp(self, op: Operation) -> None:  # noqa: N802
        self.name(op.operands[0])  # it was computed where it stands

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
        held, attribute = self.name(op.operands[0]), repr(op.attribute)
        text = self.operators.attribute(held, op.attribute)
        if text is None:
            text = f"{self.constant('read_attribute', self.operators.read)}({held}, {attribute})"
        else:
            self.eager[op] = Call(self.operators.read, [held, attribute])
        self.assign(op, text)

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


def _size(size: Dim, found: Mapping[str, int]) -> int:
    """What a size is, by those that were found."""
    return size.value({atom: found[atom.name] for atom in size.atoms if atom.is_symbol})


def _enters(op: Operation) -> bool:
    if isinstance(op, AtenOp):
        return op.schema.name == "aten::set_grad_enabled"
    return ENTERS in op.attributes
