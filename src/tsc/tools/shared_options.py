"""The options that verbs have in common, and what they ask for: a method of a module, and its arguments."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tsc.errors import ArgumentError

Made = TypeVar("Made")


def add_archive(parser: argparse.ArgumentParser) -> None:
    """The archive."""
    parser.add_argument("archive", help="a .pt file written by torch.jit.save or tsc.save")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Machine-readable output."""
    parser.add_argument("--json", action="store_true", help="print JSON, with the keys above, and no text")


def add_method(parser: argparse.ArgumentParser, inputs: str) -> None:
    """A method of an archive's module, and what its arguments are; `inputs` says what an argument may be."""
    add_archive(parser)
    parser.add_argument("--method", metavar="NAME", default="forward", help="the method (default: forward)")
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="SPEC",
        help=f"an argument of the method, in their order: {inputs}",
    )


def add_call(parser: argparse.ArgumentParser) -> None:
    """A method of an archive's module, and the values it is called with."""
    files = "or a .npy file; or one .npz file for all arguments, by their names or in their order"
    add_method(parser, f"as for compile, with random elements; {files}")
    parser.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of the random elements (default: 0)"
    )
    parser.add_argument(
        "--threads", type=int, metavar="N", help="threads of native code (default: see doctor)"
    )


def output_path(name: str) -> Path:
    """Where ``--output`` is to be written: asked before the work is done.

    Raises:
        ArgumentError: its folder is not there.
    """
    path = Path(name)
    if not path.parent.is_dir():
        raise ArgumentError(f"--output: requires a folder that is there; got {path.parent}")
    return path


def add_repeats(parser: argparse.ArgumentParser, times: int, warmup: int) -> None:
    """How often the method is called; `require_repeats` looks at it."""
    parser.add_argument(
        "--times", type=int, default=times, metavar="N", help=f"measured calls (default: {times})"
    )
    parser.add_argument(
        "--warmup", type=int, default=warmup, metavar="N", help=f"calls before (default: {warmup})"
    )


def require_repeats(options: argparse.Namespace) -> None:
    """Refuse numbers of calls that nothing can be measured by.

    Raises:
        ArgumentError: one is too small.
    """
    for name, least in (("times", 1), ("warmup", 0)):
        if getattr(options, name) < least:
            raise ArgumentError(
                f"--{name}: requires a number of at least {least}; got {getattr(options, name)}"
            )


def add_unfrozen(parser: argparse.ArgumentParser) -> None:
    """The module as it is in the archive."""
    parser.add_argument(
        "--unfrozen", action="store_true", help="do not freeze the module: it runs as it was loaded"
    )


@dataclass
class Subject:
    """A method of a module, as a verb's options ask for it."""

    module: Any
    """Frozen, or as it is in the archive."""
    method: Any
    """A `tsc.programs.script_functions.ScriptMethod`."""
    arguments: list[Any]
    load_seconds: float
    optimize_seconds: float

    def __call__(self) -> Any:
        """Call the method."""
        return self.method(*self.arguments)

    def tier(self) -> tuple[str, str | None]:
        """What the last call was, ``native``, ``mixed`` or ``generic``, and why it was not native."""
        whole = [info for info in self.method.specializations() if info.method == self.method.name]
        if not whole:
            return "generic", "nothing is compiled for such a call, or not yet: see explain"
        return whole[-1].tier, whole[-1].reason


def timed(make: Callable[[], Made]) -> tuple[Made, float]:
    """What `make` gives, and how many seconds it took."""
    begin = time.perf_counter()
    made = make()
    return made, time.perf_counter() - begin


def subject(options: argparse.Namespace, *, is_frozen: bool) -> Subject:
    """The method that the options name, loaded and, if asked for, frozen.

    Raises:
        ArgumentError: there is no such method, or the inputs are not for it.
        TscError: the archive cannot be read, or not be frozen.
        OSError: a file cannot be read.
    """
    from tsc.ahead.arguments import require_method
    from tsc.jit import freeze, load
    from tsc.runtime.threads import set_num_threads
    from tsc.tools.argument_values import argument_values

    if options.threads is not None:
        set_num_threads(options.threads)
    read, load_seconds = timed(lambda: load(options.archive))
    loaded: Any = read
    name: str = options.method
    require_method(loaded._object.cls.methods, name)
    arguments = argument_values(loaded._method(name), options.input, options.seed)
    others = [name] if name != "forward" else []
    frozen, seconds = timed(lambda: freeze(loaded.eval(), others)) if is_frozen else (loaded, 0.0)
    module: Any = frozen
    return Subject(module, module._method(name), arguments, load_seconds, seconds)
