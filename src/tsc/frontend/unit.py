"""A compilation unit: the functions and classes compiled so far, and how a name becomes one."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from xdsl.dialects.func import FuncOp

from tsc.archive.mapped_files import MappedFile
from tsc.dialects.constants import ConstantPool
from tsc.dialects.graph_types import graph_type
from tsc.dialects.torch_types import EnumType, TorchType
from tsc.frontend.sources import Source, qualified_name

MANGLED = "___torch_mangle_"
"""What PyTorch puts into a name, with a number, where another function or class has it already."""
REQUIRED: Any = object()
"""The default of a parameter that has none."""


@dataclass(frozen=True)
class FunctionParameter:
    """One parameter of a function: its type and default (a Python constant)."""

    name: str
    type: TorchType
    default: Any = REQUIRED
    kwarg_only: bool = False
    broadcast_size: int | None = None
    """For ``BroadcastingList2[int]``: a single int stands for that many."""
    is_inferred: bool = False
    """Whether the type is Tensor only because nothing was written."""

    @property
    def type_text(self) -> str:
        """The type, as messages name it."""
        is_enum = isinstance(self.type, EnumType)
        return (graph_type(self.type) if is_enum else self.type.torchscript()) + (
            " (inferred)" if self.is_inferred else ""
        )

    def declaration(self) -> str:
        """The parameter as a schema writes it."""
        default = "" if self.default is REQUIRED else f"={self.default!r}"
        return f"{graph_type(self.type)} {self.name}{default}"


@dataclass(eq=False)
class Function:
    """A function or method of the program. `op` is None until it has been compiled."""

    name: str
    """Qualified and unique: the symbol of its ``func.func``."""
    definition: ast.FunctionDef
    source: Source
    resolver: Resolver
    self_type: TorchType | None = None
    parameters: list[FunctionParameter] = field(default_factory=list[FunctionParameter])
    result: TorchType | None = None
    unannotated_result: TorchType | None = None
    """The type of the result where nothing says it; None where the body does."""
    observed: dict[str, TorchType] = field(default_factory=dict[str, TorchType])
    """Types of parameters that nobody annotated, from example inputs."""
    op: FuncOp | None = None
    kind: str = "script"
    """``script``; ``python``: calls go back to the interpreter; ``declaration``: a method of an interface."""
    is_compiling: bool = False
    python: Any = None
    """The live function, where there is one: what ``TSC_JIT=0`` runs."""

    @property
    def short_name(self) -> str:
        """The name without its path."""
        return self.name.rpartition(".")[2]

    def schema(self) -> str:
        """The signature as PyTorch declares it: ``f(Tensor x, int n=2) -> Tensor``."""
        parts = [p.declaration() for p in self.parameters]
        first_keyword = next((i for i, p in enumerate(self.parameters) if p.kwarg_only), None)
        if first_keyword is not None:
            parts.insert(first_keyword, "*")
        if self.self_type is not None:
            parts.insert(0, f"{self.self_type.torchscript()} self")
        return f"{self.short_name}({', '.join(parts)}){self._returns()}"

    def _returns(self) -> str:
        if self.result is None:
            return ""
        text = graph_type(self.result)
        return f" -> ({text})" if text.startswith("(") else f" -> {text}"


@dataclass(eq=False)
class Class:
    """A class of the program: a module, a plain class, a named tuple or an enum."""

    name: str
    kind: str
    """``module``, ``class``, ``namedtuple``, ``enum`` or ``interface``."""
    attributes: dict[str, TorchType] = field(default_factory=dict[str, TorchType])
    constants: dict[str, Any] = field(default_factory=dict[str, Any])
    """Python values known when the program is compiled: ``Final``, ``__constants__``."""
    methods: dict[str, Function] = field(default_factory=dict[str, Function])
    parameters: frozenset[str] = frozenset()
    buffers: frozenset[str] = frozenset()
    overloads: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Overloaded methods: the names of the variants."""
    exports: tuple[str, ...] = ()
    """Methods that are compiled though nothing calls them."""
    members: dict[str, Any] = field(default_factory=dict[str, Any])
    """For enums: member name to value. For modules: further static facts of the live class (see `modules`).
    """
    python: Any = None
    """The live class, where there is one."""
    properties: dict[str, tuple[str, str | None]] = field(default_factory=dict[str, tuple[str, str | None]])
    """Property name to the names of its getter and setter methods."""

    def method(self, name: str) -> Function | None:
        """The method called `name`."""
        return self.methods.get(name)


class Resolver(Protocol):
    """What names mean inside a function: Python's globals and closure, or an archive's name space."""

    def lookup(self, name: str) -> Any:
        """The `Sugared` value of a free name; None when it is unknown."""
        ...

    def annotation(self, node: ast.expr) -> TorchType:
        """The type an annotation denotes."""
        ...

    def literal(self, node: ast.expr) -> Any:
        """The Python value that the default of a parameter denotes."""
        ...


