"""Paths of attributes, as the passes `lift-state` and `split-containers` write them, into the names they
are made of: ``inner.cache['a.b']`` is the entry ``'a.b'`` of the dict `cache` of the object `inner`.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

Key = str | int
_ENTRY = re.compile(r"""(?P<names>.+?)\[(?P<key>-?\d+|'.*'|".*")\]""", re.DOTALL)


@dataclass(frozen=True)
class AttributePath:
    """The objects on the way to an attribute, its name, and the key where it is an entry of a dict."""

    objects: tuple[str, ...]
    name: str
    key: Key | None = None

    @classmethod
    def parse(cls, text: str) -> AttributePath:
        """The path that `text` spells."""
        entry = _ENTRY.fullmatch(text)
        *objects, name = (text if entry is None else entry["names"]).split(".")
        return cls(tuple(objects), name, None if entry is None else ast.literal_eval(entry["key"]))

    @property
    def last(self) -> str:
        """The name without the objects: ``cache['cpu']``."""
        return self.name if self.key is None else f"{self.name}[{self.key!r}]"

    def prefixes(self) -> list[str]:
        """The paths of the objects on the way."""
        return [".".join(self.objects[:count]) for count in range(1, len(self.objects) + 1)]
