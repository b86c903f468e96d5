"""All passes by name, found by walking the folder, and pipelines written as text."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from typing import Any, cast

from xdsl.passes import ModulePass
from xdsl.utils.arg_spec import parse_pipeline as parse_specs
from xdsl.utils.exceptions import ArgSpecParseError

import tsc.passes
from tsc.errors import ArgumentError

ALIASES = {
    "inline-constants": "propagate-constants",
    "dce": "eliminate-dead-code",
    "cse": "eliminate-common-subexpressions",
}
"""Other names people know passes by."""


@cache
def available_passes() -> dict[str, type[ModulePass]]:
    """Every pass of `tsc.passes` by its name."""
    found: dict[str, type[ModulePass]] = {}
    for info in pkgutil.iter_modules(tsc.passes.__path__):
        if info.ispkg:
            continue
        module: Any = importlib.import_module(f"tsc.passes.{info.name}")
        members = cast("dict[str, Any]", vars(module))
        name = info.name.replace("_", "-")
        cls = next(
            (
                c
                for c in members.values()
                if isinstance(c, type) and issubclass(c, ModulePass) and getattr(c, "name", None) == name
            ),
            None,
        )
        if cls is not None:
            found[name] = cls
    return found


def parse_pipeline(text: str) -> list[ModulePass]:
    r"""The passes a pipeline such as ``"inline,freeze{preserved-attrs=\"scale\"}"`` names.

    Raises:
        ArgumentError: there is no pass of a name, or an option does not fit.
    """
    known = available_passes()
    made: list[ModulePass] = []
    try:
        specs = list(parse_specs(text))
    except ArgSpecParseError as error:
        raise ArgumentError(f"--passes: {error}") from None
    for spec in specs:
        name = ALIASES.get(spec.name, spec.name)
        if name not in known:
            raise ArgumentError(f"no pass {spec.name!r}; passes are {', '.join(sorted(known))}")
        try:
            made.append(known[name].from_pass_spec(type(spec)(name, spec.parameters)))
        except (ValueError, TypeError, AttributeError) as error:
            raise ArgumentError(f"pass {name}: {error}") from None
    return made


def split_top_level(text: str, separator: str) -> list[str]:
    """Split at `separator` outside brackets."""
    parts: list[str] = []
    depth, start = 0, 0
    for i, c in enumerate(text):
        depth += (c in "[<") - (c in "]>")
        if c == separator and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    return [*parts, text[start:].strip()]
