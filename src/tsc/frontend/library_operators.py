"""Operators of libraries beside PyTorch's own: what their schemas are, those libraries say."""

from __future__ import annotations

from tsc.dialects import schema as schemas
from tsc.interop import torch_libraries


def is_operator(name: str) -> bool:
    """Whether ``mine::twice`` is an operator: of PyTorch's own, of `tsc.library`, or one that a library has
    registered with PyTorch by now, where that is imported.
    """
    found = [] if schemas.is_own(name) else torch_libraries.schemas_of(name)
    if found:
        schemas.set_overloads(name, [schemas.parse(text) for text in found])
    return bool(schemas.overloads(name))
