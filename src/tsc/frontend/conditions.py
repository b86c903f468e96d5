"""Reads conditions: bools, with what their outcomes say about the types of variables."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from xdsl.ir import Block, Region, SSAValue

from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.builder import hint
from tsc.dialects.torch_types import TorchType
from tsc.errors import CompileError
from tsc.frontend import calls
from tsc.frontend.call_reader import CallReader
from tsc.frontend.sugared import Arguments, Constant, Sugared, SugaredValue
from tsc.frontend.type_rules import may_be_none, without_none

COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge",
}  # fmt: skip


def _is_written(*values: SugaredValue) -> bool:
    """Whether one of the values is a literal: each literal in a program is an object of its own."""
    return any(isinstance(v.ssa.owner, ops.ConstantOp) for v in values)


@dataclass
class Condition:
    """A bool: known now (`static`) or computed (`ssa`), and what each outcome says about the types of
    variables.
    """

    static: bool | None
    ssa: SSAValue | None
    when_true: dict[str, TorchType] = field(default_factory=dict[str, TorchType])
    when_false: dict[str, TorchType] = field(default_factory=dict[str, TorchType])


class ConditionReader(CallReader):
    """Reads comparisons, junctions and truth values, and joins what branches computed."""

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
        held = calls.type_of(container)
        if held is tt.STRING:
            position = self.call_builtin(
                ("aten::find",), Arguments([container, item, Constant(0), Constant(-1)]), node
            )
            return self.binary("ne", position, Constant(-1), node)
        called = (
            self.magic("__contains__", [container, item], node)
            if isinstance(container, SugaredValue)
            else None
        )
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
        other = self.plain(b, node)
        if value.type is tt.STRING and other.type is tt.STRING and _is_written(value, other):
            return Condition(positive is (value.ssa is other.ssa), None)
        name = "aten::__is__" if positive else "aten::__isnot__"
        result = self.builder.aten(name, [value.ssa, other.ssa]).results[0]
        condition = Condition(None, result)
        if none_checked and isinstance(left, ast.Name):
            # what is None keeps its type: it may be assigned to, also in a loop further inside
            not_none = without_none(value.type)
            (condition.when_false if positive else condition.when_true)[left.id] = not_none
        return condition

    def _from_condition(self, condition: Condition, node: ast.AST) -> Sugared:
        if condition.static is not None:
            return Constant(condition.static)
        assert condition.ssa is not None
        return SugaredValue(condition.ssa)

    def condition(self, node: ast.expr) -> Condition:
        """An expression as a bool, with what its outcomes say about types."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.condition(node.operand)
            if inner.static is not None:
                return Condition(not inner.static, None, inner.when_false, inner.when_true)
            self.at(node)
            negated = self.builder.aten("aten::__not__", [inner.ssa]).results[0]  # pyright: ignore[reportArgumentType]
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
        if value.type is tt.STRING or isinstance(value.type, (tt.ListType, tt.DictType)):
            length = self.call_builtin(("aten::len",), Arguments([value]), node)
            return Condition(None, self.binary("gt", length, Constant(0), node).value(self, node))
        called = self.magic("__bool__", [value], node, is_optional=True)
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
            self.builder.create(ops.PrimIfYieldOp, [value])  # pyright: ignore[reportArgumentType]
        if rest.static is not None and rest.static is not is_and:
            return Condition(rest.static, None)
        with self.block() as skipped:
            self.builder.create(ops.PrimIfYieldOp, [self.builder.constant(not is_and)])
        blocks = [evaluated, skipped] if is_and else [skipped, evaluated]
        self.at(node)
        regions = [Region(b) for b in blocks]
        result = self.builder.create(ops.PrimIfOp, [first.ssa], [tt.BOOL], regions=regions).results[0]  # pyright: ignore[reportArgumentType]
        both = (first.when_true | rest.when_true) if is_and else {}
        neither = {} if is_and else (first.when_false | rest.when_false)
        return Condition(None, result, both, neither)

    def refine(self, types: dict[str, TorchType]) -> None:
        """From here on the variables have the narrower `types`."""
        for name, narrowed in types.items():
            current = self.environment.get(name)
            if isinstance(current, SugaredValue) and current.type is not narrowed:
                if narrowed is tt.NONE:
                    self.environment[name] = Constant(None)
                    continue
                cast = self.builder.create(ops.PrimUncheckedCastOp, [current.ssa], [narrowed])
                hint(cast.results[0], name)
                self.environment[name] = SugaredValue(cast.results[0])

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
