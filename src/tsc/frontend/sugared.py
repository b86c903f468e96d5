"""What a name or an expression can be while a program is read: an IR value, or something only the reader
knows.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xdsl.ir import SSAValue

from tsc.dialects.torch_types import TorchType
from tsc.errors import NotSupportedError
from tsc.frontend.unit import Class, Function

if TYPE_CHECKING:
    from tsc.frontend.call_reader import CallReader


@dataclass(eq=False)
class Arguments:
    """The arguments of a call: values (plain or sugared), in order and by name."""

    positional: list[Any]
    keywords: dict[str, Any] = field(default_factory=dict[str, Any])


class Sugared:
    """Something an expression may denote. Each method refuses unless a subclass can do it."""

    def describe(self) -> str:
        """What this is, for error messages."""
        return type(self).__name__

    def attribute(self, reader: CallReader, name: str, node: ast.AST) -> Sugared:
        """``self.name``."""
        raise reader.error(f"'{self.describe()}' object has no attribute or method '{name}'", node)

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        """``self(...)``."""
        raise reader.error(f"cannot call a {self.describe()}", node)

    def value(self, reader: CallReader, node: ast.AST) -> SSAValue:
        """As an IR value."""
        raise reader.error(f"{self.describe()} cannot be used as a value", node)

    def unroll(self, reader: CallReader, node: ast.AST) -> list[Sugared] | None:
        """The elements, where their number and kinds are known now; else None."""
        return None

    def index(self, reader: CallReader, key: ast.expr, node: ast.AST) -> Sugared | None:
        """``self[key]`` where the reader itself knows the answer; else None."""
        return None

    def static(self) -> tuple[bool, Any]:
        """``(True, value)`` when this is a Python constant known now."""
        return False, None


@dataclass(eq=False)
class SugaredValue(Sugared):
    """An IR value."""

    ssa: SSAValue

    @property
    def type(self) -> TorchType:
        """Its TorchScript type."""
        found = self.ssa.type
        assert isinstance(found, TorchType)
        return found

    def describe(self) -> str:
        return f"value of type '{self.type.torchscript()}'"

    def value(self, reader: CallReader, node: ast.AST) -> SSAValue:
        return self.ssa

    def attribute(self, reader: CallReader, name: str, node: ast.AST) -> Sugared:
        from tsc.frontend.members import member_of_value

        return member_of_value(reader, self, name, node)

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        from tsc.frontend.members import call_value

        return call_value(reader, self, arguments, node)

    def unroll(self, reader: CallReader, node: ast.AST) -> list[Sugared] | None:
        from tsc.frontend.members import unroll_value

        return unroll_value(reader, self, node)

    def index(self, reader: CallReader, key: ast.expr, node: ast.AST) -> Sugared | None:
        from tsc.frontend.members import index_value

        return index_value(reader, self, key, node)

    def static(self) -> tuple[bool, Any]:
        from tsc.dialects.torch_ops import ConstantOp

        owner = self.ssa.owner
        return (True, owner.python_value) if isinstance(owner, ConstantOp) else (False, None)


@dataclass(eq=False)
class Constant(Sugared):
    """A Python constant (number, string, None, tuples and lists of those)."""

    python: Any
    type: TorchType | None = None
    """Its TorchScript type where the value alone does not say (an empty list)."""

    def describe(self) -> str:
        return f"value of type '{type(self.python).__name__}'"

    def value(self, reader: CallReader, node: ast.AST) -> SSAValue:
        return reader.constant(self.python, self.type, node)

    def attribute(self, reader: CallReader, name: str, node: ast.AST) -> Sugared:
        return SugaredValue(self.value(reader, node)).attribute(reader, name, node)

    def unroll(self, reader: CallReader, node: ast.AST) -> list[Sugared] | None:
        return [Constant(v) for v in self.python] if isinstance(self.python, tuple) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]

    def index(self, reader: CallReader, key: ast.expr, node: ast.AST) -> Sugared | None:
        return SugaredValue(self.value(reader, node)).index(reader, key, node)

    def static(self) -> tuple[bool, Any]:
        return True, self.python


@dataclass(eq=False)
class TupleOf(Sugared):
    """A tuple whose elements may be sugared."""

    elements: Sequence[Sugared]
    names: tuple[str, ...] = ()
    """The names of the elements, where an operator names its results."""

    def describe(self) -> str:
        return "tuple"

    def value(self, reader: CallReader, node: ast.AST) -> SSAValue:
        return reader.builder.make_tuple([e.value(reader, node) for e in self.elements])

    def unroll(self, reader: CallReader, node: ast.AST) -> list[Sugared] | None:
        return list(self.elements)

    def index(self, reader: CallReader, key: ast.expr, node: ast.AST) -> Sugared | None:
        if isinstance(key, ast.Slice):
            bounds = [
                (True, None) if b is None else reader.static_value(b)
                for b in (key.lower, key.upper, key.step)
            ]
            if all(known for known, _ in bounds):
                return TupleOf(self.elements[slice(*(bound for _, bound in bounds))])
        known, at = reader.static_value(key)
        if known and not isinstance(at, int):
            raise reader.error("tuple index must be an integer", node)
        if not known:
            return SugaredValue(self.value(reader, node)).index(reader, key, node)
        count = len(self.elements)
        if not -count <= at < count:
            raise reader.error(f"Tuple index out of range. Tuple is length {count} and index is {at}", node)
        return self.elements[at]

    def attribute(self, reader: CallReader, name: str, node: ast.AST) -> Sugared:
        if name in self.names:
            return self.elements[self.names.index(name)]
        return SugaredValue(self.value(reader, node)).attribute(reader, name, node)


@dataclass(eq=False)
class Builtin(Sugared):
    """An operator, perhaps bound to a receiver: ``torch.relu``, ``x.relu``."""

    names: tuple[str, ...]
    """Candidate base names, e.g. ``aten::relu``."""
    receiver: Sugared | None = None

    def describe(self) -> str:
        return "builtin"

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        from tsc.frontend.object_sorting import is_of_objects, sort_objects

        given = [*filter(None, [self.receiver]), *arguments.positional]
        if self.names == ("aten::sort",) and given and is_of_objects(given[0]):
            return sort_objects(reader, Arguments(given, arguments.keywords), node)
        return reader.call_builtin(self.names, arguments, node, self.receiver)


@dataclass(eq=False)
class Special(Sugared):
    """A form with rules of its own (``isinstance``, ``range``, ``annotate``); `name` is a key of
    `special_forms.FORMS`.
    """

    name: str

    def describe(self) -> str:
        return f"'{self.name}'"

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        from tsc.frontend.special_forms import call_form

        return call_form(reader, self.name, arguments, node)


@dataclass(eq=False)
class ScriptFunctionRef(Sugared):
    """A function of the program."""

    function: Function

    def describe(self) -> str:
        return f"function '{self.function.name}'"

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        return reader.call_function(self.function, arguments, node)


@dataclass(eq=False)
class Overloaded(Sugared):
    """Functions or methods of one name: a call takes the first that its arguments fit."""

    candidates: Sequence[ScriptFunctionRef | MethodRef]

    def describe(self) -> str:
        return f"overloaded function '{self.candidates[0].function.short_name}'"

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        for candidate in self.candidates:
            if reader.takes(candidate.function, arguments, node):
                return candidate.call(reader, arguments, node)
        variants = "\n".join(c.function.schema() for c in self.candidates)
        raise reader.error(f"Arguments for call are not valid. The variants are:\n{variants}", node)


@dataclass(eq=False)
class MethodRef(Sugared):
    """A method bound to an object."""

    function: Function
    receiver: SSAValue

    def describe(self) -> str:
        return f"method '{self.function.short_name}'"

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        return reader.call_method(self.function, self.receiver, arguments, node)


@dataclass(eq=False)
class ClassRef(Sugared):
    """A class of the program: called, it makes an object; its attributes are enum members, static methods."""

    cls: Class

    def describe(self) -> str:
        return "EnumClass" if self.cls.kind == "enum" else f"class '{self.cls.name}'"

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        from tsc.frontend.objects import construct

        return construct(reader, self.cls, arguments, node)

    def attribute(self, reader: CallReader, name: str, node: ast.AST) -> Sugared:
        from tsc.frontend.objects import class_attribute

        return class_attribute(reader, self.cls, name, node)


@dataclass(eq=False)
class TypeRef(Sugared):
    """A type used as an expression, as in ``isinstance(x, List[int])``."""

    type: TorchType

    def describe(self) -> str:
        return f"type '{self.type.torchscript()}'"

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        from tsc.frontend.special_forms import construct_container

        return construct_container(reader, self.type, arguments, node)


@dataclass(eq=False)
class SliceOf(Sugared):
    """``slice(lower, upper, step)``: meaningful in subscripts only."""

    lower: Sugared
    upper: Sugared
    step: Sugared

    def describe(self) -> str:
        return "Python slice value"


@dataclass(eq=False)
class Iteration(Sugared):
    """``range``, ``enumerate`` or ``zip`` applied to arguments: meaningful in ``for`` and comprehensions
    only.
    """

    kind: str
    parts: list[Sugared]
    start: SSAValue | None = None

    def describe(self) -> str:
        return self.kind

    def unroll(self, reader: CallReader, node: ast.AST) -> list[Sugared] | None:
        unrolled = [p.unroll(reader, node) for p in self.parts] if self.kind != "range" else [None]
        lists = [u for u in unrolled if u is not None]
        if not lists or len(lists) != len(unrolled):
            return None
        if self.kind == "enumerate":
            return [TupleOf([Constant(i), e]) for i, e in enumerate(lists[0])]
        return [TupleOf(list(group)) for group in zip(*lists, strict=False)]


@dataclass(eq=False)
class Namespace(Sugared):
    """A module of Python or of an archive: ``torch``, ``torch.nn.functional``, ``math``."""

    name: str
    members: Callable[[str], Sugared | None]
    """``members(name) -> Sugared | None``."""

    def describe(self) -> str:
        return f"module '{self.name}'"

    def attribute(self, reader: CallReader, name: str, node: ast.AST) -> Sugared:
        found = self.members(name)
        if found is None:
            raise reader.error(f"object has no attribute {name}", node)
        return found


@dataclass(eq=False)
class UndefinedOperator(Sugared):
    """An operator of a library beside PyTorch's own: what it does, only that library knows."""

    name: str

    def describe(self) -> str:
        return f"operator '{self.name}'"

    def call(self, reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        message = f"{self.describe()} has no definition in tsc: it is an operator of another library"
        raise reader.error(message, node, NotSupportedError)


NONE = Constant(None)
BUILTIN_FORMS = frozenset((
    "abs", "all", "any", "bool", "chr", "complex", "dict", "divmod", "enumerate", "float", "getattr",
    "hasattr", "hash", "id", "int", "isinstance", "len", "list", "max", "min", "ord", "print", "range",
    "round", "sorted", "str", "tuple", "zip",
))  # fmt: skip
"""Python builtins that are `Special` in live code and in archives alike."""
