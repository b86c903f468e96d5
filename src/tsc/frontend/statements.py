"""Reads statements: assignments, branches, loops and the like, into structured control flow."""

from __future__ import annotations

import ast
from typing import Any

from xdsl.ir import Region, SSAValue

from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.aten import AtenOp
from tsc.dialects.builder import hint
from tsc.dialects.torch_types import TorchType
from tsc.errors import NotSupportedError, TscError, UnsupportedNodeError
from tsc.frontend import calls, hints
from tsc.frontend.calls import fits
from tsc.frontend.casts import no_tuple
from tsc.frontend.exits import VALUE, ImplicitNone, UnusedCall, is_hidden
from tsc.frontend.expressions import BINARY
from tsc.frontend.loops import LoopReader
from tsc.frontend.sources import parsed_annotation
from tsc.frontend.sugared import Arguments, Constant, Sugared, SugaredValue, TupleOf

IN_PLACE = {
    "add": "add_",
    "sub": "sub_",
    "mul": "mul_",
    "div": "div_",
    "remainder": "fmod_",
    "__lshift__": "__ilshift__",
    "__rshift__": "__irshift__",
}
"""Augmented assignments that write to a tensor; the others make a new one, as in PyTorch."""


UNUSED_CALLED = "This Python function is annotated to be ignored and cannot be run"
"""What a program raises, as a plain error of no Python class, where it calls an unused function."""
NODE_NAMES = {
    "ClassDef": "class definitions", "AsyncFunctionDef": "async function definitions",
    "AsyncFor": "async for loops", "AsyncWith": "async with statements", "Nonlocal": "nonlocal variables",
    "Try": "try blocks",
}  # fmt: skip
"""How messages name the statements that TorchScript does not have."""


