"""All passes by name, found by walking the folder, those of xDSL, and pipelines written as text."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from functools import cache
from typing import Any, cast

from xdsl.passes import ModulePass
from xdsl.universe import Universe
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


def known_names() -> set[str]:
    """What passes may be called: ours, our other names for them, and those of xDSL and what extends it."""
    return {"fixed-point", *available_passes(), *ALIASES, *Universe.get_multiverse().all_passes}


def pass_class(name: str) -> type[ModulePass]:
    """The class of a pass: ours, else xDSL's.

    Raises:
        ArgumentError: there is none of that name.
    """
    own = available_passes().get(ALIASES.get(name, name))
    if own is not None:
        return own
    if name not in Universe.get_multiverse().all_passes:
        near = difflib.get_close_matches(name, sorted(known_names()), 1)
        raise ArgumentError(
            f"no pass {name!r} (--list-passes lists them){''.join(f'; is it {n}?' for n in near)}"
        )
    return Universe.get_multiverse().all_passes[name]()


def parse_pipeline(text: str) -> list[ModulePass]:
    r"""The passes a pipeline such as ``"inline,freeze{preserved-attrs=\"scale\"}"`` names.

    Raises:
        ArgumentError: there is no pass of a name, or an option does not fit.
    """
    made: list[ModulePass] = []
    try:
        specs = list(parse_specs(text))
    except ArgSpecParseError as error:
        raise ArgumentError(f"--passes: {error}") from None
    for spec in specs:
        found = pass_class(spec.name)
        try:
            made.append(found.from_pass_spec(type(spec)(found.name, spec.parameters)))
        except (ValueError, TypeError, AttributeError) as error:
            raise ArgumentError(f"pass {found.name}: {error}") from None
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
