# pyright: reportUnknownMemberType=false
"""Replays the compilations of the test models and programs, to see what a change of the compiler changes.

``python -m tools.replay record before`` writes the IR after every pass, the LLVM IR and the generated Python
of each, or the error it is refused with; after the change ``record after``, then ``compare before after``
names every file that differs and shows the first lines that do. A refactoring changes none.
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, cast

ROOT = Path(__file__).parents[1]
PROGRAMS = ROOT / "tests/frontend"
SHOWN = 12
"""Lines of the first difference of a file."""


def subjects() -> Iterator[tuple[str, Callable[[], Any], list[Any]]]:
    """Name, what makes the program, and arguments, of everything that is compiled."""
    from tests import models

    for name in models.MODELS:
        yield name, partial(models.make, name), list(models.example_inputs(name))
    sys.path.insert(0, str(PROGRAMS))
    for file in sorted(PROGRAMS.glob("programs_*.py")):
        cases: list[tuple[Any, ...]] = getattr(importlib.import_module(file.stem), "CASES", [])
        for number, (program, *arguments) in enumerate(cases):
            make = program if isinstance(program, type) else partial(_itself, program)
            yield f"{file.stem}-{number}-{program.__name__}", make, list(arguments)


def _itself(program: Any) -> Any:
    return program


def record(folder: Path) -> None:
    """Compile and call everything once, writing what is made of it."""
    import torch

    if folder.exists():
        raise SystemExit(f"{folder} exists")
    for name, make, arguments in subjects():
        begin = time.perf_counter()
        torch.manual_seed(0)
        refused = _compiled(make, arguments, folder / name)
        print(f"{time.perf_counter() - begin:6.1f} s  {name}{refused and f': {refused}'}", flush=True)


def _compiled(make: Callable[[], Any], arguments: list[Any], folder: Path) -> str:
    """Compile one program and call it, writing what is made of it. Some are there to be refused, or to raise:
    how is written too, and returned.
    """
    import torch

    import tsc

    with tsc.dump_ir(folder):
        try:
            scripted: Any = tsc.script(make())
            if isinstance(scripted, torch.nn.Module) and not scripted.training:
                scripted = tsc.freeze(cast("Any", scripted))
            scripted(*arguments)
        except Exception as error:
            raised = folder / "raised-program"
            raised.mkdir(parents=True, exist_ok=True)
            (raised / "error.txt").write_text(f"{type(error).__name__}: {error}\n")
            return type(error).__name__
    return ""


def texts(folder: Path) -> dict[str, Path]:
    """The files of a recording by what they are: the numbers of a process's compilations do not count."""
    found: dict[str, Path] = {}
    for name in sorted(p for p in folder.iterdir() if p.is_dir()):
        for number, compilation in enumerate(sorted(name.iterdir())):
            label = compilation.name.partition("-")[2]
            for file in sorted(compilation.iterdir()):
                if file.suffix != ".npz":
                    found[f"{name.name}/{number}-{label}/{file.name}"] = file
    return found


def compare(before: Path, after: Path) -> int:
    """Print the files that differ; how many there are."""
    old, new = texts(before), texts(after)
    differing = 0
    for key in sorted(old.keys() | new.keys()):
        if key not in old or key not in new:
            print(f"{key}: only {'before' if key in old else 'after'}")
            differing += 1
        elif old[key].read_bytes() != new[key].read_bytes():
            print(f"{key}: differs")
            first, second = (p.read_text().splitlines() for p in (old[key], new[key]))
            for line in islice(difflib.unified_diff(first, second, lineterm="", n=0), 2, 2 + SHOWN):
                print(f"    {line:.160}")
            differing += 1
    print(f"{differing} of {len(old.keys() | new.keys())} files differ")
    return differing


def main() -> int:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.replay",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("record", help="compile and write").add_argument("folder", type=Path)
    comparing = commands.add_parser("compare", help="show what differs; exit status 1 if anything does")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if given.command == "record":
        if os.environ.get("PYTHONHASHSEED") != "0":  # some programs compute hashes of strings
            return subprocess.call(
                [sys.executable, *sys.orig_argv[1:]], env={**os.environ, "PYTHONHASHSEED": "0"}
            )
        record(given.folder)
        return 0
    return 1 if compare(given.before, given.after) else 0


if __name__ == "__main__":
    sys.exit(main())
