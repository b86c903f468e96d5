"""Reads calls of operators, functions, methods and operator methods."""

from __future__ import annotations

import ast
from typing import Any

from xdsl.dialects.builtin import StringAttr, SymbolRefAttr
from xdsl.dialects.func import CallOp
from xdsl.ir import BlockArgument, SSAValue

from tsc.dialects import schema as schemas
from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import class_of
from tsc.dialects.schema import Schema
from tsc.dialects.torch_types import TorchType
from tsc.errors import CompileError, NotSupportedError
from tsc.frontend import calls, hints
from tsc.frontend.calls import SchemaMismatchError, with_receiver
from tsc.frontend.casts import no_tuple
from tsc.frontend.interfaces import incompatibility
from tsc.frontend.reader_base import Reader
from tsc.frontend.sugared import Arguments, Constant, Sugared, SugaredValue, TupleOf
from tsc.frontend.type_rules import is_empty_list, list_in, without_none
from tsc.frontend.unit import REQUIRED, Function, FunctionParameter

SWAPPED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne", "add": "add", "mul": "mul"}


class CallReader(Reader):
    """Turns a callee and its arguments into operations."""

    def plain(self, given: Sugared, node: ast.AST) -> SugaredValue:
        """`given` as an IR value with its type."""
        return given if isinstance(given, SugaredValue) else SugaredValue(given.value(self, node))

    def coerce(self, value: SSAValue, wanted: TorchType, node: ast.AST, what: str = "value") -> SSAValue:
        """`value` as exactly the type `wanted`: itself, forgotten detail (int to Optional[int]), or
        implicitly converted.
        """
        actual = value.type
        assert isinstance(actual, TorchType)
        if actual is wanted or (isinstance(actual, tt.TensorType) and isinstance(wanted, tt.TensorType)):
            return value
        empty = self.as_empty_list(value, wanted)
        if empty is not None:
            return self.coerce(empty, wanted, node, what)
        if calls.fits(actual, wanted, {}):
            if isinstance(wanted, tt.InterfaceType):
                self._check_implements(actual, wanted, node)
            return self.builder.create(ops.DerefineOp, [value], [wanted]).results[0]
        converted = calls.conversion(SugaredValue(value), wanted, {}, True)
        if converted is None and what == "return value":
            raise self.error(
                f"Return value was annotated as having type {wanted.torchscript()} but is actually of type "
                f"{actual.torchscript()}",
                node,
            )
        if converted is None:
            raise self.error(
                f"Expected a value of type '{wanted.torchscript()}' for {what} but instead found type "
                f"'{actual.torchscript()}'.",
                node,
            )
        return calls.realize(self, converted, wanted, node)

    def _check_implements(self, actual: TorchType, wanted: tt.InterfaceType, node: ast.AST) -> None:
        """Refuse a class that lacks a method of an interface, or has it with other types."""
        held, declared = self.unit.class_named(actual.data), self.unit.class_named(wanted.data)
        lacking = incompatibility(held, declared, self.compile_function)
        if lacking is not None:
            raise self.error(lacking, node)

    def converts(self, value: SSAValue, wanted: TorchType) -> bool:
        """Whether `coerce` can turn `value` into a `wanted`."""
        actual = value.type
        assert isinstance(actual, TorchType)
        return (
            actual is wanted
            or is_empty_list(value, wanted)
            or calls.fits(actual, wanted, {})
            or calls.conversion(SugaredValue(value), wanted, {}, True) is not None
        )

    def as_empty_list(self, value: SSAValue, wanted: TorchType) -> SSAValue | None:
        """An empty list of the type in `wanted`, where `value` is one of others, as ``[]`` may be."""
        kind = list_in(wanted)
        is_other = kind is not value.type and is_empty_list(value, wanted)
        return self.builder.list(kind.data, []) if kind is not None and is_other else None

    def read(self, node: ast.expr, hint: TorchType | None = None) -> Sugared:
        """The value of an expression; `hint` is the type it is wanted as (for empty lists and dicts)."""
        raise NotImplementedError

    def value(self, node: ast.expr, hint: TorchType | None = None) -> SSAValue:
        """The IR value of an expression."""
        read = self.read(node, hint)
        self.at(node)
        return read.value(self, node)

    def static_value(self, node: ast.expr) -> tuple[bool, Any]:
        """``(True, value)`` when `node` is a Python constant known now. Nothing is emitted."""
        if isinstance(node, ast.Constant):
            return True, node.value
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            known, value = self.static_value(node.operand)
            return (True, -value) if known and isinstance(value, (int, float)) else (False, None)
        if isinstance(node, ast.Name):
            found = self.environment.get(node.id) or self.function.resolver.lookup(node.id)
            return found.static() if isinstance(found, Sugared) else (False, None)
        if isinstance(node, ast.Attribute):
            return self._static_attribute(node)
        return False, None

    def _static_attribute(self, node: ast.Attribute) -> tuple[bool, Any]:
        from tsc.frontend.members import static_member

        if isinstance(node.value, ast.Name) and node.value.id in self.environment:
            return static_member(self, self.environment[node.value.id], node.attr)
        return False, None

    def arguments(self, node: ast.Call) -> Arguments:
        """The arguments of a call, read."""
        positional: list[Sugared] = []
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                unrolled = self.read(argument.value).unroll(self, argument)
                if unrolled is None:
                    kind = self.plain(self.read(argument.value), argument).type
                    raise self.error(no_tuple(kind), argument)
                positional += unrolled
            else:
                positional.append(self.read(argument))
        keywords: dict[str, Sugared] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self.error("keyword-arg expansion is not supported", node, NotSupportedError)
            keywords[keyword.arg] = self.read(keyword.value)
        return Arguments(positional, keywords)

    def call_builtin(
        self, names: tuple[str, ...], arguments: Arguments, node: ast.AST, receiver: Sugared | None = None
    ) -> Sugared:
        """The operator called: the first overload that fits, without implicit conversions, then with. What a
        method is called on is the argument `self`, wherever that stands.
        """
        candidates = [s for name in names for s in schemas.overloads(name)]
        failures: list[tuple[Schema, str]] = []
        for convert in (False, True):
            for schema in candidates:
                try:
                    given = arguments if receiver is None else with_receiver(schema, receiver, arguments)
                    match = calls.match_schema(self, schema, given, convert=convert, node=node)
                except SchemaMismatchError as mismatch:
                    if convert:
                        failures.append((schema, str(mismatch)))
                    continue
                return self.emit_match(match, node)
        if not candidates:
            raise self.error(f"Unknown builtin op: {names[0]}", node)
        given = [*filter(None, [receiver]), *arguments.positional, *arguments.keywords.values()]
        raise self.error(calls.no_fit(failures), node, hint=hints.for_arguments(given))

    def emit_match(self, match: calls.Match, node: ast.AST) -> Sugared:
        """The operation of a matched schema."""
        schema = match.schema
        formals = [a.type for a in schema.arguments] + [tt.ANY] * (
            len(match.operands) - len(schema.arguments)
        )
        operands = [calls.realize(self, o, t, node) for o, t in zip(match.operands, formals, strict=True)]
        if schema.name in calls.FROM_LISTS:
            calls.say_dtype(self, schema, operands)
        results = [calls.substitute(r.type, match.bindings) for r in schema.results]
        op = self.builder.create(class_of(schema), operands, results)
        if not results:
            return Constant(None)
        if len(results) == 1:
            return SugaredValue(op.results[0])
        return TupleOf([SugaredValue(r) for r in op.results], tuple(r.name for r in schema.results if r.name))

    def call_function(
        self, function: Function, arguments: Arguments, node: ast.AST, receiver: SSAValue | None = None
    ) -> Sugared:
        """A function of the program called, or (with a `receiver`) a hook, which no method table knows."""
        self.compile_function(function)
        operands = self.bind(function, arguments, node)
        if receiver is not None:
            operands.insert(0, receiver)
        self.at(node)
        if function.kind == "python":
            return self._call_python(function, operands)
        call = CallOp.create(
            operands=operands, result_types=[function.result or tt.NONE],
            properties={"callee": _symbol(function.name)},
            location=self.builder.location,
        )  # fmt: skip
        return SugaredValue(self.builder.insert(call).results[0])

    def call_method(
        self, function: Function, receiver: SSAValue, arguments: Arguments, node: ast.AST
    ) -> Sugared:
        """A method called on `receiver`."""
        self.compile_function(function)
        operands = self.bind(function, arguments, node)
        self.at(node)
        if function.kind == "python":
            return self._call_python(function, [receiver, *operands])
        attributes = {"name": StringAttr(function.short_name)}
        call = self.builder.create(
            ops.PrimCallMethodOp, [receiver, *operands], [function.result or tt.NONE], attributes=attributes
        )
        return SugaredValue(call.results[0])

    def _call_python(self, function: Function, operands: list[SSAValue]) -> Sugared:
        attributes = {"callee": _symbol(function.name)}
        kinds = [function.result or tt.NONE]
        call = self.builder.create(ops.PrimPythonOp, operands, kinds, attributes=attributes)
        return SugaredValue(call.results[0])

    def fork(self, callee: Sugared, arguments: Arguments, node: ast.AST) -> Sugared:
        """``fork(callee, ...)``: the call as a future."""
        called = callee.call(self, arguments, node).value(self, node)
        call = called.owner
        block = self.builder.block
        if block is None or call is not block.last_op:
            raise self.error("fork of a module with forward hooks is not supported", node, NotSupportedError)
        if isinstance(call, CallOp):
            attributes: dict[str, Any] = {"callee": call.callee}
        elif isinstance(call, ops.PrimCallMethodOp):
            attributes = {"name": call.attributes["name"]}
        else:
            raise self.error("fork requires a function, a method or a module of the program", node)
        kinds = [tt.FutureType(called.type)]
        fork = self.builder.create(ops.PrimForkOp, list(call.operands), kinds, attributes=attributes)
        call.detach()
        call.erase()
        return SugaredValue(fork.results[0])

    def bind(self, function: Function, arguments: Arguments, node: ast.AST) -> list[SSAValue]:
        """One operand per parameter of a program function, converted to its type.

        Raises:
            CompileError: an argument is missing, unknown, doubled or of the wrong type.
        """
        positional, keywords = list(arguments.positional), dict(arguments.keywords)
        operands: list[SSAValue] = []
        for parameter in function.parameters:
            if positional and not parameter.kwarg_only:
                given = positional.pop(0)
                if parameter.name in keywords:
                    raise self._mismatch(function, f"Argument {parameter.name} specified twice.", node)
            elif parameter.name in keywords:
                given = keywords.pop(parameter.name)
            elif parameter.default is not REQUIRED:
                given = Constant(parameter.default, parameter.type)
            else:
                raise self._mismatch(function, f"Argument {parameter.name} not provided.", node)
            operands.append(self._operand(function, given, parameter, node))
        if positional:
            n = len(function.parameters)
            found = f"Expected at most {n} arguments but found {n + len(positional)} positional arguments."
            raise self._mismatch(function, found, node)
        if keywords:
            raise self._mismatch(function, f"Keyword argument {next(iter(keywords))} unknown.", node)
        return operands

    def takes(self, function: Function, arguments: Arguments, node: ast.AST) -> bool:
        """Whether a function of the program can be called with `arguments`."""
        self.read_signature(function)
        with self.block() as scratch:
            try:
                self.bind(function, arguments, node)
            except CompileError:
                return False
            finally:
                for op in reversed(list(scratch.ops)):
                    op.detach()
                    op.erase()
        return True

    def _mismatch(self, function: Function, message: str, node: ast.AST) -> CompileError:
        """A call that does not fit a function of the program, with the function's signature."""
        return self.error(f"\n{function.schema()}:\n{message}", node)

    def _operand(
        self, function: Function, given: Sugared, parameter: FunctionParameter, node: ast.AST
    ) -> SSAValue:
        value = self._broadcast(self._argument_value(given, parameter.type, node), parameter)
        if not self.converts(value, parameter.type):
            found = self._type_text(value)
            raise self._mismatch(
                function,
                f"Expected a value of type '{parameter.type_text}' for argument '{parameter.name}' but "
                f"instead "
                f"found type '{found}'.",
                node,
            )
        return self.coerce(value, parameter.type, node, f"argument '{parameter.name}'")

    def _type_text(self, value: SSAValue) -> str:
        """The type of a value for messages, which say so where it is only a guess."""
        kind: Any = value.type
        entry = self.function.parameters
        offset = 0 if self.function.self_type is None else 1
        is_parameter = (
            isinstance(value, BlockArgument) and value.block.parent_op() is None and self.depth == 0
        )
        if is_parameter and 0 <= value.index - offset < len(entry):  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
            return entry[value.index - offset].type_text  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
        return kind.torchscript()

    def _broadcast(self, value: SSAValue, parameter: FunctionParameter) -> SSAValue:
        wanted = without_none(parameter.type)
        if (
            parameter.broadcast_size is None
            or not isinstance(wanted, tt.ListType)
            or value.type is not wanted.data
        ):
            return value
        return self.builder.list(wanted.data, [value] * parameter.broadcast_size)

    def _argument_value(self, given: Sugared, wanted: TorchType, node: ast.AST) -> SSAValue:
        if isinstance(given, Constant) and not isinstance(given.python, (list, tuple, str)):
            given = Constant(given.python)
        if (
            isinstance(given, Constant)
            and given.type is not None
            and isinstance(given.python, str)  # pyright: ignore[reportUnknownMemberType]
            and wanted is not tt.DEVICE
        ):
            given = Constant(given.python)
        return given.value(self, node)

    def binary(self, name: str, left: Sugared, right: Sugared, node: ast.AST) -> Sugared:
        """A binary operator, Python's or a user class's."""
        if name == "add":
            parts = [p.unroll(self, node) if _is_tuple(p) else None for p in (left, right)]
            if parts[0] is not None and parts[1] is not None:
                return TupleOf([*parts[0], *parts[1]])
        a, b = self.plain(left, node), self.plain(right, node)
        magic = {"div": "truediv", "remainder": "mod"}.get(name, name.strip("_"))
        called = self.magic(f"__{magic}__", [a, b], node) if name != "floordiv" else None
        if called is not None:
            return called
        tensors = [isinstance(v.type, tt.TensorType) for v in (a, b)]
        if name == "floordiv" and tensors[0]:
            name = "floor_divide"
        if tensors == [False, True] and b is not a and calls.fits(a.type, tt.NUMBER, {}):
            reversed_ = self._number_on_the_left(name, a, b, node)
            if reversed_ is not None:
                return reversed_
        return self.call_builtin((f"aten::{name}",), Arguments([a, b]), node)

    def _number_on_the_left(
        self, name: str, a: SugaredValue, b: SugaredValue, node: ast.AST
    ) -> Sugared | None:
        """``2 - x``: no schema starts with a number, so it is said with those there are, as PyTorch does."""
        if name in SWAPPED:
            return self.call_builtin((f"aten::{SWAPPED[name]}",), Arguments([b, a]), node)
        if name == "sub":
            negated = self.call_builtin(("aten::neg",), Arguments([b]), node)
            return self.call_builtin(("aten::add",), Arguments([negated, a]), node)
        if name == "div":
            inverse = self.call_builtin(("aten::reciprocal",), Arguments([b]), node)
            return self.call_builtin(("aten::mul",), Arguments([inverse, a]), node)
        return None

    def magic(
        self, name: str, operands: list[Sugared], node: ast.AST, *, is_optional: bool = False
    ) -> Sugared | None:
        """The operator method of a user class, called; None when the first operand is of no such class.

        Raises:
            CompileError: the class has no such method, unless that `is_optional`.
        """
        first = self.plain(operands[0], node)
        if not isinstance(first.type, tt.ClassType) or first.type.data.startswith("__torch__.torch.classes"):
            return None
        method = self.unit.class_named(first.type.data).method(name)
        if method is None and is_optional:
            return None
        if method is None:
            from tsc.frontend.members import missing_member

            raise self.error(missing_member(self.unit.class_named(first.type.data), name), node)
        return self.call_method(method, first.ssa, Arguments(list(operands[1:])), node)


def _is_tuple(given: Sugared) -> bool:
    kind = calls.type_of(given)
    return isinstance(given, TupleOf) or isinstance(kind, (tt.TupleType, tt.NamedTupleType))


def _symbol(name: str) -> Any:
    return SymbolRefAttr(name)
