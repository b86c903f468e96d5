"""Reads expressions: each becomes IR values, or something sugared that a call or attribute resolves."""

from __future__ import annotations

import ast
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from xdsl.dialects.func import CallOp
from xdsl.ir import Block, Region, SSAValue

from tsc.dialects import schema as schemas
from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import class_of
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.constants import literal
from tsc.dialects.torch_types import TorchType
from tsc.errors import CompileError, NotSupportedError
from tsc.frontend import calls
from tsc.frontend.annotations import optional, union
from tsc.frontend.calls import MismatchError
from tsc.frontend.sugared import Arguments, Constant, Special, Sugared, TupleOf, Value
from tsc.frontend.unit import REQUIRED, Function, Parameter, Unit


@dataclass
class Condition:
    """A bool: known now (`static`) or computed (`ssa`), and what each outcome says about the types of
    variables.
    """

    static: bool | None
    ssa: SSAValue | None
    when_true: dict[str, TorchType] = field(default_factory=dict[str, TorchType])
    when_false: dict[str, TorchType] = field(default_factory=dict[str, TorchType])


BINARY: dict[type[ast.operator], str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.FloorDiv: "floordiv",
    ast.Mod: "remainder",
    ast.Pow: "pow", ast.MatMult: "matmul", ast.BitAnd: "__and__", ast.BitOr: "__or__", ast.BitXor: "__xor__",
    ast.LShift: "__lshift__", ast.RShift: "__rshift__",
}  # fmt: skip
COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge",
}  # fmt: skip
SWAPPED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne", "add": "add", "mul": "mul"}


