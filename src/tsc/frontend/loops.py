"""Reads ``for`` and ``while`` loops, into ``prim.Loop`` or unrolled."""

from __future__ import annotations

import ast
from typing import Any

from xdsl.ir import Block, Region, SSAValue

from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.builder import hint
from tsc.dialects.torch_types import TorchType
from tsc.errors import NotSupportedError
from tsc.frontend.branches import BranchReader, assigned_names
from tsc.frontend.exits import RETURNED, VALUE
from tsc.frontend.sugared import Sugared, SugaredValue
from tsc.frontend.type_rules import is_empty_list, unify
from tsc.frontend.undefined import Undefined

MAX_TRIPS = 2**63 - 1


class LoopReader(BranchReader):
    """Reads loops: every variable that the body assigns and that exists before is carried."""

    def assign(self, target: ast.expr, value: Sugared, node: ast.AST) -> None:
        """Bind `target` to `value`."""
        raise NotImplementedError

    def do_while(self, node: ast.While) -> None:
        if node.orelse:
            raise self.error("else branches of while loops aren't supported", node, NotSupportedError)
        first = self.condition(node.test)
        enter = self.builder.constant(first.static) if first.static is not None else first.ssa
        trips = self.builder.constant(MAX_TRIPS)

        def again() -> SSAValue:
            condition = self.condition(self._until(node))
            return self.builder.constant(condition.static) if condition.static is not None else condition.ssa  # pyright: ignore[reportReturnType]

        self.loop(trips, enter, None, node.body, again, node)  # pyright: ignore[reportArgumentType]

    def _until(self, node: ast.While) -> ast.expr:
        """The condition of the next round: the loop's own, unless a flag says that the loop was left."""
        stops: list[str] = getattr(node, "stops", [])
        flags: list[ast.expr] = [
            ast.copy_location(ast.UnaryOp(ast.Not(), ast.Name(s, ast.Load())), node.test) for s in stops
        ]
        for flag in flags:
            ast.fix_missing_locations(flag)
        return (
            node.test
            if not flags
            else ast.copy_location(ast.BoolOp(ast.And(), [*flags, node.test]), node.test)
        )

    def do_for(self, node: ast.For) -> None:
        if node.orelse:
            raise self.error("else branches of for loops aren't supported", node, NotSupportedError)
        iterated = self.read(node.iter)
        unrolled = iterated.unroll(self, node)
        if unrolled is not None:
            self._unroll(node, unrolled)
            return
        from tsc.frontend.iteration import trip_count_and_element

        trips, element = trip_count_and_element(self, iterated, node)

        def set_target(i: SSAValue) -> None:
            self.assign(node.target, element(i), node)

        def again() -> SSAValue:
            stops: list[str] = getattr(node, "stops", [])
            if not stops:
                return self.builder.constant(True)
            flags: list[ast.expr] = [ast.copy_location(ast.Name(s, ast.Load()), node) for s in stops]
            any_flag = flags[0] if len(flags) == 1 else ast.copy_location(ast.BoolOp(ast.Or(), flags), node)
            stop = self.condition(any_flag)
            ssa = self.builder.constant(stop.static) if stop.static is not None else stop.ssa
            return self.builder.aten("aten::__not__", [ssa]).results[0]  # pyright: ignore[reportArgumentType]

        self.loop(trips, self.builder.constant(True), set_target, node.body, again, node)

    def _unroll(self, node: ast.For, elements: list[Sugared]) -> None:
        """Read the body once for each of `elements`; what follows a ``return`` in it does not run."""
        if getattr(node, "has_exits", False):
            raise self.error(
                "Because we emit iteration over modulelists or tuples as unrolled loops, we do not support "
                "break or continue inside the body of these loops",
                node,
            )
        returns = RETURNED in getattr(node, "stops", [])
        for element in elements:
            if self.leaves:
                return
            self.assign(node.target, element, node)
            if returns:
                test = ast.Name(RETURNED, ast.Load())
                guarded = ast.copy_location(ast.If(test, [ast.Pass()], node.body), node)
                self.statement(ast.fix_missing_locations(guarded))
            else:
                self.statements(node.body)

    def loop(
        self, trips: SSAValue, enter: SSAValue, set_target: Any, body: list[ast.stmt], again: Any,
        node: ast.stmt,
    ) -> None:  # fmt: skip
        """A ``prim.Loop`` carrying every variable that the body assigns and that exists before it."""
        assigned = assigned_names(body) | (assigned_names([node]) if set_target is not None else set[str]())
        carried = [
            n for n in self.environment if n in assigned and not isinstance(self.environment[n], Undefined)
        ]
        carried = [n for n in carried if n != VALUE]
        initial = [self.environment[n].value(self, node) for n in carried]
        types: list[Any] = [v.type for v in initial]
        with self.block([tt.INT, *types]) as block:
            for name, argument in zip(carried, block.args[1:], strict=True):
                hint(argument, name)
                self.environment[name] = SugaredValue(argument)
            self.environment.pop(VALUE, None)
            if set_target is not None:
                set_target(block.args[0])
            self.statements(body)
            ends: list[SSAValue] = list(block.args[1:])
            if self.leaves:
                proceed = self.builder.constant(False)
            else:
                proceed = again()
                ends = [self._carried_value(n, t, node) for n, t in zip(carried, types, strict=True)]
            if VALUE in assigned and not self.leaves:
                ends.append(self._returned_value(block, node))
            self.builder.create(ops.PrimLoopConditionOp, [proceed, *ends])
        self.at(node)
        if len(ends) > len(carried):
            carried.append(VALUE)
            types.append(ends[-1].type)
            initial.append(self.builder.create(ops.PrimUninitializedOp, [], [ends[-1].type]).results[0])
        loop = self.builder.create(ops.PrimLoopOp, [trips, enter, *initial], types, regions=[Region(block)])
        for name, result in zip(carried, loop.results, strict=True):
            hint(result, name)
            self.environment[name] = SugaredValue(result)
        for name in assigned - set(carried):
            if not isinstance(self.environment.get(name), Undefined):
                self.environment[name] = Undefined(name)

    def _returned_value(self, block: Block, node: ast.AST) -> SSAValue:
        """What the body returned, carried out of the loop: it matters only in the round that returns, so
        no round reads that of the round before.
        """
        value = self.environment[VALUE].value(self, node)
        block.insert_arg(value.type, len(block.args))
        return value

    def _carried_value(self, name: str, wanted: TorchType, node: ast.AST) -> SSAValue:
        value = self.environment[name].value(self, node)
        if unify(value.type, wanted) is not wanted and not is_empty_list(value, wanted):  # pyright: ignore[reportArgumentType]
            raise self.error(
                f"Variable '{name}' previously had type {wanted.torchscript()} but is now being assigned to "
                "a value of type "
                f"{value.type}",
                node,
            )
        return self.coerce(value, wanted, node, f"variable '{name}'")
