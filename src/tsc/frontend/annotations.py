"""From type annotations to TorchScript types: Python's typing objects, and the text of archives and type
comments.
"""

from __future__ import annotations

import ast
import enum
import types
import typing
from collections.abc import Callable, Sequence
from typing import Any, cast

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType
from tsc.errors import NotSupportedError
from tsc.frontend.sources import parsed_annotation

LEGACY_TENSORS = frozenset(
    f"{kind}Tensor" for kind in ("Float", "Double", "Half", "Int", "Long", "Short", "Char", "Byte", "Bool")
)
"""PyTorch's names for tensors of a dtype, which it takes for any tensor."""
SCALARS: dict[str, TorchType] = {
    "Tensor": tt.TENSOR, "int": tt.INT, "float": tt.FLOAT, "bool": tt.BOOL, "complex": tt.COMPLEX,
    "str": tt.STRING,
    "NoneType": tt.NONE, "None": tt.NONE, "Device": tt.DEVICE, "Any": tt.ANY, "Scalar": tt.NUMBER,
    "number": tt.NUMBER,
    "Generator": tt.GENERATOR, "Layout": tt.INT, "MemoryFormat": tt.INT, "Dtype": tt.INT,
    **{f"torch.{name}": tt.TENSOR for name in LEGACY_TENSORS},
}  # fmt: skip


class number:  # noqa: N801 - spelt as type comments spell it
    """TorchScript's word for an int, float or complex number, where Python has none."""


def optional(element: TorchType) -> TorchType:
    """``Optional[element]``, flattened."""
    if isinstance(element, tt.UnionType):
        return union([element, tt.NONE])
    return (
        element
        if element is tt.NONE or element is tt.ANY or isinstance(element, tt.OptionalType)
        else tt.OptionalType(element)
    )


def union(members: Sequence[TorchType]) -> TorchType:
    """``Union[members]``: an Optional when it is one type and None."""
    flat: list[TorchType] = []
    for member in members:
        parts = member.data if isinstance(member, tt.UnionType) else [member]
        if isinstance(member, tt.OptionalType):
            parts = [member.data, tt.NONE]
        flat += [p for p in parts if p not in flat]
    if len(flat) == 1:
        return flat[0]
    if len(flat) == 2 and tt.NONE in flat:
        return optional(next(m for m in flat if m is not tt.NONE))
    return tt.UnionType(tuple(flat))


def parse_annotation(node: ast.expr, named: Callable[[str], TorchType | None]) -> TorchType:
    """The type written as `node`, where `named` knows the classes of the program.

    Raises:
        NotSupportedError: it is no TorchScript type.
    """
    if isinstance(node, ast.Constant):
        if node.value is None:
            return tt.NONE
        if isinstance(node.value, str):
            return parse_annotation(parsed_annotation(node.value), named)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return union([parse_annotation(node.left, named), parse_annotation(node.right, named)])
    if isinstance(node, ast.Subscript):
        return _generic(node, named)
    if isinstance(node, (ast.Name, ast.Attribute)):
        name = ast.unparse(node)
        found = SCALARS.get(name) or SCALARS.get(
            name.rpartition(".")[2] if name.startswith(("torch.", "typing.")) else ""
        )
        found = found or named(name)
        if found is not None:
            return found
    raise NotSupportedError(f"Unknown type name '{ast.unparse(node)}'")


PARAMETERS = {
    **dict.fromkeys(("List", "list", "Optional", "Future", "Final"), 1), **dict.fromkeys(("Dict", "dict"), 2),
}  # fmt: skip
"""How many types these constructors take."""


def _generic(node: ast.Subscript, named: Callable[[str], TorchType | None]) -> TorchType:
    head = ast.unparse(node.value).rpartition(".")[2]
    slices = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    if head in ("Tuple", "tuple"):
        return tt.TupleType(tuple(parse_annotation(s, named) for s in slices if not _is_empty_tuple(s)))
    members = [parse_annotation(s, named) for s in slices]
    if len(members) != PARAMETERS.get(head, len(members)):
        raise NotSupportedError(f"{head} requires {PARAMETERS[head]} type(s); got {len(members)}")
    if head in ("List", "list"):
        return tt.ListType(members[0])
    if head in ("Dict", "dict"):
        return tt.DictType((members[0], members[1]))
    if head == "Optional":
        return optional(members[0])
    if head == "Union":
        return union(members)
    if head == "Future":
        return tt.FutureType(members[0])
    if head == "Final":
        return members[0]
    raise NotSupportedError(f"Unknown type constructor {head}")


def _is_empty_tuple(node: ast.expr) -> bool:
    return isinstance(node, ast.Tuple) and not node.elts


