"""Forms with rules of their own: ``isinstance``, ``range``, ``annotate``, ``getattr``, what PyTorch adds."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

from xdsl.dialects.builtin import ArrayAttr, StringAttr

from tsc.dialects import torch_ops as ops
from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.dialects.type_tests import is_instance
from tsc.errors import NotSupportedError
from tsc.frontend import calls
from tsc.frontend.calls import fits
from tsc.frontend.casts import CONVERSIONS, Form
from tsc.frontend.object_sorting import is_of_objects, sorted_objects
from tsc.frontend.sugared import Arguments, Constant, Iteration, SliceOf, Sugared, SugaredValue, TupleOf

if TYPE_CHECKING:
    from tsc.frontend.call_reader import CallReader
    from tsc.frontend.conditions import Condition

MANY = 1 << 30

COUNTS: dict[str, tuple[int, int]] = {
    **dict.fromkeys(("isinstance", "hasattr", "annotate", "unchecked_cast", "attribute"), (2, 2)),
    **dict.fromkeys(("uninitialized", "len", "abs", "str", "reversed"), (1, 1)),
    "getattr": (2, 3), "fork": (1, MANY), "min": (1, MANY), "max": (1, MANY), "zip": (1, MANY),
    "unread": (1, MANY),
    "range": (1, 3), "enumerate": (1, 2), "slice": (1, 3), "list": (0, 1), "raise_exception": (1, 2),
}  # fmt: skip
"""How many arguments forms take that look at them one by one: at least, and at most."""


def require_count(reader: CallReader, name: str, count: int, node: ast.AST) -> None:
    """Check how many arguments a form is given.

    Raises:
        CompileError: too few or too many.
    """
    least, most = COUNTS.get(name, (0, MANY))
    if least <= count <= most:
        return
    if name == "slice":
        message = f"slice accepts exactly 1, 2 or 3 arguments, got: {count}"
    elif name == "fork":
        message = "Expected at least one argument to fork()"
    elif name == "getattr":
        message = f"getattr expected to have number of arguments between 2 and 3 but found {count}"
    elif least == most:
        message = f"{name} expected exactly {least} arguments but found {count}"
    else:
        bound = f"at least {least}" if count < least else f"at most {most}"
        message = f"{name} expected {bound} arguments, got {count}"
    raise reader.error(message, node)


def read_form(reader: CallReader, name: str, node: ast.Call) -> Sugared | None:
    """Forms whose arguments are types or names and so are not read as values; None for the others."""
    form = READ_FORMS.get(name)
    if form is None:
        return None
    require_count(reader, name, len(node.args), node)
    return form(reader, node)


def _annotate(reader: CallReader, node: ast.Call) -> Sugared:
    return _seen_as(reader, node.args[1], node.args[0], node)


def _attribute(reader: CallReader, node: ast.Call) -> Sugared:
    return _seen_as(reader, node.args[0], node.args[1], node)


def _seen_as(reader: CallReader, value: ast.expr, annotation: ast.expr, node: ast.Call) -> Sugared:
    wanted = reader.function.resolver.annotation(annotation)
    return SugaredValue(reader.coerce(reader.value(value, wanted), wanted, node))


def _unchecked_cast(reader: CallReader, node: ast.Call) -> Sugared:
    wanted = reader.function.resolver.annotation(node.args[0])
    value = reader.value(node.args[1], wanted)
    return SugaredValue(reader.builder.create(ops.PrimUncheckedCastOp, [value], [wanted]).results[0])


def _uninitialized(reader: CallReader, node: ast.Call) -> Sugared:
    wanted = reader.function.resolver.annotation(node.args[0])
    return SugaredValue(reader.builder.create(ops.PrimUninitializedOp, [], [wanted]).results[0])


def _condition(reader: CallReader, node: ast.Call) -> Sugared:
    condition = condition_of_call(reader, node)
    assert condition is not None
    return Constant(condition.static) if condition.static is not None else SugaredValue(condition.ssa)  # pyright: ignore[reportArgumentType]


def _fork(reader: CallReader, node: ast.Call) -> Sugared:
    rest = ast.copy_location(ast.Call(node.func, node.args[1:], node.keywords), node)
    return reader.fork(reader.read(node.args[0]), reader.arguments(rest), node)


def _super(reader: CallReader, node: ast.Call) -> Sugared:
    raise reader.error("super() is not supported in methods that are compiled", node, NotSupportedError)


def _getattr(reader: CallReader, node: ast.Call) -> Sugared:
    from tsc.frontend.members import has_member

    owner = reader.read(node.args[0])
    known, name = reader.static_value(node.args[1])
    if not known or not isinstance(name, str):
        raise reader.error("getattr's second argument must be a string literal", node)
    if len(node.args) == 3 and not has_member(reader, owner, name):
        return reader.read(node.args[2])
    return owner.attribute(reader, name, node)


READ_FORMS: dict[str, Callable[[CallReader, ast.Call], Sugared]] = {
    "annotate": _annotate, "attribute": _attribute, "unchecked_cast": _unchecked_cast,
    "uninitialized": _uninitialized, "isinstance": _condition, "hasattr": _condition, "getattr": _getattr,
    "fork": _fork, "super": _super,
}  # fmt: skip
"""Forms that read their arguments themselves: not all are values."""


def condition_of_call(reader: CallReader, node: ast.Call) -> Condition | None:
    """``isinstance`` and ``hasattr`` as conditions that may be decided now; None for other calls."""
    from tsc.frontend.conditions import Condition
    from tsc.frontend.members import has_member
    from tsc.frontend.sugared import Special

    if not isinstance(node.func, (ast.Name, ast.Attribute)):
        return None
    if isinstance(node.func, ast.Attribute) and node.func.attr not in (
        "isinstance",
        "is_scripting",
        "is_tracing",
    ):
        return None
    callee = reader.read(node.func)
    if not isinstance(callee, Special):
        return None
    require_count(reader, callee.name, len(node.args), node)
    if callee.name == "hasattr":
        _, name = reader.static_value(node.args[1])
        owner = reader.read(node.args[0])
        if isinstance(owner, SugaredValue) and isinstance(
            owner.type, (tt.TensorType, tt.ListType, tt.DictType)
        ):
            raise reader.error(
                "hasattr's first argument must be an object or NamedTuple, got "
                f"{owner.type.torchscript()} instead",
                node,
            )
        return Condition(has_member(reader, owner, name), None)
    return _isinstance(reader, node) if callee.name == "isinstance" else None


def _isinstance(reader: CallReader, node: ast.Call) -> Condition:
    from tsc.frontend.conditions import Condition

    value = reader.plain(reader.read(node.args[0]), node)
    if isinstance(value.type, tt.ModuleType):
        return Condition(_is_module_of(reader, value, node.args[1]), None)
    wanted = _types_of(reader, node.args[1])
    actual = value.type
    members = _members(actual)
    matching = [m for m in members if any(_is_instance(m, w) for w in wanted)]
    kinds = [w for w in wanted if not isinstance(w, str)]
    is_open = actual is tt.ANY or (actual is tt.NUMBER and is_instance(actual, kinds) is None)
    if not is_open:
        if len(matching) == len(members):
            return Condition(True, None)
        if not matching:
            return Condition(False, None)
    names = ArrayAttr([StringAttr(w if isinstance(w, str) else w.torchscript()) for w in wanted])
    check = reader.builder.create(
        ops.PrimIsInstanceOp,
        [value.ssa],
        [tt.BOOL],
        attributes={"types": names, "torch_types": ArrayAttr(kinds)},
    )
    condition = Condition(None, check.results[0])
    if isinstance(node.args[0], ast.Name):
        from tsc.frontend.annotations import union

        chosen = kinds if is_open else matching
        if chosen:
            condition.when_true[node.args[0].id] = union(chosen)
        rest = [m for m in members if m not in matching]
        if rest and not is_open:
            condition.when_false[node.args[0].id] = union(rest)
    return condition


def _is_module_of(reader: CallReader, value: SugaredValue, classes: ast.expr) -> bool:
    """Whether a module is of one of the classes itself: what they inherit from does not count."""
    named = classes.elts if isinstance(classes, (ast.Tuple, ast.List)) else [classes]
    compiled = {cls.python for cls in reader.unit.classes.values() if cls.python is not None}
    wanted = [getattr(reader.read(n), "python", None) for n in named]
    for n, python in zip(named, wanted, strict=True):
        if python not in compiled:
            raise reader.error(f"Unknown type name '{ast.unparse(n)}'", n)
    return reader.unit.class_named(value.type.data).python in wanted


def _members(kind: TorchType) -> list[TorchType]:
    if isinstance(kind, tt.OptionalType):
        return [*_members(kind.data), tt.NONE]
    return list(kind.data) if isinstance(kind, tt.UnionType) else [kind]


def _is_instance(actual: TorchType, wanted: TorchType | str) -> bool:
    if isinstance(wanted, str):
        kinds = {"list": tt.ListType, "tuple": (tt.TupleType, tt.NamedTupleType), "dict": tt.DictType}
        return isinstance(actual, kinds[wanted])
    return fits(actual, wanted, {}) and wanted is not tt.NUMBER


def _types_of(reader: CallReader, node: ast.expr) -> list[TorchType | str]:
    """The types named in ``isinstance``'s second argument; bare ``list``, ``tuple``, ``dict`` as strings."""
    if isinstance(node, ast.Tuple):
        return [t for e in node.elts for t in _types_of(reader, e)]
    if isinstance(node, ast.List):
        return [t for e in node.elts for t in _types_of(reader, e)]
    if isinstance(node, ast.Name) and node.id in ("list", "tuple", "dict"):
        return [node.id]
    return [reader.function.resolver.annotation(node)]