@dataclass(eq=False)
class Unit:
    """Everything compiled together: one symbol table."""

    functions: dict[str, Function] = field(default_factory=dict[str, Function])
    classes: dict[str, Class] = field(default_factory=dict[str, Class])
    pool: ConstantPool = field(default_factory=ConstantPool)
    """The arrays of tensor constants in the code."""
    find_class: Callable[[str], Class | None] = lambda name: None
    call: Callable[..., Any] = lambda *_: None
    """Runs a function of the program on runtime values; set by who runs the program."""
    call_python: Callable[..., Any] = lambda *_: None
    """Calls the Python function behind a `Function` of kind ``python``; set by who runs the program."""
    fork: Callable[..., Any] = lambda *_: None
    """Gives a future of a function of the program on runtime values; set by who runs the program."""
    module_classes: dict[Hashable, Class] = field(default_factory=dict[Hashable, Class])
    """Classes of live modules, by all that makes two modules of one class."""
    adopted_objects: WeakKeyDictionary[Any, ScriptObject] = field(default_factory=lambda: WeakKeyDictionary())
    """Objects read from other programs, by the script module they stand for."""
    files: list[MappedFile] = field(default_factory=list[MappedFile])
    """The archives' files whose memory the tensors of the program may be."""
    adopted_functions: WeakKeyDictionary[Any, Function] = field(default_factory=lambda: WeakKeyDictionary())
    """Functions read from other programs, by the script function they stand for."""

    def __repr__(self) -> str:  # short: what it consists of is the whole program
        return f"<Unit: {len(self.functions)} functions, {len(self.classes)} classes>"

    def class_named(self, name: str) -> Class:
        """The class with a qualified name."""
        found = self.classes.get(name) or self.find_class(name)
        if found is None:
            raise KeyError(name)
        return found

    def unique_name(self, name: str) -> str:
        """`name`, or the name of the same thing in the first of PyTorch's ``___torch_mangle_0``, ``_1``, ...
        that makes it new.
        """
        path, _, short = name.rpartition(".")
        candidate, n = name, 0
        while candidate in self.functions or candidate in self.classes:
            candidate, n = f"{path}.{MANGLED}{n}.{short}" if path else f"{MANGLED}{n}.{short}", n + 1
        return candidate


def without_mangling(name: str) -> str:
    """A qualified name without what told it from others of the same thing."""
    return re.sub(rf"{MANGLED}\d+\.", "", name)


class ScriptObject:
    """An instance of a class of the program. Tensors among the attributes are NumPy arrays."""

    __slots__ = ("__weakref__", "attributes", "cls", "forked", "live", "memory", "own", "python", "untrained")

    def __init__(self, cls: Class, attributes: dict[str, Any] | None = None) -> None:
        self.cls = cls
        self.attributes: dict[str, Any] = {} if attributes is None else attributes
        self.live: dict[str, Any] = {}
        """The user's own tensors behind attributes: PyTorch parameters, which collect gradients."""
        self.own: dict[str, Any] = {}
        """The parameters and buffers of `tsc.nn` behind attributes: those over the very array that the
        attribute is.
        """
        self.memory: dict[str, tuple[Any, ...]] = {}
        """Where those lay when somebody last looked: see `tsc.programs.live_tensors`."""
        self.forked: dict[Function, Any] = {}
        """What methods were compiled as that a ``fork`` calls: see `tsc.programs.forked_calls`."""
        self.python: Any = None
        """The live object this was made from: what methods left to Python may look at."""
        self.untrained: frozenset[str] = frozenset()
        """Parameters that ask for no gradients, of those that no live tensor is behind."""

    def tensor(self, name: str) -> Any:
        """The user's own tensor behind an attribute, of PyTorch or of `tsc.nn`; None where there is none."""
        if name in self.live:
            return self.live[name]
        own = self.own.get(name)
        return own if own is not None and own.array is self.attributes.get(name) else None

    def let_go(self, name: str) -> None:
        """From now on an attribute is another tensor than the user's own; it asks for gradients as that."""
        tensor = self.live.pop(name, None)
        if tensor is not None and not tensor.requires_grad:
            self.untrained |= {name}

    def __repr__(self) -> str:
        return f"<{self.cls.name} object at {id(self):#x}>"


def untrained_of(held: ScriptObject) -> frozenset[str]:
    """The parameters of an object that ask for no gradients: as the user's own tensors behind them say."""
    behind = {name: held.live.get(name, held.own.get(name)) for name in held.cls.parameters}
    return frozenset(
        name
        for name, tensor in behind.items()
        if (name in held.untrained if tensor is None else not tensor.requires_grad)
    )


@dataclass(frozen=True, eq=False)
class EnumValue:
    """A member of an enum of the program; equal to the live Python enum's member, where there is one."""

    cls: Class
    name: str

    def __eq__(self, other: object) -> bool:
        if isinstance(other, EnumValue):
            return self.cls is other.cls and self.name == other.name
        live = type(other)
        is_same = self.cls.python is live or (
            self.cls.python is None and without_mangling(self.cls.name) == qualified_name(live)
        )
        return is_same and self.name == getattr(other, "name", None)

    def __hash__(self) -> int:
        return hash(self.name)  # as `enum.Enum` hashes

    def __str__(self) -> str:
        return f"Enum<{self.cls.name.rpartition('.')[2]}.{self.name}>"

    @property
    def value(self) -> Any:
        """The member's value."""
        return self.cls.members[self.name]
