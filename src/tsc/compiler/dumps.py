"""Writes every stage of every compilation to a folder: ``TSC_DUMP=dir`` or ``with tsc.dump_ir(dir):``."""

from __future__ import annotations

import itertools
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from tsc.dialects.constants import ConstantPool
from tsc.dialects.mlir_text import mlir_text
from tsc.options import options

LARGEST_WEIGHTS = 64 << 20
"""Bytes up to which constant arrays are written beside the IR, so that `tsc-opt` can compile from a dump."""
_NUMBERS = itertools.count(1)


@contextmanager
def dump_ir(folder: str | Path) -> Generator[Path, None, None]:
    """Write every stage of the compilations inside the ``with`` block to `folder`: a folder for each, in it
    the IR after each pass (numbered, named after stage and pass), the LLVM IR and the generated Python.
    """
    previous = options().dump_folder
    options().dump_folder = str(folder)
    try:
        yield Path(folder)
    finally:
        options().dump_folder = previous


class Dump:
    """The folder of one compilation; a watcher for `pipeline.lower`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = itertools.count()

    @staticmethod
    def begin(label: str, pool: ConstantPool) -> Dump | None:
        """A folder for the compilation of `label`, whose constants are in `pool`; None when nothing is to be
        dumped.
        """
        root = options().dump_folder
        if root is None:
            return None
        name = re.sub(r"\W+", "_", label).strip("_")
        folder = Path(root) / f"{next(_NUMBERS):03d}-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        if pool.size_bytes <= LARGEST_WEIGHTS:
            np.savez(folder / "weights.npz", **dict(pool.items()))  # pyright: ignore[reportArgumentType] - names are free
        return Dump(folder)

    def __call__(self, stage: str, compiler_pass: ModulePass, module: ModuleOp) -> None:
        """Write the module after a pass."""
        self.write(f"{stage}-{compiler_pass.name}.mlir", mlir_text(module) + "\n")

    def write(self, name: str, text: str) -> None:
        """Write the next file."""
        (self.folder / f"{next(self.count):02d}-{name}").write_text(text, encoding="utf-8")