def from_python(annotation: object, class_type: Callable[[type], TorchType | None]) -> TorchType:
    """The type of a live annotation object; `class_type` knows (and compiles) user classes.

    Raises:
        NotSupportedError: it is no TorchScript type.
    """
    bare = next((n for n, cls in BARE.items() if annotation is vars(typing)[n] or annotation is cls), None)
    if bare is not None and annotation is not None:
        raise NotSupportedError(_without_element(bare))
    origin = typing.get_origin(annotation)
    if origin is not None:
        return _from_generic(annotation, origin, class_type)
    if annotation is None or annotation is type(None):
        return tt.NONE
    if annotation is Any:
        return tt.ANY
    if isinstance(annotation, type):
        return _from_class(annotation, class_type)
    raise NotSupportedError(f"Unknown type name '{annotation}'")


BARE: dict[str, type | None] = {"List": list, "Dict": dict, "Tuple": tuple, "Optional": None, "Union": None}
"""Names of `typing` that need a word on what they hold, and the classes that do."""


def _without_element(name: str) -> str:
    if name == "Dict":
        return "Attempted to use Dict without contained types. Please add contained type, e.g. Dict[int, int]"
    return f"Attempted to use {name} without a contained type. Please add a contained type, e.g. {name}[int]"


_FOREIGN_NAMES = {
    "device": "Device", "dtype": "int", "DType": "int", "memory_format": "int", "layout": "int",
    "SymInt": "int", "SymFloat": "float", "SymBool": "bool", "Generator": "Generator", "number": "number",
}  # fmt: skip
"""Classes of PyTorch, and ours, and what TorchScript calls their instances."""


def _from_class(annotation: type, class_type: Callable[[type], TorchType | None]) -> TorchType:
    simple: dict[type, TorchType] = {
        int: tt.INT,
        float: tt.FLOAT,
        bool: tt.BOOL,
        complex: tt.COMPLEX,
        str: tt.STRING,
    }
    if annotation in simple:
        return simple[annotation]
    found = SCALARS.get(_FOREIGN_NAMES.get(annotation.__name__, ""))
    if found is not None and annotation.__module__.split(".")[0] in ("torch", "tsc"):
        return found
    if annotation.__name__ in ("Tensor", "Parameter") and annotation.__module__.split(".")[0] in (
        "torch",
        "tsc",
    ):
        return tt.TENSOR
    if annotation.__module__ == "torch" and annotation.__name__ in LEGACY_TENSORS:
        return tt.TENSOR
    compiled = class_type(annotation)
    if compiled is None:
        raise NotSupportedError(f"Unknown type name '{annotation.__qualname__}'")
    return compiled


def _from_generic(
    annotation: object, origin: object, class_type: Callable[[type], TorchType | None]
) -> TorchType:
    arguments = typing.get_args(annotation)
    if origin is typing.Union or origin is types.UnionType:
        return union([from_python(a, class_type) for a in arguments])
    if origin is tuple:
        if arguments == ((),):
            arguments = ()
        return tt.TupleType(tuple(from_python(a, class_type) for a in arguments))
    members = [from_python(a, class_type) for a in arguments]
    if origin is list:
        return tt.ListType(members[0])
    if origin is dict:
        return tt.DictType((members[0], members[1]))
    if origin is typing.Final:
        return members[0]
    if getattr(origin, "__name__", "") == "Future":
        return tt.FutureType(members[0])
    raise NotSupportedError(f"Unknown type name '{annotation}'")


def infer_type(value: Any, class_type: Callable[[type], TorchType | None]) -> TorchType | None:
    """The type of a live value; None when it has none in TorchScript (an empty list, mixed elements, a
    foreign object).
    """
    simple = {
        bool: tt.BOOL,
        int: tt.INT,
        float: tt.FLOAT,
        complex: tt.COMPLEX,
        str: tt.STRING,
        type(None): tt.NONE,
    }
    if type(value) in simple:
        return simple[type(value)]
    if isinstance(value, enum.Enum):
        return class_type(type(value))
    if isinstance(value, tuple):
        return _infer_tuple(value, class_type)  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, list):
        element = _common([infer_type(v, class_type) for v in value])  # pyright: ignore[reportUnknownVariableType]
        return None if element is None else tt.ListType(element)
    if isinstance(value, dict):
        key = _common([infer_type(k, class_type) for k in value])  # pyright: ignore[reportUnknownVariableType]
        held = _common([infer_type(v, class_type) for v in value.values()])  # pyright: ignore[reportUnknownVariableType]
        return None if key is None or held is None else tt.DictType((key, held))
    name = type(value).__name__
    if type(value).__module__.split(".")[0] in ("torch", "tsc"):
        if name in ("Tensor", "Parameter", "Buffer"):
            return tt.TENSOR
        if name == "device":
            return tt.DEVICE
        if name in ("dtype", "DType", "memory_format", "layout"):
            return tt.INT
    return class_type(cast("type[Any]", type(value)))


def _infer_tuple(value: tuple[Any, ...], class_type: Callable[[type], TorchType | None]) -> TorchType | None:
    members = [infer_type(v, class_type) for v in value]
    return None if any(m is None for m in members) else tt.TupleType(tuple(members))


def _common(members: list[TorchType | None]) -> TorchType | None:
    if not members or any(m is not members[0] for m in members):
        return None
    return members[0]
