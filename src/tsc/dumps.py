"""Writes the IR of every stage of every compilation to a folder: ``TSC_DUMP=dir`` or ``with
tsc.dump_ir(dir):``.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass

from tsc.dialects.constants import ConstantPool
from tsc.options import options

LARGEST_WEIGHTS = 64 << 20
"""Bytes up to which constant arrays are written beside the IR, so that `tsc-opt` can compile from a dump."""
_NUMBERS = itertools.count(1)


@contextmanager
def dump_ir(folder: str | Path) -> Generator[Path, None, None]:
    """Write every stage of the compilations inside the ``with`` block to `folder`, numbered, named after
    stage and pass.
    """
    previous = options().dump_folder
    options().dump_folder = str(folder)
    try:
        yield Path(folder)
    finally:
        options().dump_folder = previous


def stage_watcher(label: str, pool: ConstantPool) -> Any:
    """A watcher for `pipeline.lower` that writes the module after each pass; None when nothing is to be
    dumped.
    """
    folder = options().dump_folder
    if folder is None:
        return None
    name = re.sub(r"\W+", "_", label).strip("_")
    target = Path(folder) / f"{next(_NUMBERS):03d}-{name}"
    target.mkdir(parents=True, exist_ok=True)
    numbers = itertools.count()
    if pool.size_bytes <= LARGEST_WEIGHTS:
        np.savez(target / "weights.npz", **dict(pool.items()))  # pyright: ignore[reportArgumentType] - names are free

    def watch(stage: str, compiler_pass: ModulePass, module: ModuleOp) -> None:
        file = target / f"{next(numbers):02d}-{stage}-{compiler_pass.name}.mlir"
        file.write_text(str(module) + "\n", encoding="utf-8")

    return watch
