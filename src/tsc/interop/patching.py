"""Members of a class or module, replaced for a while: how a trace sees what no dispatcher shows."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

_MISSING: Any = object()


@contextmanager
def patched(owner: Any, replacements: Mapping[str, Any]) -> Generator[None]:
    """`owner` has the members in `replacements` inside, and its own again afterwards."""
    own: Any = owner.__dict__
    before = {name: own.get(name, _MISSING) for name in replacements}
    try:
        for name, value in replacements.items():
            setattr(owner, name, value)
        yield
    finally:
        for name, value in before.items():
            if value is _MISSING:
                if name in vars(owner):
                    delattr(owner, name)
            else:
                setattr(owner, name, value)
