"""Modules of one expression, whose source can be read again, as scripting does."""

from __future__ import annotations

import linecache
from itertools import count
from typing import Any, cast

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody calls it
from torch import nn

_NUMBERS = count()


def module_of(source: str) -> nn.Module:
    """The module ``Timed`` that `source` defines."""
    name = f"<timed {next(_NUMBERS)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    scope: dict[str, Any] = {"torch": torch, "nn": nn, "F": F, "__name__": __name__}
    exec(compile(source, name, "exec"), scope)
    return cast("nn.Module", scope["Timed"]())