class StatementReader(LoopReader):
    """Reads the statements of one function."""

    def statement(self, node: ast.stmt) -> None:
        """Read one statement."""
        method = getattr(self, f"do_{type(node).__name__.lower()}", None)
        if isinstance(node, (ast.Break, ast.Continue)):  # those in loops were rewritten
            raise self.error(f"'{type(node).__name__.lower()}' outside loop", node)
        if method is None:
            name = NODE_NAMES.get(type(node).__name__, type(node).__name__)
            raise self.error(f"{name} aren't supported", node, UnsupportedNodeError)
        self.at(node)
        method(node)

    def do_pass(self, node: ast.Pass) -> None:
        """Nothing."""

    def do_import(self, node: ast.Import) -> None:
        """Nothing where an archive imports; live code resolves names outside."""
        if self.function.python is not None:
            raise self.error("import statements aren't supported", node, UnsupportedNodeError)

    def do_global(self, node: ast.Global) -> None:
        raise self.error("global variables aren't supported", node, UnsupportedNodeError)

    def do_expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Constant) and node.value.value is not Ellipsis:
            return
        self.read(node.value)

    def do_assign(self, node: ast.Assign) -> None:
        hint = self._type_comment(node)
        value = self.read(node.value, hint or self._type_of_returned(node))
        if hint is not None:
            value = SugaredValue(self.coerce(value.value(self, node), hint, node))
        for target in node.targets:
            self.assign(target, value, node)

    def do_implicitnone(self, node: ImplicitNone) -> None:
        """Control reaches the end of a function that returns values elsewhere."""
        self.check_falls_off(node)
        self.do_assign(node)

    def check_falls_off(self, node: ast.AST) -> None:
        """Refuse to end without ``return`` where the function was annotated to return something."""
        wanted = self.function.result
        if wanted is not None and wanted is not tt.NONE:
            raise self.error(
                "Function was not annotated as having type None, but does not return along all paths",
                self.function.definition,
            )

    def _type_comment(self, node: ast.Assign) -> TorchType | None:
        if not node.type_comment:
            return None
        try:
            return self.function.resolver.annotation(parsed_annotation(node.type_comment))
        except TscError as error:
            error.where = self.source.range(node, self.function.short_name)
            raise

    def _type_of_returned(self, node: ast.Assign) -> TorchType | None:
        """The function's result type where `node` was a ``return`` in the source."""
        target = node.targets[0]
        return self.returned_type if isinstance(target, ast.Name) and target.id == VALUE else None

    def do_annassign(self, node: ast.AnnAssign) -> None:
        """``x: T = v``: the type of this value, not of what is assigned later."""
        if node.value is None:
            raise self.error(
                "annotated assignments without assigned value aren't supported", node, UnsupportedNodeError
            )
        before = self.outer_environment.get(node.target.id) if isinstance(node.target, ast.Name) else None
        if isinstance(node.target, ast.Name) and isinstance(before, (SugaredValue, Constant, TupleOf)):
            raise self.error(
                f"Attempting to declare and annotate the type of variable '{node.target.id}' but it is "
                "already defined in an outer block",
                node,
            )
        wanted = self.function.resolver.annotation(node.annotation)
        given = self.value(node.value, wanted)
        assert isinstance(given.type, TorchType)
        if not self.converts(given, wanted):
            raise self.error(
                f"Variable '{ast.unparse(node.target)}' is annotated with type {wanted.torchscript()} but is "
                f"being assigned to a value of type {given.type.torchscript()}",
                node,
            )
        value = SugaredValue(self.coerce(given, wanted, node))
        self.assign(node.target, value, node)

    def assign(self, target: ast.expr, value: Sugared, node: ast.AST) -> None:
        """Bind `target` to `value`."""
        if isinstance(target, ast.Name):
            self._assign_name(target.id, value, node)
        elif isinstance(target, ast.Tuple):
            self._assign_parts(target.elts, value, node)
        elif isinstance(target, ast.Attribute):
            self._assign_attribute(target, value, node)
        elif isinstance(target, ast.Subscript):
            from tsc.frontend.subscripts import assign_index

            assign_index(self, target, value, node)
        else:
            raise self.error("unexpected expression on left-hand side of assignment", target)

    def _assign_name(self, name: str, value: Sugared, node: ast.AST) -> None:
        if name == VALUE and self.returned_type is not None:
            value = SugaredValue(
                self.coerce(value.value(self, node), self.returned_type, node, "return value")
            )
        value = self._of_outer_type(name, value, node)
        is_module = isinstance(value, SugaredValue) and isinstance(value.type, tt.ModuleType)
        if isinstance(value, SugaredValue) and not is_module and value.ssa.name_hint is None:
            hint(value.ssa, name)
        self.environment[name] = value

    def _of_outer_type(self, name: str, value: Sugared, node: ast.AST) -> Sugared:
        """Inside a branch or loop, a variable of the code around keeps its type; an empty list takes it."""
        before = self.outer_environment.get(name)
        if (
            not isinstance(before, (SugaredValue, Constant))
            or not isinstance(value, (SugaredValue, Constant))
            or is_hidden(name)
        ):
            return value
        had, has = calls.type_of(before), calls.type_of(value)
        if had is None or has is None or fits(has, had, {}):
            return value
        empty = self.as_empty_list(value.ssa, had) if isinstance(value, SugaredValue) else None
        if empty is not None:
            return SugaredValue(empty)
        raise self.error(
            f"Variable '{name}' previously had type {had.torchscript()} but is now being assigned to a "
            f"value of "
            f"type {has.torchscript()}",
            node,
            hint=hints.for_reassignment(name, had, has),
        )

    def _assign_parts(self, targets: list[ast.expr], value: Sugared, node: ast.AST) -> None:
        starred = next((i for i, t in enumerate(targets) if isinstance(t, ast.Starred)), None)
        if isinstance(calls.type_of(value), tt.ModuleType):
            raise self.error("module cannot be used as a tuple", node)
        parts = value.unroll(self, node)
        if parts is None:
            parts = self._unpack_list(value, len(targets), starred, node)
        needed = len(targets) - (starred is not None)
        if len(parts) < needed:
            least = "at least " if starred is not None else ""
            raise self.error(f"need {least}{needed} values to unpack but found only {len(parts)}", node)
        if starred is not None:
            tail = len(targets) - starred - 1
            middle = TupleOf(parts[starred : len(parts) - tail])
            parts = [*parts[:starred], middle, *parts[len(parts) - tail :]]
        if len(parts) != len(targets):
            raise self.error(f"too many values to unpack: need {needed} but found {len(parts)}", node)
        for target, part in zip(targets, parts, strict=True):
            self.assign(target.value if isinstance(target, ast.Starred) else target, part, node)

    def _unpack_list(self, value: Sugared, count: int, starred: int | None, node: ast.AST) -> list[Sugared]:
        ssa = value.value(self, node)
        if not isinstance(ssa.type, tt.ListType) or starred is not None:
            assert isinstance(ssa.type, TorchType)
            raise self.error(no_tuple(ssa.type), node)
        unpacked = self.builder.create(ops.PrimListUnpackOp, [ssa], [ssa.type.data] * count)
        return [SugaredValue(r) for r in unpacked.results]

    def _assign_attribute(self, target: ast.Attribute, value: Sugared, node: ast.AST) -> None:
        from tsc.frontend.objects import set_attribute

        set_attribute(self, self.read(target.value), target.attr, value, node)

    def do_augassign(self, node: ast.AugAssign) -> None:
        if isinstance(node.op, (ast.FloorDiv, ast.MatMult)):
            raise self.error(
                f"unsupported kind of augmented assignment: {type(node.op).__name__}", node, NotSupportedError
            )
        if isinstance(node.target, ast.Subscript):
            self._augassign_item(node, node.target)
        else:
            self._augassign(node, node.target, is_copy=False)

    def _augassign_item(self, node: ast.AugAssign, target: ast.Subscript) -> None:
        """``owner[key] += v``: owner and key are evaluated once, for the read and the write."""
        owner = self.read(target.value)
        kind = calls.type_of(owner)
        if isinstance(owner, TupleOf) or isinstance(kind, (tt.TupleType, tt.NamedTupleType, tt.ClassType)):
            found = self.plain(owner, node).type.torchscript()
            raise self.error(f"{found} does not support augmented assignment.", node)
        hidden = {"$owner": owner}
        key = target.slice
        if isinstance(key, (ast.Call, ast.Subscript, ast.BinOp)):
            hidden["$key"], key = self.read(key), ast.copy_location(ast.Name("$key", ast.Load()), key)
        saved = {name: self.environment.get(name) for name in hidden}
        self.environment.update(hidden)
        once = ast.copy_location(ast.Name("$owner", ast.Load()), target.value)
        item = ast.copy_location(ast.Subscript(once, key, ast.Store()), target)
        self._augassign(node, item, is_copy=isinstance(kind, tt.DictType))
        for name, before in saved.items():
            self.environment.pop(name)
            if before is not None:
                self.environment[name] = before

    def _augassign(self, node: ast.AugAssign, target: ast.expr, *, is_copy: bool) -> None:
        """`target` updated, in place where its value is mutable and not a copy of what the target holds."""
        name = BINARY[type(node.op)]
        plain = self.plain(self.read(ast.copy_location(_as_load(target), target)), node)
        is_copy |= isinstance(target, ast.Subscript) and _is_gathered(plain)
        right = self.read(node.value)
        self.at(node)
        magic = {"div": "truediv", "remainder": "mod"}.get(name, name.strip("_"))
        called = self.magic(f"__i{magic}__", [plain, right], node, is_optional=True)
        if called is not None:
            result: Sugared = called
        elif isinstance(plain.type, tt.TensorType) and name in IN_PLACE and not is_copy:
            result = self.call_builtin((f"aten::{IN_PLACE[name]}",), Arguments([plain, right]), node)
            if isinstance(target, ast.Subscript):
                return
        elif isinstance(plain.type, tt.ListType) and name in ("add", "mul"):
            result = self.call_builtin((f"aten::{name}_",), Arguments([plain, right]), node)
        elif name == "remainder" and plain.type in (tt.INT, tt.FLOAT):
            result = self.call_builtin(("aten::fmod",), Arguments([plain, right]), node)  # as PyTorch does
        else:
            self._check_magic(plain, magic, node)
            result = self.binary(name, plain, right, node)
        self.assign(target, result, node)

    def _check_magic(self, value: SugaredValue, magic: str, node: ast.AST) -> None:
        """Refuse an object that is updated by an operator that its class does not have."""
        if not isinstance(value.type, tt.ClassType) or value.type.data.startswith("__torch__.torch.classes"):
            return
        if self.unit.class_named(value.type.data).method(f"__{magic}__") is None:
            raise self.error(
                f"Cannot emit inplace op on {value.type.data} since it does not define an __i{magic}__ or "
                f"__{magic}__ method",
                node,
            )

    def do_delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.lookup(target.id, target)
                self.environment.pop(target.id, None)
            elif isinstance(target, ast.Subscript):
                if isinstance(target.slice, ast.Slice):
                    raise self.error(
                        "del statements only support deletion at a single index, slicing is not supported "
                        "(see https://github.com/pytorch/pytorch/issues/31430)",
                        node,
                    )
                arguments = Arguments([self.read(target.value), self.read(target.slice)])
                self.call_builtin(("aten::Delete",), arguments, node)
            else:
                raise self.error(
                    "del statements are only supported for deleting list and dict items and variables", node
                )

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
        from tsc.frontend.exceptions import exception_parts

        message, kind = exception_parts(self, node)
        self.at(node)
        self.builder.create(ops.PrimRaiseExceptionOp, [message, kind])
        self.leaves = True

    def do_unusedcall(self, node: UnusedCall) -> None:
        message, kind = self.builder.constant(UNUSED_CALLED), self.builder.constant(None)
        self.builder.create(ops.PrimRaiseExceptionOp, [message, kind])
        self.leaves = True

    def do_assert(self, node: ast.Assert) -> None:
        condition = self.condition(node.test)
        if condition.static is not True:
            tested = self.builder.constant(False) if condition.static is False else condition.ssa
            with self.block() as passed:
                self.builder.create(ops.PrimIfYieldOp)
            with self.block() as failed:
                message = self._assertion_message(node)
                self.at(node)
                self.builder.create(ops.PrimRaiseExceptionOp, [message, self.builder.constant(None)])
                self.builder.create(ops.PrimIfYieldOp)
            self.at(node)
            self.builder.create(ops.PrimIfOp, [tested], regions=[Region(passed), Region(failed)])  # pyright: ignore[reportArgumentType]
        self.refine(condition.when_true)

    def do_with(self, node: ast.With) -> None:
        from tsc.frontend.with_blocks import enter_context

        exits: list[Any] = []
        for item in node.items:
            entered, leave = enter_context(self, item, node)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, entered, node)
            exits.append(leave)
        self.statements(node.body)
        for leave in reversed(exits):
            leave()

    def _assertion_message(self, node: ast.Assert) -> SSAValue:
        prefix = "AssertionError: "
        if node.msg is None:
            return self.builder.constant(prefix)
        given = self.read(node.msg)
        known, text = given.static()
        if known and isinstance(text, str):
            return self.builder.constant(prefix + text)
        if calls.type_of(given) is not tt.STRING:
            given = self.call_builtin(("aten::str",), Arguments([given]), node)
        return self.binary("add", Constant(prefix), given, node).value(self, node)

    def do_functiondef(self, node: ast.FunctionDef) -> None:
        from tsc.frontend.with_blocks import define_local_function

        define_local_function(self, node)


def _is_gathered(value: SugaredValue) -> bool:
    """Whether a tensor was picked by index tensors: then it is a copy, and must be written back."""
    owner = value.ssa.owner
    return isinstance(owner, AtenOp) and owner.schema.full_name == "aten::index.Tensor"


def _as_load(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load())
    if isinstance(target, ast.Attribute):
        return ast.Attribute(target.value, target.attr, ast.Load())
    assert isinstance(target, ast.Subscript)
    return ast.Subscript(target.value, target.slice, ast.Load())
