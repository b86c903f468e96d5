"""Reads ``if`` statements, and joins what their branches assigned."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from xdsl.ir import Block, SSAValue

from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.builder import hint
from tsc.dialects.torch_types import TorchType
from tsc.frontend import calls
from tsc.frontend.annotations import union
from tsc.frontend.calls import fits
from tsc.frontend.exits import VALUE, is_hidden
from tsc.frontend.expressions import ExpressionReader
from tsc.frontend.sugared import Constant, Sugared, SugaredValue, TupleOf
from tsc.frontend.type_rules import unify
from tsc.frontend.undefined import Poisoned, Undefined


class BranchReader(ExpressionReader):
    """Reads branches into ``prim.If``: what differs at their ends becomes a result."""

    returned_type: TorchType | None = None
    """What the function was annotated to return."""

    def statements(self, body: Sequence[ast.stmt]) -> None:
        """Read statements in order; what follows a ``raise`` is unreachable and is not read."""
        for statement in body:
            if self.leaves:
                return
            with self.errors.collecting(self.source.range(statement, self.function.short_name)):
                self.statement(statement)
                continue
            self._recover(statement)

    def _recover(self, statement: ast.stmt) -> None:
        """Go on after a statement with an error: what it assigns is not known."""
        for name in assigned_names([statement]):
            self.environment[name] = Poisoned(name)
        self.leaves = isinstance(statement, ast.Raise)

    def statement(self, node: ast.stmt) -> None:
        """Read one statement."""
        raise NotImplementedError

    def do_if(self, node: ast.If) -> None:
        condition = self.condition(node.test)
        if condition.static is not None:
            self.refine(condition.when_true if condition.static else condition.when_false)
            self.statements(node.body if condition.static else node.orelse)
            return
        blocks: list[Block] = []
        ends: list[dict[str, Sugared]] = []
        leaves: list[bool] = []
        for body, refinements in ((node.body, condition.when_true), (node.orelse, condition.when_false)):
            with self.block() as block:
                self.refine(refinements)
                self.statements(body)
                blocks.append(block)
                ends.append(self.environment)
                leaves.append(self.leaves)
        self.at(node)
        assert condition.ssa is not None
        self._merge(condition.ssa, blocks, ends, leaves, node)

    def _merge(
        self,
        condition: SSAValue,
        blocks: list[Block],
        ends: list[dict[str, Sugared]],
        leaves: list[bool],
        node: ast.If,
    ) -> None:
        """Join the environments of two branches: what differs becomes a result of the ``prim.If``."""
        names = [n for n in dict.fromkeys([*ends[0], *ends[1]]) if ends[0].get(n) is not ends[1].get(n)]
        self.environment.update({n: v for n, v in ends[0].items() if ends[1].get(n) is v})
        merged: list[str] = []
        values: list[list[SSAValue]] = [[], []]
        types: list[TorchType] = []
        for name in names:
            pair = self._branch_values(name, blocks, ends, leaves, node)
            if pair is None:
                continue
            kind = self._joined_type(name, pair, node)
            if kind is None:
                continue
            merged.append(name)
            types.append(kind)
            values[0].append(pair[0])
            values[1].append(pair[1])
        results = self.merge_blocks(condition, blocks, values, types, node)
        for name, result in zip(merged, results, strict=True):
            hint(result, name)
            self.environment[name] = SugaredValue(result)
        self.leaves = all(leaves)

    def _joined_type(self, name: str, pair: tuple[SSAValue, SSAValue], node: ast.AST) -> TorchType | None:
        """What `name` is after the branches: of a union if it was one before. None where the types do not
        join: an error for a variable of the code around, else only if the variable is used.
        """
        kinds: Any = [value.type for value in pair]
        outer = self.environment.get(name)
        before = calls.type_of(outer)
        kind = unify(*kinds)
        if kind is None and (isinstance(before, tt.UnionType) or before is tt.ANY):
            kind = union(kinds)
            if isinstance(before, tt.UnionType) and fits(before, kind, {}):
                kind = before  # the same members, in the order they were declared in
        if kind is not None and (before is None or fits(kind, before, {}) or kind is unify(kind, before)):
            return kind
        mismatch = self.error(_mismatch(name, *(k.torchscript() for k in kinds)), node)
        if outer is not None or is_hidden(name):
            raise mismatch
        self.environment[name] = Undefined(name, mismatch=mismatch)
        return None

    def _branch_values(
        self,
        name: str,
        blocks: list[Block],
        ends: list[dict[str, Sugared]],
        leaves: list[bool],
        node: ast.AST,
    ) -> tuple[SSAValue, SSAValue] | None:
        """The value `name` has at the end of each branch; None when the reader itself can say what it is
        afterwards.
        """
        found = [end.get(name) for end in ends]
        if leaves[0] and leaves[1]:
            return None
        for held, left in zip(found, leaves, strict=True):
            if isinstance(held, Undefined) and not left:
                self.environment[name] = held
                return None
        for mine, other in ((0, 1), (1, 0)):
            if found[mine] is None and found[other] is None:
                return None
            if found[mine] is None and not leaves[mine] and not is_hidden(name):
                self.environment[name] = Undefined(name, f"the {'false' if mine else 'true'} branch")
                return None
            if (leaves[mine] or found[mine] is None) and found[other] is not None:
                return self._with_uninitialized(name, mine, blocks, found, node)
        if _same_constant(found[0], found[1]):
            self.environment[name] = found[0]  # pyright: ignore[reportArgumentType]
            return None
        return self._in_block(blocks[0], found[0], node), self._in_block(blocks[1], found[1], node)

    def _with_uninitialized(
        self, name: str, missing: int, blocks: list[Block], found: list[Sugared | None], node: ast.AST
    ) -> tuple[SSAValue, SSAValue] | None:
        other = 1 - missing
        held = found[other]
        if held is self.environment.get(name):
            return None
        if not isinstance(held, (SugaredValue, TupleOf)):
            self.environment[name] = held  # pyright: ignore[reportArgumentType]
            return None if not is_hidden(name) else self._uninitialized_pair(held, missing, blocks, node)
        return self._uninitialized_pair(held, missing, blocks, node)

    def _uninitialized_pair(
        self, held: object, missing: int, blocks: list[Block], node: ast.AST
    ) -> tuple[SSAValue, SSAValue]:
        value = self._in_block(blocks[1 - missing], held, node)
        outer, self.builder.block = self.builder.block, blocks[missing]
        filler = self.builder.create(ops.PrimUninitializedOp, [], [value.type]).results[0]
        self.builder.block = outer
        return (filler, value) if missing == 0 else (value, filler)

    def _in_block(self, block: Block, held: Any, node: ast.AST) -> SSAValue:
        outer, self.builder.block = self.builder.block, block
        try:
            return held.value(self, node)
        finally:
            self.builder.block = outer


def _mismatch(name: str, on_true: str, on_false: str) -> str:
    if name == VALUE:
        return (
            f"Previous return statement returned a value of type {on_true} but this return statement "
            f"returns a value of type {on_false}"
        )
    return (
        f"Type mismatch: {name} is set to type {on_true} in the true branch and type {on_false} in the false "
        "branch"
    )


def _same_constant(a: object, b: object) -> bool:
    if a is b:
        return True
    return (
        isinstance(a, Constant)
        and isinstance(b, Constant)
        and type(a.python) is type(b.python)
        and a.python == b.python
    )


def assigned_names(body: Sequence[ast.stmt]) -> set[str]:
    """Every name that `body` may assign."""
    names: set[str] = set()
    for statement in body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                names.add(node.target.id)
    return names
