"""Reads statements: assignments, branches, loops and the like, into structured control flow."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from xdsl.ir import Block, Region, SSAValue

from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import hint
from tsc.dialects.torch_types import TorchType
from tsc.errors import NotSupportedError
from tsc.frontend.exits import is_hidden
from tsc.frontend.expressions import BINARY, ExpressionReader, unify
from tsc.frontend.sugared import Arguments, Constant, Sugared, TupleOf, Value

IN_PLACE = {
    "add": "add_",
    "sub": "sub_",
    "mul": "mul_",
    "div": "div_",
    "remainder": "fmod_",
    "__lshift__": "__ilshift__",
}
"""Augmented assignments that write to a tensor; the others make a new one, as in PyTorch."""
MAX_TRIPS = 2**63 - 1


class Undefined(Sugared):
    """A variable that only one of two branches assigned."""

    def __init__(self, name: str) -> None:
        self.name = name

    def value(self, reader: ExpressionReader, node: ast.AST) -> SSAValue:
        raise reader.error(f"{self.name} is not defined in every branch before it is used", node)


class StatementReader(ExpressionReader):
    """Reads the statements of one function."""

    declared: dict[str, TorchType]

    def statements(self, body: Sequence[ast.stmt]) -> None:
        """Read statements in order; what follows a ``raise`` is unreachable and is not read."""
        for statement in body:
            if self.leaves:
                return
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        """Read one statement."""
        method = getattr(self, f"do_{type(node).__name__.lower()}", None)
        if method is None:
            raise self.error(
                f"{type(node).__name__} statements are not supported in TorchScript", node, NotSupportedError
            )
        self.at(node)
        method(node)

    def do_pass(self, node: ast.Pass) -> None:
        """Nothing."""

    def do_import(self, node: ast.Import) -> None:
        """Nothing: an archive's imports; in live code names are resolved outside."""

    do_importfrom = do_import

    def do_global(self, node: ast.Global) -> None:
        raise self.error("global statements are not supported in TorchScript", node, NotSupportedError)

    def do_expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant):
            return
        self.read(node.value)

    # --- assignment ---

    def do_assign(self, node: ast.Assign) -> None:
        hint = self._type_comment(node)
        value = self.read(node.value, hint)
        if hint is not None:
            value = Value(self.coerce(value.value(self, node), hint, node))
        for target in node.targets:
            self.assign(target, value, node)

    def _type_comment(self, node: ast.Assign) -> TorchType | None:
        if not node.type_comment:
            return None
        return self.function.resolver.annotation(ast.parse(node.type_comment, mode="eval").body)

    def do_annassign(self, node: ast.AnnAssign) -> None:
        wanted = self.function.resolver.annotation(node.annotation)
        if node.value is None:
            if isinstance(node.target, ast.Name):
                self.declared[node.target.id] = wanted
            return
        value = Value(self.coerce(self.value(node.value, wanted), wanted, node))
        if isinstance(node.target, ast.Name):
            self.declared[node.target.id] = wanted
        self.assign(node.target, value, node)

    def assign(self, target: ast.expr, value: Sugared, node: ast.AST) -> None:
        """Bind `target` to `value`."""
        if isinstance(target, ast.Name):
            self._assign_name(target.id, value, node)
        elif isinstance(target, (ast.Tuple, ast.List)):
            self._assign_parts(target.elts, value, node)
        elif isinstance(target, ast.Attribute):
            self._assign_attribute(target, value, node)
        elif isinstance(target, ast.Subscript):
            from tsc.frontend.indexing import assign_index

            assign_index(self, target, value, node)
        else:
            raise self.error(f"cannot assign to {type(target).__name__}", node, NotSupportedError)

    def _assign_name(self, name: str, value: Sugared, node: ast.AST) -> None:
        declared = self.declared.get(name)
        if declared is not None:
            value = Value(self.coerce(value.value(self, node), declared, node, f"variable '{name}'"))
        if isinstance(value, Value) and value.ssa.name_hint is None:
            hint(value.ssa, name)
        self.environment[name] = value

    def _assign_parts(self, targets: list[ast.expr], value: Sugared, node: ast.AST) -> None:
        starred = next((i for i, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
        parts = value.unroll(self, node)
        if parts is None:
            parts = self._unpack_list(value, len(targets), starred, node)
        if starred is not None:
            tail = len(targets) - starred - 1
            middle = TupleOf(parts[starred : len(parts) - tail])
            parts = [*parts[:starred], middle, *parts[len(parts) - tail :]]
        if len(parts) != len(targets):
            more = "need more values" if len(parts) < len(targets) else "too many values"
            raise self.error(f"{more} to unpack: expected {len(targets)}, got {len(parts)}", node)
        for target, part in zip(targets, parts, strict=True):
            self.assign(target.value if isinstance(target, ast.Starred) else target, part, node)

    def _unpack_list(self, value: Sugared, count: int, starred: int | None, node: ast.AST) -> list[Sugared]:
        ssa = value.value(self, node)
        if not isinstance(ssa.type, tt.ListType) or starred is not None:
            raise self.error(f"Provided object of type {ssa.type} cannot be used as a tuple", node)
        unpacked = self.builder.create(ops.PrimListUnpackOp, [ssa], [ssa.type.data] * count)
        return [Value(r) for r in unpacked.results]

    def _assign_attribute(self, target: ast.Attribute, value: Sugared, node: ast.AST) -> None:
        from tsc.frontend.objects import set_attribute

        set_attribute(self, self.read(target.value), target.attr, value, node)

    def do_augassign(self, node: ast.AugAssign) -> None:
        name = BINARY[type(node.op)]
        load = ast.copy_location(_as_load(node.target), node.target)
        current = self.read(load)
        right = self.read(node.value)
        plain = self.plain(current, node)
        self.at(node)
        magic = {"div": "truediv", "remainder": "mod"}.get(name, name.strip("_"))
        called = self.magic(f"__i{magic}__", [plain, right], node)
        if called is not None:
            result: Sugared = called
        elif isinstance(plain.type, tt.TensorType) and name in IN_PLACE and not _is_gathered(plain):
            result = self.call_builtin((f"aten::{IN_PLACE[name]}",), Arguments([plain, right]), node)
            if isinstance(node.target, ast.Subscript):
                return
        elif isinstance(plain.type, tt.ListType) and name == "add":
            result = self.call_builtin(("aten::add_",), Arguments([plain, right]), node)
        else:
            result = self.binary(name, plain, right, node)
        self.assign(node.target, result, node)

    def do_delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.environment.pop(target.id, None)
            elif isinstance(target, ast.Subscript):
                arguments = Arguments([self.read(target.value), self.read(target.slice)])
                self.call_builtin(("aten::Delete",), arguments, node)
            else:
                raise self.error("del requires a name or a subscript", node, NotSupportedError)

    # --- leaving ---

    def do_return(self, node: ast.Return) -> None:
        wanted = self.function.result
        value = self.read(node.value, wanted) if node.value is not None else Constant(None)
        self.at(node)
        ssa = value.value(self, node)
        if wanted is not None:
            ssa = self.coerce(ssa, wanted, node, "return value")
        self.returned = ssa

    returned: SSAValue | None = None

    def do_raise(self, node: ast.Raise) -> None:
        from tsc.frontend.special_forms import exception_parts

        message, kind = exception_parts(self, node)
        self.builder.create(ops.PrimRaiseExceptionOp, [message, kind])
        self.leaves = True

    def do_assert(self, node: ast.Assert) -> None:
        condition = self.condition(node.test)
        if condition.static is not True:
            tested = self.builder.constant(False) if condition.static is False else condition.ssa
            with self.block() as passed:
                self.builder.create(ops.PrimIfYieldOp)
            with self.block() as failed:
                message = (
                    self.builder.constant("AssertionError: ") if node.msg is None else self.value(node.msg)
                )
                self.builder.create(ops.PrimRaiseExceptionOp, [message, self.builder.constant(None)])
                self.builder.create(ops.PrimIfYieldOp)
            self.at(node)
            self.builder.create(ops.PrimIfOp, [tested], regions=[Region(passed), Region(failed)])  # pyright: ignore
        self.refine(condition.when_true)

    # --- branches ---

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
        merged: list[str] = []
        values: list[list[SSAValue]] = [[], []]
        types: list[TorchType] = []
        for name in names:
            pair = self._branch_values(name, blocks, ends, leaves, node)
            if pair is None:
                continue
            kind = unify(pair[0].type, pair[1].type)  # pyright: ignore
            if kind is None:
                raise self.error(
                    f"Type mismatch: {name} is set to type {pair[0].type} in the true branch and type "
                    f"{pair[1].type} in the false branch",
                    node,
                )
            merged.append(name)
            types.append(kind)
            values[0].append(pair[0])
            values[1].append(pair[1])
        results = self.merge_blocks(condition, blocks, values, types, node)
        for name, result in zip(merged, results, strict=True):
            hint(result, name)
            self.environment[name] = Value(result)
        self.leaves = all(leaves)

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
        if any(isinstance(f, Undefined) for f, left in zip(found, leaves, strict=True) if not left):
            self.environment[name] = Undefined(name)
            return None
        for mine, other in ((0, 1), (1, 0)):
            if found[mine] is None and found[other] is None:
                return None
            if found[mine] is None and not leaves[mine] and not is_hidden(name):
                self.environment[name] = Undefined(name)
                return None
            if (leaves[mine] or found[mine] is None) and found[other] is not None:
                return self._with_uninitialized(name, mine, blocks, found, node)
        if _same_constant(found[0], found[1]):
            self.environment[name] = found[0]  # pyright: ignore
            return None
        return self._in_block(blocks[0], found[0], node), self._in_block(blocks[1], found[1], node)

    def _with_uninitialized(
        self, name: str, missing: int, blocks: list[Block], found: list[Sugared | None], node: ast.AST
    ) -> tuple[SSAValue, SSAValue] | None:
        other = 1 - missing
        held = found[other]
        if held is self.environment.get(name):
            return None
        if not isinstance(held, (Value, TupleOf)):
            self.environment[name] = held  # pyright: ignore
            return None if not is_hidden(name) else self._uninitialized_pair(held, missing, blocks, node)
        return self._uninitialized_pair(held, missing, blocks, node)

    def _uninitialized_pair(
        self, held: Any, missing: int, blocks: list[Block], node: ast.AST
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

    # --- loops ---

    def do_while(self, node: ast.While) -> None:
        if node.orelse:
            raise self.error("else branches of while loops aren't supported", node, NotSupportedError)
        first = self.condition(node.test)
        enter = self.builder.constant(first.static) if first.static is not None else first.ssa
        trips = self.builder.constant(MAX_TRIPS)

        def again() -> SSAValue:
            condition = self.condition(self._until(node))
            return self.builder.constant(condition.static) if condition.static is not None else condition.ssa  # pyright: ignore

        self.loop(trips, enter, None, node.body, again, node, first.when_true)  # pyright: ignore

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
            return self.builder.aten("aten::__not__", [ssa]).results[0]  # pyright: ignore

        self.loop(trips, self.builder.constant(True), set_target, node.body, again, node, {})

    def _unroll(self, node: ast.For, elements: list[Sugared]) -> None:
        stops: list[str] = getattr(node, "stops", [])
        for element in elements:
            if self.leaves:
                return
            if not stops:
                self.assign(node.target, element, node)
                self.statements(node.body)
                continue
            self.environment["$element"] = element
            bind = ast.Assign([node.target], ast.Name("$element", ast.Load()))
            flags: list[ast.expr] = [ast.Name(s, ast.Load()) for s in stops]
            test = flags[0] if len(flags) == 1 else ast.BoolOp(ast.Or(), flags)
            guarded = ast.copy_location(ast.If(test, [ast.Pass()], [bind, *node.body]), node)
            self.statement(ast.fix_missing_locations(guarded))

    def loop(
        self, trips: SSAValue, enter: SSAValue, set_target: Any, body: list[ast.stmt], again: Any,
        node: ast.stmt,
        refinements: dict[str, TorchType],
    ) -> None:  # fmt: skip
        """A ``prim.Loop`` carrying every variable that the body assigns and that exists before it."""
        assigned = assigned_names(body) | (assigned_names([node]) if set_target is not None else set[str]())
        carried = [
            n for n in self.environment if n in assigned and not isinstance(self.environment[n], Undefined)
        ]
        carried = [n for n in carried if not n.startswith("$element")]
        initial = [self.environment[n].value(self, node) for n in carried]
        initial = [self._declared_form(n, v, node) for n, v in zip(carried, initial, strict=True)]
        types: list[Any] = [v.type for v in initial]
        with self.block([tt.INT, *types]) as block:
            for name, argument in zip(carried, block.args[1:], strict=True):
                hint(argument, name)
                self.environment[name] = Value(argument)
            self.refine(refinements)
            if set_target is not None:
                set_target(block.args[0])
            self.statements(body)
            if self.leaves:
                proceed, ends = self.builder.constant(False), list(block.args[1:])
            else:
                proceed = again()
                ends = [self._carried_value(n, t, node) for n, t in zip(carried, types, strict=True)]
            self.builder.create(ops.PrimLoopConditionOp, [proceed, *ends])
        self.at(node)
        loop = self.builder.create(ops.PrimLoopOp, [trips, enter, *initial], types, regions=[Region(block)])
        for name, result in zip(carried, loop.results, strict=True):
            hint(result, name)
            self.environment[name] = Value(result)
        for name in assigned - set(carried):
            self.environment[name] = Undefined(name)

    def _declared_form(self, name: str, value: SSAValue, node: ast.AST) -> SSAValue:
        declared = self.declared.get(name)
        return value if declared is None else self.coerce(value, declared, node)

    def _carried_value(self, name: str, wanted: TorchType, node: ast.AST) -> SSAValue:
        value = self.environment[name].value(self, node)
        if unify(value.type, wanted) is not wanted and not self._is_empty_list(value, wanted):  # pyright: ignore
            raise self.error(
                f"Variable '{name}' previously had type {wanted.torchscript()} but is now being assigned to "
                "a value of type "
                f"{value.type}",
                node,
            )
        return self.coerce(value, wanted, node, f"variable '{name}'")

    # --- contexts ---

    def do_with(self, node: ast.With) -> None:
        from tsc.frontend.contexts import enter_context

        exits: list[Any] = []
        for item in node.items:
            entered, leave = enter_context(self, item, node)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, entered, node)
            exits.append(leave)
        self.statements(node.body)
        for leave in reversed(exits):
            leave()

    def do_functiondef(self, node: ast.FunctionDef) -> None:
        from tsc.frontend.contexts import define_local_function

        define_local_function(self, node)


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


def _is_gathered(value: Value) -> bool:
    """Whether a tensor was picked by index tensors: then it is a copy, and must be written back."""
    owner = value.ssa.owner
    return isinstance(owner, AtenOp) and owner.schema.full_name == "aten::index.Tensor"


def _same_constant(a: Any, b: Any) -> bool:
    if a is b:
        return True
    return (
        isinstance(a, Constant)
        and isinstance(b, Constant)
        and type(a.python) is type(b.python)
        and a.python == b.python
    )


def _as_load(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load())
    if isinstance(target, ast.Attribute):
        return ast.Attribute(target.value, target.attr, ast.Load())
    assert isinstance(target, ast.Subscript)
    return ast.Subscript(target.value, target.slice, ast.Load())
