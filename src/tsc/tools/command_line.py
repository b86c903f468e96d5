"""``python -m tsc VERB ...``: each verb is a file of `tsc.tools.verbs`."""

from __future__ import annotations

import argparse
import pkgutil
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Protocol, cast

import tsc
from tsc.errors import ArgumentError, TscError
from tsc.tools import verbs
from tsc.tools.console import INTERRUPTED, show
from tsc.tools.reports import Finding

REFUSED, MISUSED = 1, 2
"""Exit codes: what was asked cannot be done, or is found wrong; what was asked makes no sense."""


class Verb(Protocol):
    """What the module of a verb has; its name is the verb, its docstring the help."""

    __doc__: str | None

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        ...

    def run(self, options: argparse.Namespace) -> str | Finding:
        """Do it; the text to print, and whether all is well where that is the question.

        Raises:
            ArgumentError: what was asked makes no sense.
            TscError: it cannot be done.
            OSError: a file cannot be read or written.
        """
        ...


def found_verbs() -> dict[str, Verb]:
    """All verbs, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(verbs.__path__))
    return {name: cast("Verb", import_module(f"{verbs.__name__}.{name}")) for name in names}


def parser(known: dict[str, Verb]) -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tsc", description=tsc.__doc__)
    made.add_argument("--version", action="version", version=f"tsc {tsc.__version__}")
    listed = made.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, verb in known.items():
        text = (verb.__doc__ or "").strip()
        summary, _, rest = text.partition("\n\n")
        own: argparse.ArgumentParser = listed.add_parser(
            name,
            help=summary.replace("\n", " "),
            description=summary,
            epilog=rest,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.add_arguments(own)
        own.set_defaults(refuse=own.error)
    return made


def parsed(arguments: Sequence[str], known: dict[str, Verb]) -> argparse.Namespace:
    """What was asked. Where it makes no sense, the process ends with what there is to ask for."""
    made = parser(known)
    if arguments and not arguments[0].startswith("-") and arguments[0] not in known:
        near = get_close_matches(arguments[0], known, 1)
        meant = f": did you mean {near[0]}?" if near else ";"
        made.error(f"no verb {arguments[0]!r}{meant} verbs are {', '.join(known)}")
    options, rest = made.parse_known_args(arguments)
    if rest:
        options.refuse(f"unrecognized arguments: {' '.join(rest)}")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """The entry point; the exit code."""
    known = found_verbs()
    options = parsed(sys.argv[1:] if arguments is None else arguments, known)
    try:
        return _run(known[options.verb], options)
    except KeyboardInterrupt:
        print(f"{options.verb}: interrupted", file=sys.stderr)
        return INTERRUPTED


def _run(verb: Verb, options: argparse.Namespace) -> int:
    """Run a verb, print what it says, and give the exit code."""
    try:
        said = verb.run(options)
        text, is_well = (said.text, said.is_well) if isinstance(said, Finding) else (said, True)
        show(text)
    except TscError as error:
        print(f"{options.verb}: error: {str(error).removeprefix(f'{options.verb}: ')}", file=sys.stderr)
        return MISUSED if isinstance(error, ArgumentError) else REFUSED
    except OSError as error:
        file = "" if error.filename is None else f"{error.filename}: "
        print(f"{options.verb}: error: {file}{error.strerror or error}", file=sys.stderr)
        return REFUSED
    return 0 if is_well else REFUSED
