"""`tsc.library`: operators of one's own, for programs and archives, as ``torch.library`` has them."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from tsc import ops
from tsc.concurrency import serialized
from tsc.dialects import schema as schemas
from tsc.dialects.schema import Schema
from tsc.errors import ArgumentError
from tsc.runtime.dispatch import call, wrapped
from tsc.runtime.operators import OWN
from tsc.runtime.tensor import Tensor

KINDS = ("DEF", "FRAGMENT", "IMPL")


class Library:
    """The operators of a namespace.

    ``kind`` is as in PyTorch: ``DEF`` and ``FRAGMENT`` define operators, ``IMPL`` gives functions to those
    that are there; each may do both here.

    >>> library = tsc.library.Library("readme", "DEF")
    >>> library.define("scaled(Tensor x, float by) -> Tensor")
    'readme::scaled'
    >>> library.impl("scaled", lambda x, by: x * by)
    >>> tsc.ops.readme.scaled(tsc.ones(2), 3.0)
    tensor([3., 3.])
    """

    def __init__(self, ns: str, kind: str = "DEF", dispatch_key: str = "") -> None:
        """`dispatch_key` is accepted, and means nothing: there is one kind of tensors.

        Raises:
            ArgumentError: the namespace is PyTorch's, or no name; `kind` is none.
        """
        if not ns.isidentifier() or ns in ("aten", "prim"):
            raise ArgumentError(f"Library: requires a namespace of one's own; got {ns!r}")
        if kind not in KINDS:
            raise ArgumentError(f"Library: requires a kind in {list(KINDS)}; got {kind!r}")
        self.ns = ns

    def define(self, schema: str) -> str:
        """Take in an operator, as ``twice(Tensor x, float by=2.0) -> Tensor``; its name, with the namespace.

        Raises:
            ArgumentError: `schema` is none.
        """
        return define(f"{self.ns}::{schema.partition('(')[0].strip()}", f"({schema.partition('(')[2]}")

    def impl(
        self, op_name: str, fn: Callable[..., Any], dispatch_key: str = "", *, arrays: bool = False
    ) -> None:
        """Let `fn` be what an operator does: see `impl`."""
        impl(f"{self.ns}::{op_name.rpartition('::')[2]}", dispatch_key, fn, arrays=arrays)


@serialized
def define(qualname: str, schema: str) -> str:
    """Take in the operator ``mine::twice`` (or an overload, ``mine::twice.out``), whose schema is as
    ``(Tensor x, float by=2.0) -> Tensor``; what it was before is forgotten. Gives the name.

    Raises:
        ArgumentError: that is no name, or no schema.
    """
    space, _, name = qualname.partition("::")
    if not space.isidentifier() or not name.replace(".", "_").isidentifier() or space in ("aten", "prim"):
        raise ArgumentError(f"define: requires a name like 'mine::twice'; got {qualname!r}")
    try:
        made = schemas.parse(qualname + schema.strip())
    except ValueError as error:
        raise ArgumentError(f"define: {error}") from None
    others = [s for s in schemas.overloads(made.name) if s.full_name != made.full_name]
    _enter_space(space)
    schemas.set_overloads(made.name, [*others, made])
    OWN.pop(qualname, None)
    return qualname


def _enter_space(name: str) -> None:
    """Let ``tsc.ops.mine`` be the operators of a namespace."""
    held = getattr(ops, name, None)
    if held is None:
        setattr(ops, name, OperatorSpace(f"{ops.__name__}.{name}"))
    elif not isinstance(held, OperatorSpace):
        raise ArgumentError(f"define: the namespace {name!r} is taken")


def impl(
    qualname: str, types: object = "", func: Callable[..., Any] | None = None, *, arrays: bool = False
) -> Any:
    """Let a function be what an operator does. It is given tensors as `tsc.Tensor`, or with `arrays` as NumPy
    arrays, and gives the same back; other arguments are Python values, given as the schema has them: those
    behind ``*`` by name. Where `func` is left out, this is a decorator. `types` (devices) mean nothing here.

    Raises:
        ArgumentError: no such operator is defined.
    """
    if func is None:

        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            impl(qualname, types, function, arrays=arrays)
            return function

        return decorate
    schema = schemas.lookup(qualname)
    if schema is None or schemas.is_own(schema.name):
        raise ArgumentError(f"impl: requires an operator that was defined; there is no {qualname!r}")
    OWN[qualname] = _on_arrays(schema, func, arrays=arrays)
    return None


def _on_arrays(schema: Schema, function: Callable[..., Any], *, arrays: bool) -> Callable[..., Any]:
    """`function` as the generic tier calls it: on arrays, all arguments by position."""
    names = [a.name if a.kwarg_only else None for a in schema.arguments]

    def run(*arguments: object) -> Any:
        given = list(arguments) if arrays else [wrapped(a) for a in arguments]
        named = {name: value for name, value in zip(names, given, strict=True) if name is not None}
        result = function(*(v for name, v in zip(names, given, strict=True) if name is None), **named)
        return result if arrays else _unwrapped(result)

    return run


def _unwrapped(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.array
    if isinstance(value, (list, tuple)):
        return type(value)(_unwrapped(v) for v in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return value


class OperatorSpace(ModuleType):
    """``tsc.ops.mine``: the operators of a namespace, as functions."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """A function that runs an operator on tensors.

        Raises:
            AttributeError: there is no such operator.
        """
        full_name = f"{self.__name__.rpartition('.')[2]}::{name}"
        if not schemas.overloads(full_name):
            raise AttributeError(f"there is no operator {full_name!r}: see tsc.library")

        def function(*arguments: object, **keywords: object) -> Any:
            return call(name, schemas.overloads(full_name), arguments, keywords)

        function.__name__ = function.__qualname__ = name
        function.__doc__ = "\n".join(map(str, schemas.overloads(full_name)))
        function.__dict__["__tsc_builtin__"] = full_name
        return function
