"""Say what of a method is native code, and what runs in Python and why, for particular inputs.

  python -m tsc explain model.pt --input 1x3x224x224xf32
  python -m tsc explain model.pt --input 1x3x224x224xf32 --unfrozen

Each operator has its source line; those that are folded are left out of the text, and in the JSON. Then the
method is called, and what was compiled for that is listed, with the guards under which it is used.

Keys of --json: function, runs (native, mixed or generic), reason, kernels, arguments (name, text),
operators (operator, runs, kernels, reason, stack: file, line, source; innermost first), specializations
(method, arguments, guards, runs, reason, cause, hits, kernels, arena_bytes, code_bytes).
"""

from __future__ import annotations

import argparse
from typing import Any

from tsc.tools.shared_options import add_call, add_json, add_unfrozen, subject


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_call(parser)
    add_unfrozen(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> str:
    """The tables.

    Raises:
        TscError: the archive, the inputs or the program are the cause.
    """
    from tsc.options import options as settings
    from tsc.tools.reports import as_json

    called = subject(options, is_frozen=not options.unfrozen)
    found = called.method.explain(called.arguments, {})
    for _ in range(1 + settings().profiled_runs if options.unfrozen else 1):
        called()  # what is not frozen is compiled after that many calls
    made = called.method.specializations()
    return as_json(_report(found, made)) if options.json else f"{found}\n\n{made}\n"


def _report(found: Any, made: Any) -> dict[str, Any]:
    return {
        "function": found.function,
        "runs": found.tier,
        "reason": found.reason,
        "kernels": found.kernels,
        "arguments": [_argument(argument) for argument in found.arguments],
        "operators": [
            {
                "operator": operator.operator,
                "runs": operator.runs,
                "kernels": operator.kernels,
                "reason": operator.reason,
                "stack": [
                    {"file": place.file, "line": place.line, "source": place.text.strip()}
                    for place in operator.stack
                ],
            }
            for operator in found.operators
        ],
        "specializations": [_specialization(info) for info in made],
    }


def _argument(argument: Any) -> dict[str, Any]:
    return {"name": argument.name, "text": argument.text}


def _specialization(info: Any) -> dict[str, Any]:
    return {
        "method": info.method,
        "arguments": [_argument(argument) for argument in info.arguments],
        "guards": info.guards,
        "runs": info.tier,
        "reason": info.reason,
        "cause": info.cause,
        "hits": info.hits,
        "kernels": info.kernels,
        "arena_bytes": info.arena_bytes,
        "code_bytes": info.code_bytes,
    }
