"""Types and constants as PyTorch spells them, in graphs (``int[]``) and in code (``List[int]``)."""

from __future__ import annotations

import math

from tsc.dialects import torch_types as tt
from tsc.dialects.torch_types import TorchType

_ESCAPES = {
    "\\": "\\\\", "'": "\\'", '"': '\\"', "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r",
    "\t": "\\t", "\v": "\\v",
}  # fmt: skip
INTEGRAL_LIMIT = 1e10
"""Whole floats below this are written ``3.``; larger ones with 17 digits."""


class FunctionType(TorchType):
    """The type of a function constant; `data` is its qualified name. It occurs in graphs only."""

    keyword = "function"

    def torchscript(self) -> str:
        """``Function``."""
        return "Function"


def code_type(kind: TorchType) -> str:
    """A type as code spells it: ``Optional[Tensor]``, ``List[int]``, ``number`` for a Scalar."""
    if isinstance(kind, (tt.ListType, tt.OptionalType, tt.FutureType)):
        head = {"list": "List", "optional": "Optional", "future": "Future"}[kind.keyword]
        return f"{head}[{code_type(kind.data)}]"
    if isinstance(kind, (tt.TupleType, tt.UnionType)):
        return f"{kind.spelling}[{', '.join(code_type(t) for t in kind.data) or '()'}]"
    if isinstance(kind, tt.DictType):
        return f"Dict[{code_type(kind.key)}, {code_type(kind.value)}]"
    return "number" if kind is tt.NUMBER else kind.torchscript()


def quoted(text: str) -> str:
    """A string in double quotes, everything but printable ASCII escaped."""
    parts = ['"']
    for byte in text.encode("utf-8", "surrogatepass"):
        character = chr(byte)
        if character in _ESCAPES:
            parts.append(_ESCAPES[character])
        else:
            parts.append(character if 32 <= byte < 127 else f"\\{byte:03o}")
    return "".join([*parts, '"'])


def float_text(value: float) -> str:
    """A float that reads back as the same float, never as an int: ``1.``, ``0.10000000000000001``."""
    if math.isnan(value) or math.isinf(value):
        return str(value)
    if abs(value) < INTEGRAL_LIMIT and value == int(value):
        return ("-" if math.copysign(1.0, value) < 0 else "") + f"{abs(int(value))}."
    text = f"{value:.17g}"
    return text if any(c in text for c in ".e") else f"{text}."


def complex_text(value: complex) -> str:
    """``1.+2.j``."""
    imaginary = float_text(value.imag)
    sign = "" if imaginary.startswith("-") else "+"
    return f"{float_text(value.real)}{sign}{imaginary}j"


def scalar_text(value: object) -> str:
    """A number, string or None as code spells it."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, complex):
        return complex_text(value)
    return quoted(value) if isinstance(value, str) else str(value)