def call_form(reader: CallReader, name: str, arguments: Arguments, node: ast.AST) -> Sugared:
    """A form applied to values."""
    form = FORMS.get(name)
    if form is None:
        raise reader.error(f"'{name}' is not supported in TorchScript", node, NotSupportedError)
    require_count(reader, name, len(arguments.positional), node)
    return form(reader, arguments, node)


def _range(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    return Iteration("range", arguments.positional)


def _enumerate(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    given = arguments.positional[1] if len(arguments.positional) > 1 else arguments.keywords.get("start")
    start = None if given is None else given.value(reader, node)
    return Iteration("enumerate", arguments.positional[:1], start)


def _slice(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    """``slice(stop)``, ``slice(start, stop)`` or ``slice(start, stop, step)``."""
    given: list[Sugared] = arguments.positional
    if len(given) == 1:
        return SliceOf(Constant(None), given[0], Constant(None))
    return SliceOf(given[0], given[1], given[2] if len(given) > 2 else Constant(None))


def _zip(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    return Iteration("zip", arguments.positional)


def _len(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    owner = arguments.positional[0]
    if isinstance(owner, TupleOf):
        return Constant(len(owner.elements))
    value = reader.plain(owner, node)
    if isinstance(value.type, (tt.TupleType, tt.ModuleType, tt.NamedTupleType)):
        parts = (
            value.unroll(reader, node)
            if not isinstance(value.type, tt.ModuleType)
            else _container(reader, value)
        )
        if parts is not None:
            return Constant(len(parts))
    called = reader.magic("__len__", [value], node)
    if called is None and isinstance(value.type, tt.ModuleType):
        method = reader.unit.class_named(value.type.data).method("__len__")
        called = None if method is None else reader.call_method(method, value.ssa, Arguments([]), node)
    return called or reader.call_builtin(("aten::len",), arguments, node)


def _container(reader: CallReader, value: SugaredValue) -> list[str] | None:
    return reader.unit.class_named(value.type.data).members.get("container")


def _print(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    from tsc.dialects.aten import class_of
    from tsc.dialects.schema import overloads

    if arguments.keywords:
        raise reader.error("print doesn't accept any keyword arguments", node)
    values = [a.value(reader, node) for a in arguments.positional]
    reader.builder.create(class_of(overloads("prim::Print")[0]), values)
    return Constant(None)


def _extremum(name: str) -> Form:
    def form(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
        first, *rest = arguments.positional
        for other in rest:
            first = reader.call_builtin((f"prim::{name}", f"aten::{name}"), Arguments([first, other]), node)
        return first if rest else reader.call_builtin((f"prim::{name}", f"aten::{name}"), arguments, node)

    return form


def _builtin(*names: str) -> Form:
    return lambda reader, arguments, node: reader.call_builtin(names, arguments, node)


def _abs(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    is_tensor = isinstance(calls.type_of(arguments.positional[0]), tt.TensorType)
    return reader.call_builtin(("aten::abs" if is_tensor else "prim::abs",), arguments, node)


def _always(value: object) -> Form:
    return lambda reader, arguments, node: Constant(value)


def _reverse(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    copied = reader.call_builtin(("aten::list",), arguments, node)
    reader.call_builtin(("aten::reverse",), Arguments([copied]), node)
    return copied


def _sorted(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    if arguments.positional and is_of_objects(arguments.positional[0]):
        return sorted_objects(reader, arguments, node)
    return reader.call_builtin(("aten::sorted",), arguments, node)


def _raise_exception(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    """``ops.prim.RaiseException(message, "builtins.ValueError")``: what archives write for ``raise``."""
    message, kind, *_ = [a.value(reader, node) for a in arguments.positional] + [
        reader.builder.constant(None)
    ]
    reader.builder.create(ops.PrimRaiseExceptionOp, [message, kind])
    return Constant(None)


FORMS: dict[str, Form] = {
    **CONVERSIONS,
    "range": _range, "slice": _slice, "enumerate": _enumerate, "zip": _zip, "len": _len,
    "print": _print, "min": _extremum("min"),
    "max": _extremum("max"),
    "abs": _abs, "round": _builtin("aten::round"), "pow": _builtin("aten::pow"),
    "ord": _builtin("aten::ord"),
    "chr": _builtin("aten::chr"), "hex": _builtin("aten::hex"), "bin": _builtin("aten::bin"),
    "oct": _builtin("aten::oct"),
    "hash": _builtin("aten::hash"), "divmod": _builtin("aten::divmod"), "sorted": _sorted,
    "sum": _builtin("aten::sum"), "any": _builtin("aten::any"), "all": _builtin("aten::all"),
    "id": _builtin("prim::id"),
    "reversed": _reverse, "is_scripting": _always(True), "is_tracing": _always(False),
    "always_false": _always(False),
    "unread": lambda reader, arguments, node: arguments.positional[0],
    "wait": _builtin("aten::wait"),
    "nothing": _always(None), "raise_exception": _raise_exception,
}  # fmt: skip


def construct_container(reader: CallReader, kind: TorchType, arguments: Arguments, node: ast.AST) -> Sugared:
    """A type called: ``torch.device("cpu")``, ``int(x)``."""
    if kind is tt.DEVICE:
        return reader.call_builtin(("aten::device",), arguments, node)
    if kind is tt.GENERATOR:
        return reader.call_builtin(("aten::Generator",), arguments, node)
    names: dict[TorchType, str] = {
        tt.INT: "int",
        tt.FLOAT: "float",
        tt.BOOL: "bool",
        tt.STRING: "str",
        tt.COMPLEX: "complex",
    }
    if kind in names:
        return call_form(reader, names[kind], arguments, node)
    raise reader.error(f"type '{kind.torchscript()}' cannot be called", node)