class ExpressionReader:
    """State shared by the readers of one function: where code goes, what names mean, how errors are made."""

    compile_function: Callable[[Function], None]

    def __init__(self, unit: Unit, function: Function) -> None:
        self.unit = unit
        self.function = function
        self.source = function.source
        self.builder = TorchBuilder(Block())
        self.environment: dict[str, Sugared] = {}
        self.leaves = False
        """Whether control cannot get here any more (after ``raise``)."""
        self.current: ast.AST | None = None
        """The node being read, for the stack of an error in a callee."""

    # --- infrastructure ---

    def error(self, message: str, node: ast.AST, kind: type[CompileError] = CompileError) -> CompileError:
        """An exception that points at `node`."""
        return kind(message, self.source.range(node, self.function.short_name))

    @contextmanager
    def block(self, arg_types: list[TorchType] | None = None) -> Generator[Block, None, None]:
        """Code goes to a new block, with a copy of the environment, until the context ends."""
        outer, outer_environment, outer_leaves = self.builder.block, self.environment, self.leaves
        block = Block(arg_types=arg_types or [])
        self.builder.block, self.environment, self.leaves = block, dict(outer_environment), False
        try:
            yield block
        finally:
            self.builder.block, self.environment, self.leaves = outer, outer_environment, outer_leaves

    def at(self, node: ast.AST) -> None:
        """Operations made from now on come from `node`."""
        self.current = node
        self.builder.location = self.source.location(node)

    def lookup(self, name: str, node: ast.AST) -> Sugared:
        """What `name` means here."""
        found = self.environment.get(name)
        if found is None:
            found = self.function.resolver.lookup(name)
        if found is None:
            raise self.error(f"undefined value {name}", node)
        return found

    def constant(self, python: Any, type_: TorchType | None, node: ast.AST) -> SSAValue:
        """A constant as an IR value."""
        if isinstance(python, (list, tuple)) and isinstance(type_, tt.ListType):
            return self.builder.list(type_.data, [self.constant(v, type_.data, node) for v in python])  # pyright: ignore
        if type_ is tt.DEVICE:
            return self.builder.device(cast("str", python))
        if isinstance(python, int) and not isinstance(python, bool) and not -(2**63) <= python < 2**63:
            raise self.error(f"int constant {python} does not fit 64 bits", node)
        return self.builder.constant(python)

    def unit_literal(self, name: str, array: Any) -> Any:
        """A literal operation for an array stored with the program."""
        return literal(self.unit.pool, name, array, mutable=True)

    def plain(self, given: Sugared, node: ast.AST) -> Value:
        """`given` as an IR value with its type."""
        return given if isinstance(given, Value) else Value(given.value(self, node))

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

    def unpack_tuple(self, value: SSAValue) -> list[SSAValue]:
        """The elements of a tuple value."""
        kind = value.type
        elements = kind.elements if isinstance(kind, tt.NamedTupleType) else kind.data  # pyright: ignore
        if isinstance(value.owner, ops.PrimTupleConstructOp):
            return list(value.owner.operands)
        return list(self.builder.create(ops.PrimTupleUnpackOp, [value], elements).results)  # pyright: ignore

    def coerce(self, value: SSAValue, wanted: TorchType, node: ast.AST, what: str = "value") -> SSAValue:
        """`value` as exactly the type `wanted`: itself, forgotten detail (int to Optional[int]), or
        implicitly converted.
        """
        actual = value.type
        assert isinstance(actual, TorchType)
        if actual is wanted or (isinstance(actual, tt.TensorType) and isinstance(wanted, tt.TensorType)):
            return value
        if self._is_empty_list(value, wanted):
            return self.builder.list(wanted.data, [])
        if calls.fits(actual, wanted, {}):
            return self.builder.create(ops.DerefineOp, [value], [wanted]).results[0]
        converted = calls._conversion(Value(value), wanted, {}, True)  # pyright: ignore[reportPrivateUsage]
        if converted is None:
            raise self.error(
                f"Expected a value of type '{wanted.torchscript()}' for {what} but instead found type "
                f"'{actual.torchscript()}'.",
                node,
            )
        return calls.realize(self, converted, wanted, node)

    def _is_empty_list(self, value: SSAValue, wanted: TorchType) -> bool:
        return (
            isinstance(wanted, tt.ListType)
            and isinstance(value.owner, ops.PrimListConstructOp)
            and not value.owner.operands
        )

    # --- expressions ---

    def read(self, node: ast.expr, hint: TorchType | None = None) -> Sugared:
        """The value of an expression; `hint` is the type it is wanted as (for empty lists and dicts)."""
        method = getattr(self, f"read_{type(node).__name__.lower()}", None)
        if method is None:
            raise self.error(
                f"{type(node).__name__} is not supported in TorchScript", node, NotSupportedError
            )
        self.at(node)
        if isinstance(node, (ast.List, ast.Dict, ast.ListComp, ast.DictComp, ast.IfExp, ast.Tuple)):
            return method(node, hint)
        return method(node)

    def value(self, node: ast.expr, hint: TorchType | None = None) -> SSAValue:
        """The IR value of an expression."""
        read = self.read(node, hint)
        self.at(node)
        return read.value(self, node)

    def read_constant(self, node: ast.Constant) -> Sugared:
        if node.value is Ellipsis or isinstance(node.value, bytes):
            raise self.error(f"constant {node.value!r} is not supported", node, NotSupportedError)
        return Constant(node.value)

    def read_name(self, node: ast.Name) -> Sugared:
        return self.lookup(node.id, node)

    def read_attribute(self, node: ast.Attribute) -> Sugared:
        return self.read(node.value).attribute(self, node.attr, node)

    def read_tuple(self, node: ast.Tuple, hint: TorchType | None = None) -> Sugared:
        hints = (
            hint.data
            if isinstance(hint, tt.TupleType) and len(hint.data) == len(node.elts)
            else [None] * len(node.elts)
        )
        elements: list[Sugared] = []
        for element, wanted in zip(node.elts, hints, strict=True):
            if isinstance(element, ast.Starred):
                unrolled = self.read(element.value).unroll(self, element)
                if unrolled is None:
                    raise self.error("starred expressions need a tuple of known length", element)
                elements += unrolled
            else:
                read = self.read(element, wanted)
                elements.append(
                    Value(self.coerce(read.value(self, element), wanted, element))
                    if wanted is not None
                    else read
                )
        return TupleOf(elements)

    def read_list(self, node: ast.List, hint: TorchType | None = None) -> Sugared:
        wanted = _element_hint(hint)
        values = [self.value(e, wanted) for e in node.elts]
        element = wanted if wanted is not None else self.common_type([v.type for v in values], node)  # pyright: ignore
        if element is None:
            element = tt.TENSOR
        return Value(
            self.builder.list(element, [self.coerce(v, element, node, "list element") for v in values])
        )

    def common_type(self, found: list[TorchType], node: ast.AST) -> TorchType | None:
        """The type all of `found` can be seen as; None for none at all."""
        if not found:
            return None
        merged = found[0]
        for other in found[1:]:
            unified = unify(merged, other)
            if unified is None:
                raise self.error(
                    f"Lists must contain only a single type: expected {merged.torchscript()}, found "
                    f"{other.torchscript()}",
                    node,
                )
            merged = unified
        return merged

    def read_dict(self, node: ast.Dict, hint: TorchType | None = None) -> Sugared:
        hinted = hint.data if isinstance(hint, tt.OptionalType) else hint
        wanted = hinted if isinstance(hinted, tt.DictType) else None
        keys = [self.value(k, wanted and wanted.key) for k in node.keys if k is not None]
        values = [self.value(v, wanted and wanted.value) for v in node.values]
        key = wanted.key if wanted else self.common_type([k.type for k in keys], node) or tt.STRING  # pyright: ignore
        held = wanted.value if wanted else self.common_type([v.type for v in values], node) or tt.TENSOR  # pyright: ignore
        operands = [self.coerce(k, key, node, "dict key") for k in keys] + [
            self.coerce(v, held, node, "dict value") for v in values
        ]
        return Value(
            self.builder.create(ops.PrimDictConstructOp, operands, [tt.DictType((key, held))]).results[0]
        )

    def read_unaryop(self, node: ast.UnaryOp) -> Sugared:
        if isinstance(node.op, ast.Not):
            return self._from_condition(self.condition(node), node)
        operand = self.read(node.operand)
        known, python = operand.static()
        if (
            known
            and isinstance(node.op, ast.USub)
            and type(python) in (int, float, complex)
            and isinstance(operand, Constant)
        ):
            return Constant(-python)
        if isinstance(node.op, ast.UAdd):
            return operand
        name = "aten::neg" if isinstance(node.op, ast.USub) else "aten::bitwise_not"
        magic = "__neg__" if isinstance(node.op, ast.USub) else "__invert__"
        return self.magic(magic, [operand], node) or self.call_builtin((name,), Arguments([operand]), node)

    def read_binop(self, node: ast.BinOp) -> Sugared:
        left = self.read(node.left)
        right = self.read(node.right)
        self.at(node)
        if isinstance(node.op, ast.Mod) and isinstance(self.plain(left, node).type, tt.StringType):
            elements = list(right.elements) if isinstance(right, TupleOf) else [right]
            return self.call_builtin(("aten::percentFormat",), Arguments([left, *elements]), node)
        return self.binary(BINARY[type(node.op)], left, right, node)

    def binary(self, name: str, left: Sugared, right: Sugared, node: ast.AST) -> Sugared:
        """A binary operator, Python's or a user class's."""
        a, b = self.plain(left, node), self.plain(right, node)
        magic = {"div": "truediv", "remainder": "mod"}.get(name, name.strip("_"))
        called = self.magic(f"__{magic}__", [a, b], node)
        if called is not None:
            return called
        tensors = [isinstance(v.type, tt.TensorType) for v in (a, b)]
        if name == "floordiv" and any(tensors):
            name = "floor_divide"
        if tensors == [False, True] and b is not a and calls.fits(a.type, tt.NUMBER, {}):
            reversed_ = self._number_on_the_left(name, a, b, node)
            if reversed_ is not None:
                return reversed_
        return self.call_builtin((f"aten::{name}",), Arguments([a, b]), node)

    def _number_on_the_left(self, name: str, a: Value, b: Value, node: ast.AST) -> Sugared | None:
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

    def magic(self, name: str, operands: list[Sugared], node: ast.AST) -> Sugared | None:
        """The operator method of a user class, called; None when the first operand has no such method."""
        first = self.plain(operands[0], node)
        if not isinstance(first.type, tt.ClassType) or first.type.data.startswith("__torch__.torch.classes"):
            return None
        method = self.unit.class_named(first.type.data).method(name)
        if method is None:
            return None
        return self.call_method(method, first.ssa, Arguments(list(operands[1:])), node)

    def read_compare(self, node: ast.Compare) -> Sugared:
        if len(node.ops) > 1:
            return self._from_condition(self.condition(node), node)
        condition = self._single_comparison(node.left, node.ops[0], node.comparators[0], node)
        return condition if isinstance(condition, Sugared) else self._from_condition(condition, node)

    def _single_comparison(
        self, left: ast.expr, operator: ast.cmpop, right: ast.expr, node: ast.AST
    ) -> Sugared | Condition:
        if isinstance(operator, (ast.Is, ast.IsNot)):
            return self._identity(left, isinstance(operator, ast.Is), right, node)
        a, b = self.read(left), self.read(right)
        self.at(node)
        if isinstance(operator, (ast.In, ast.NotIn)):
            found = self._contains(b, a, node)
            return (
                found
                if isinstance(operator, ast.In)
                else self.call_builtin(("aten::__not__",), Arguments([found]), node)
            )
        return self.binary(COMPARE[type(operator)], a, b, node)

    def _contains(self, container: Sugared, item: Sugared, node: ast.AST) -> Sugared:
        from tsc.frontend.members import static_contains

        known = static_contains(self, container, item)
        if known is not None:
            return Constant(known)
        called = self.magic("__contains__", [container, item], node) if isinstance(container, Value) else None
        return called or self.call_builtin(("aten::__contains__",), Arguments([container, item]), node)

    def _identity(
        self, left: ast.expr, positive: bool, right: ast.expr, node: ast.AST
    ) -> Sugared | Condition:
        """``a is b``: decided now when a type alone decides whether `a` is None."""
        a, b = self.read(left), self.read(right)
        if (
            isinstance(a, Constant)
            and a.python is None
            and not (isinstance(b, Constant) and b.python is None)
        ):
            a, b, left, right = b, a, right, left
        none_checked = isinstance(b, Constant) and b.python is None
        value = self.plain(a, node)
        if none_checked:
            if value.type is tt.NONE:
                return Condition(positive, None)
            if not may_be_none(value.type):
                return Condition(not positive, None)
        name = "aten::__is__" if positive else "aten::__isnot__"
        result = self.builder.aten(name, [value.ssa, self.plain(b, node).ssa]).results[0]
        condition = Condition(None, result)
        if none_checked and isinstance(left, ast.Name):
            not_none = without_none(value.type)
            (condition.when_false if positive else condition.when_true)[left.id] = not_none
            (condition.when_true if positive else condition.when_false)[left.id] = tt.NONE
        return condition

    def read_boolop(self, node: ast.BoolOp) -> Sugared:
        return self._from_condition(self.condition(node), node)

    def _from_condition(self, condition: Condition, node: ast.AST) -> Sugared:
        if condition.static is not None:
            return Constant(condition.static)
        assert condition.ssa is not None
        return Value(condition.ssa)

    def condition(self, node: ast.expr) -> Condition:
        """An expression as a bool, with what its outcomes say about types."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.condition(node.operand)
            if inner.static is not None:
                return Condition(not inner.static, None, inner.when_false, inner.when_true)
            self.at(node)
            negated = self.builder.aten("aten::__not__", [inner.ssa]).results[0]  # pyright: ignore
            return Condition(None, negated, inner.when_false, inner.when_true)
        if isinstance(node, ast.BoolOp):
            return self._junction(node.values, isinstance(node.op, ast.And), node)
        if isinstance(node, ast.Compare):
            return self._comparison_condition(node)
        if isinstance(node, ast.Call):
            from tsc.frontend.special_forms import condition_of_call

            special = condition_of_call(self, node)
            if special is not None:
                return special
        return self.to_condition(self.read(node), node)

    def _comparison_condition(self, node: ast.Compare) -> Condition:
        if len(node.ops) > 1:
            operands = [node.left, *node.comparators]
            parts: list[ast.expr] = [
                ast.copy_location(ast.Compare(a, [o], [b]), node)
                for a, o, b in zip(operands[:-1], node.ops, operands[1:], strict=True)
            ]
            return self._junction(parts, True, node)
        result = self._single_comparison(node.left, node.ops[0], node.comparators[0], node)
        return result if isinstance(result, Condition) else self.to_condition(result, node)

    def to_condition(self, read: Sugared, node: ast.AST) -> Condition:
        """A value as a bool: Python's truth for numbers and tensors of one element."""
        known, python = read.static()
        if known and isinstance(python, bool):
            return Condition(python, None)
        value = self.plain(read, node)
        if value.type is tt.BOOL:
            return Condition(None, value.ssa)
        called = self.magic("__bool__", [value], node)
        if called is not None:
            return Condition(None, called.value(self, node))
        try:
            result = self.call_builtin(("aten::Bool",), Arguments([value]), node)
        except CompileError:
            raise self.error(
                f"Could not cast value of type {value.type.torchscript()} to bool", node
            ) from None
        return Condition(None, result.value(self, node))

    def _junction(self, parts: list[ast.expr], is_and: bool, node: ast.AST) -> Condition:
        first = self.condition(parts[0])
        if len(parts) == 1:
            return first
        if first.static is not None:
            decided = first.static is not is_and
            return first if decided else self._junction(parts[1:], is_and, node)
        refinements = first.when_true if is_and else first.when_false
        with self.block() as evaluated:
            self.refine(refinements)
            rest = self._junction(parts[1:], is_and, node)
            value = self.builder.constant(rest.static) if rest.static is not None else rest.ssa
            self.builder.create(ops.PrimIfYieldOp, [value])  # pyright: ignore
        if rest.static is not None and rest.static is not is_and:
            return Condition(rest.static, None)
        with self.block() as skipped:
            self.builder.create(ops.PrimIfYieldOp, [self.builder.constant(not is_and)])
        blocks = [evaluated, skipped] if is_and else [skipped, evaluated]
        self.at(node)
        regions = [Region(b) for b in blocks]
        result = self.builder.create(ops.PrimIfOp, [first.ssa], [tt.BOOL], regions=regions).results[0]  # pyright: ignore
        both = (first.when_true | rest.when_true) if is_and else {}
        neither = {} if is_and else (first.when_false | rest.when_false)
        return Condition(None, result, both, neither)

    def refine(self, types: dict[str, TorchType]) -> None:
        """From here on the variables have the narrower `types`."""
        for name, narrowed in types.items():
            current = self.environment.get(name)
            if isinstance(current, Value) and current.type is not narrowed:
                if narrowed is tt.NONE:
                    self.environment[name] = Constant(None)
                    continue
                cast = self.builder.create(ops.PrimUncheckedCastOp, [current.ssa], [narrowed])
                self.environment[name] = Value(cast.results[0])

    def read_ifexp(self, node: ast.IfExp, hint: TorchType | None = None) -> Sugared:
        condition = self.condition(node.test)
        if condition.static is not None:
            self.refine(condition.when_true if condition.static else condition.when_false)
            return self.read(node.body if condition.static else node.orelse, hint)
        blocks: list[Block] = []
        values: list[SSAValue] = []
        for branch, refinements in ((node.body, condition.when_true), (node.orelse, condition.when_false)):
            with self.block() as block:
                self.refine(refinements)
                values.append(self.value(branch, hint))
                blocks.append(block)
        merged = unify(values[0].type, values[1].type)  # pyright: ignore
        if merged is None:
            raise self.error(
                f"Expected both branches to have the same type: found {values[0].type} and {values[1].type}",
                node,
            )
        self.at(node)
        return Value(self.merge_blocks(condition.ssa, blocks, [[v] for v in values], [merged], node)[0])  # pyright: ignore

    def merge_blocks(
        self,
        condition: SSAValue,
        blocks: list[Block],
        values: list[list[SSAValue]],
        types: list[TorchType],
        node: ast.AST,
    ) -> list[SSAValue]:
        """A ``prim.If`` over finished blocks whose `values` become results of `types`."""
        outer = self.builder.block
        for block, branch_values in zip(blocks, values, strict=True):
            self.builder.block = block
            converted = [self.coerce(v, t, node) for v, t in zip(branch_values, types, strict=True)]
            self.builder.create(ops.PrimIfYieldOp, converted)
        self.builder.block = outer
        regions = [Region(b) for b in blocks]
        return list(self.builder.create(ops.PrimIfOp, [condition], types, regions=regions).results)

    def read_subscript(self, node: ast.Subscript) -> Sugared:
        from tsc.frontend.indexing import read_index

        return read_index(self, node)

    def read_joinedstr(self, node: ast.JoinedStr) -> Sugared:
        text = ""
        parts: list[Any] = []
        for piece in node.values:
            if isinstance(piece, ast.FormattedValue):
                if piece.conversion != -1 or piece.format_spec is not None:
                    raise self.error(
                        "conversions and format specifications in f-strings are not supported",
                        piece,
                        NotSupportedError,
                    )
                text += "{}"
                parts.append(self.read(piece.value))
            else:
                assert isinstance(piece, ast.Constant)
                text += str(piece.value).replace("{", "{{").replace("}", "}}")
        return self.call_builtin(("aten::format",), Arguments([Constant(text), *parts]), node)

    def read_listcomp(self, node: ast.ListComp, hint: TorchType | None = None) -> Sugared:
        from tsc.frontend.comprehensions import read_list_comprehension

        return read_list_comprehension(self, node, hint)

    def read_dictcomp(self, node: ast.DictComp, hint: TorchType | None = None) -> Sugared:
        from tsc.frontend.comprehensions import read_dict_comprehension

        return read_dict_comprehension(self, node, hint)

    # --- calls ---

    def read_call(self, node: ast.Call) -> Sugared:
        callee = self.read(node.func)
        if isinstance(callee, Special):
            from tsc.frontend.special_forms import read_form

            special = read_form(self, callee.name, node)
            if special is not None:
                return special
        arguments = self.arguments(node)
        self.at(node)
        return callee.call(self, arguments, node)

    def arguments(self, node: ast.Call) -> Arguments:
        """The arguments of a call, read."""
        positional: list[Sugared] = []
        for argument in node.args:
            if isinstance(argument, ast.Starred):
                unrolled = self.read(argument.value).unroll(self, argument)
                if unrolled is None:
                    raise self.error("starred arguments need a tuple of known length", argument)
                positional += unrolled
            else:
                positional.append(self.read(argument))
        keywords: dict[str, Sugared] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise self.error("keyword-argument expansion is not supported", node, NotSupportedError)
            keywords[keyword.arg] = self.read(keyword.value)
        return Arguments(positional, keywords)

    def call_builtin(self, names: tuple[str, ...], arguments: Arguments, node: ast.AST) -> Sugared:
        """The operator called: the first overload that fits, without implicit conversions, then with."""
        candidates = [s for name in names for s in schemas.overloads(name)]
        failures: list[str] = []
        for convert in (False, True):
            for schema in candidates:
                try:
                    match = calls.match_schema(self, schema, arguments, convert=convert, node=node)
                except MismatchError as mismatch:
                    if convert:
                        failures.append(f"  {schema}:\n  {mismatch}")
                    continue
                return self.emit_match(match, node)
        if not candidates:
            raise self.error(f"Unknown builtin op: {names[0]}", node)
        raise self.error(
            "Arguments for call are not valid.\nThe following variants are available:\n\n"
            + "\n\n".join(failures),
            node,
        )

    def emit_match(self, match: calls.Match, node: ast.AST) -> Sugared:
        """The operation of a matched schema."""
        schema = match.schema
        formals = [a.type for a in schema.arguments] + [tt.ANY] * (
            len(match.operands) - len(schema.arguments)
        )
        operands = [calls.realize(self, o, t, node) for o, t in zip(match.operands, formals, strict=True)]
        results = [calls.substitute(r.type, match.bindings) for r in schema.results]
        op = self.builder.create(class_of(schema), operands, results)
        if not results:
            return Constant(None)
        if len(results) == 1:
            return Value(op.results[0])
        return TupleOf([Value(r) for r in op.results])

    def call_function(self, function: Function, arguments: Arguments, node: ast.AST) -> Sugared:
        """A function of the program called."""
        self.compile_function(function)
        operands = self.bind(function, arguments, node)
        self.at(node)
        call = CallOp.create(
            operands=operands, result_types=[function.result or tt.NONE],
            properties={"callee": _symbol(function.name)},
            location=self.builder.location,
        )  # fmt: skip
        return Value(self.builder.insert(call).results[0])

    def call_method(
        self, function: Function, receiver: SSAValue, arguments: Arguments, node: ast.AST
    ) -> Sugared:
        """A method called on `receiver`."""
        self.compile_function(function)
        operands = self.bind(function, arguments, node)
        self.at(node)
        from xdsl.dialects.builtin import StringAttr

        attributes = {"name": StringAttr(function.short_name)}
        call = self.builder.create(
            ops.PrimCallMethodOp, [receiver, *operands], [function.result or tt.NONE], attributes=attributes
        )
        return Value(call.results[0])

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
                    raise self.error(f"argument {parameter.name} specified twice", node)
            elif parameter.name in keywords:
                given = keywords.pop(parameter.name)
            elif parameter.default is not REQUIRED:
                given = Constant(parameter.default, parameter.type)
            else:
                raise self.error(
                    f"{function.short_name}() is missing value for argument '{parameter.name}'", node
                )
            value = self._argument_value(given, parameter.type, node)
            value = self._broadcast(value, parameter)
            operands.append(self.coerce(value, parameter.type, node, f"argument '{parameter.name}'"))
        if positional:
            n = len(function.parameters)
            raise self.error(
                f"{function.short_name}() expected at most {n} argument(s) but received "
                f"{n + len(positional)} argument(s)",
                node,
            )
        if keywords:
            raise self.error(
                f"Unknown keyword argument '{next(iter(keywords))}' for {function.short_name}()", node
            )
        return operands

    def _broadcast(self, value: SSAValue, parameter: Parameter) -> SSAValue:
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


