"""Sorts lists of objects by their own ``__lt__``: by a function of the program, one for each class."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from tsc.dialects import torch_types as tt
from tsc.frontend import calls
from tsc.frontend.sources import Source, parsed
from tsc.frontend.sugared import Arguments, Constant, Sugared
from tsc.frontend.unit import Function, FunctionParameter

if TYPE_CHECKING:
    from tsc.frontend.call_reader import CallReader

FILE = "<sorting of objects>"
SORTED = """
def sorted_objects(values, reverse):
    found = values[:0]
    for value in values:
        low = 0
        high = len(found)
        while low < high:
            middle = (low + high) // 2
            comes_before = found[middle] < value if reverse else value < found[middle]
            if comes_before:
                high = middle
            else:
                low = middle + 1
        found.insert(low, value)
    return found
"""
"""Equal objects keep their order, with `reverse` too, as Python's do."""


def is_of_objects(value: Sugared) -> bool:
    """Whether a value is a list of objects of a class."""
    kind = calls.type_of(value)
    return isinstance(kind, tt.ListType) and isinstance(kind.data, tt.ClassType)


def sorted_objects(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    """``sorted(objects, reverse)``, as a new list."""
    values = reader.plain(arguments.positional[0], node)
    function = _function(reader, values.type, node)
    given = Arguments([values, *arguments.positional[1:]], arguments.keywords)
    return reader.call_function(function, given, node)


def sort_objects(reader: CallReader, arguments: Arguments, node: ast.AST) -> Sugared:
    """``objects.sort(reverse)``, in place."""
    values = arguments.positional[0]
    ordered = sorted_objects(reader, arguments, node)
    reader.call_builtin(("aten::clear",), Arguments([values]), node)
    reader.call_builtin(("aten::extend",), Arguments([values, ordered]), node)
    return Constant(None)


def _function(reader: CallReader, kind: Any, node: ast.AST) -> Function:
    """The function that sorts lists of a type."""
    cls = reader.unit.class_named(kind.data.data)
    if cls.method("__lt__") is None:
        raise reader.error(
            "Only list of Tensors, ints, floats, bools, strs, a User Defined Class that defines the __lt__ "
            f"compare method or Tuples of aforementioned types can be sorted, got list of {cls.name}",
            node,
        )
    name = f"{cls.name}__sorted"
    if name not in reader.unit.functions:
        definition: Any = parsed(SORTED, file=FILE).body[0]
        parameters = [FunctionParameter("values", kind), FunctionParameter("reverse", tt.BOOL, False)]
        source, resolver = Source(FILE, SORTED), reader.function.resolver
        made = Function(name, definition, source, resolver, None, parameters, kind)
        reader.unit.functions[name] = made
    return reader.unit.functions[name]
