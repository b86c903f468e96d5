"""Writes docs/cli.md from what the verbs of ``python -m tsc`` say of themselves.

python -m tools.cli_page
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tsc.tools.command_line import MISUSED, REFUSED, Verb, found_verbs

PAGE = Path(__file__).parents[1] / "docs/cli.md"
BEGINNING = f"""# The command line

    python -m tsc VERB ...

No verb needs PyTorch. The exit code is 0 where all went well, {REFUSED} where what was asked cannot be done
or is found wrong, {MISUSED} where it makes no sense; errors are one message on the error output.
`python -m tsc VERB --help` says what stands here: this page is written by `make docs`.

"""


def page() -> str:
    """The page, in Markdown."""
    verbs = found_verbs()
    listed = "".join(f"- [`{name}`](#{name}): {_summary(verb)}\n" for name, verb in verbs.items())
    return BEGINNING + listed + "".join(_section(name, verb) for name, verb in verbs.items())


def _summary(verb: Verb) -> str:
    return (verb.__doc__ or "").strip().partition("\n\n")[0].replace("\n", " ")


def _section(name: str, verb: Verb) -> str:
    """What one verb is for, and its options."""
    rest = (verb.__doc__ or "").strip().partition("\n\n")[2]
    paragraphs = [_paragraph(text) for text in rest.split("\n\n") if text]
    parser = argparse.ArgumentParser(add_help=False)
    verb.add_arguments(parser)
    actions: list[Any] = parser._actions
    rows = [f"| `{_spelling(action)}` | {_cell(action.help)} |" for action in actions]
    table = "\n".join(["| argument | |", "|---|---|", *rows])
    return "\n\n".join([f"\n## {name}", _summary(verb), *paragraphs, table]) + "\n"


def _paragraph(text: str) -> str:
    """Lines that begin with two spaces are commands."""
    lines = text.strip("\n").splitlines()
    is_code = lines[0].startswith("  ")
    return "\n".join(f"  {line}" if is_code else line for line in lines)


def _spelling(action: Any) -> str:
    if not action.option_strings:
        return action.dest
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    return ", ".join(action.option_strings) + value


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("%%", "%")


if __name__ == "__main__":
    PAGE.write_text(page())