def _symbol(name: str) -> Any:
    from xdsl.dialects.builtin import SymbolRefAttr

    return SymbolRefAttr(name)


def _element_hint(hint: TorchType | None) -> TorchType | None:
    hint = hint.data if isinstance(hint, tt.OptionalType) else hint
    return hint.data if isinstance(hint, tt.ListType) else None


def may_be_none(kind: TorchType) -> bool:
    """Whether a value of this type can be None."""
    return (
        isinstance(kind, tt.OptionalType)
        or kind in (tt.NONE, tt.ANY)
        or (isinstance(kind, tt.UnionType) and tt.NONE in kind.data)
    )


def without_none(kind: TorchType) -> TorchType:
    """What is left of a type once it is known not to be None."""
    if isinstance(kind, tt.OptionalType):
        return kind.data
    if isinstance(kind, tt.UnionType):
        return union([m for m in kind.data if m is not tt.NONE])
    return kind


def unify(a: TorchType, b: TorchType) -> TorchType | None:
    """The type two values can both be seen as without changing them; None when there is none."""
    if a is b:
        return a
    if isinstance(a, tt.TensorType) and isinstance(b, tt.TensorType):
        return tt.TENSOR
    if a is tt.NONE or b is tt.NONE:
        return optional(b if a is tt.NONE else a)
    if isinstance(a, tt.OptionalType) or isinstance(b, tt.OptionalType):
        inner = unify(without_none(a), without_none(b))
        return None if inner is None else optional(inner)
    if isinstance(a, tt.TupleType) and isinstance(b, tt.TupleType) and len(a.data) == len(b.data):
        parts = [unify(x, y) for x, y in zip(a.data, b.data, strict=True)]
        return None if any(p is None for p in parts) else tt.TupleType(tuple(parts))
    if calls.fits(a, b, {}):
        return b
    return a if calls.fits(b, a, {}) else None
