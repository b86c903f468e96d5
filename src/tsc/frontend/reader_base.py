"""What all readers of a function share: where code goes, what names mean, how errors are made."""

from __future__ import annotations

import ast
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, cast

from xdsl.ir import Block, SSAValue

from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.builder import TorchBuilder
from tsc.dialects.constants import literal
from tsc.dialects.locations import strictly_fused
from tsc.dialects.torch_types import TorchType
from tsc.errors import CompileError
from tsc.frontend.sugared import Sugared
from tsc.frontend.undefined import ErrorLog, KnownError, Undefined
from tsc.frontend.unit import Function, Unit
from tsc.interop import torch as torch_interop
from tsc.narrowing import is_sequence


class Reader:
    """The state of reading one function, and conversions of what was read."""

    compile_function: Callable[[Function], None]
    read_signature: Callable[[Function], None]

    def __init__(self, unit: Unit, function: Function) -> None:
        self.unit = unit
        self.function = function
        self.source = function.source
        self.builder = TorchBuilder(Block())
        self.environment: dict[str, Sugared] = {}
        self.leaves = False
        """Whether control cannot get here any more (after ``raise``)."""
        self.errors = ErrorLog()
        self.strict_blocks = 0
        """How many ``with strict_fusion()`` blocks code goes into."""
        self.depth = 0
        """How many blocks of ``if`` and loops code goes into."""
        self.outer_environment: dict[str, Sugared] = {}
        """What names meant when the innermost of those blocks was entered."""
        self.current: ast.AST | None = None
        """The node being read, for the stack of an error in a callee."""

    def error(
        self, message: str, node: ast.AST, kind: type[CompileError] = CompileError, hint: str = ""
    ) -> CompileError:
        """An exception that points at `node`, and perhaps says what to do."""
        return kind(message, self.source.range(node, self.function.short_name), hint=hint)

    @contextmanager
    def block(self, arg_types: list[TorchType] | None = None) -> Generator[Block, None, None]:
        """Code goes to a new block, with a copy of the environment, until the context ends."""
        outer, outer_environment, outer_leaves = self.builder.block, self.environment, self.leaves
        around, self.outer_environment = self.outer_environment, dict(outer_environment)
        block = Block(arg_types=arg_types or [])
        self.builder.block, self.environment, self.leaves = block, dict(outer_environment), False
        self.depth += 1
        try:
            yield block
        finally:
            self.depth -= 1
            self.outer_environment = around
            self.builder.block, self.environment, self.leaves = outer, outer_environment, outer_leaves

    @property
    def is_at_top_level(self) -> bool:
        """Whether code goes to the function's own block."""
        return self.depth == 0

    def at(self, node: ast.AST) -> None:
        """Operations made from now on come from `node`."""
        self.current = node
        location = self.source.location(node)
        self.builder.location = strictly_fused(location) if self.strict_blocks else location

    def lookup(self, name: str, node: ast.AST) -> Sugared:
        """What `name` means here."""
        found = self.environment.get(name)
        if found is None:
            found = self.function.resolver.lookup(name)
        if isinstance(found, Undefined):
            found.value(self, node)
        if found is None:
            raise self.undefined(name, f"undefined value {name}", node)
        return found

    def undefined(self, name: str, message: str, node: ast.AST) -> CompileError:
        """The error of using `name`, which has no value; each name has one."""
        kind = KnownError if name in self.errors.undefined else CompileError
        self.errors.undefined.add(name)
        return self.error(message, node, kind)

    def constant(self, python: Any, type_: TorchType | None, node: ast.AST) -> SSAValue:
        """A constant as an IR value."""
        if is_sequence(python) and isinstance(type_, tt.ListType):
            return self.builder.list(type_.data, [self.constant(v, type_.data, node) for v in python])
        if torch_interop.is_tensor(python):
            array = torch_interop.to_numpy(python)
            return self.builder.insert(self.unit_literal("default", array)).results[0]
        if type_ is tt.DEVICE:
            return self.builder.device(cast("str", python))
        if isinstance(python, int) and not isinstance(python, bool) and not -(2**63) <= python < 2**63:
            raise self.error(f"int constant {python} does not fit 64 bits", node)
        return self.builder.constant(python)

    def unit_literal(self, name: str, array: Any) -> Any:
        """A literal operation for an array stored with the program."""
        return literal(self.unit.pool, name, array, mutable=True)

    def unpack_tuple(self, value: SSAValue) -> list[SSAValue]:
        """The elements of a tuple value."""
        kind = value.type
        elements = kind.elements if isinstance(kind, tt.NamedTupleType) else kind.data  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
        if isinstance(value.owner, ops.PrimTupleConstructOp):
            return list(value.owner.operands)
        return list(self.builder.create(ops.PrimTupleUnpackOp, [value], elements).results)  # pyright: ignore[reportUnknownArgumentType]
