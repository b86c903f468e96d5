"""Cases as files: a program as MLIR text, its arguments and constants beside it, and a Python test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.func import FuncOp
from xdsl.parser import Parser

from tsc.compiler.cases import Case, Fault, values_of
from tsc.dialects.constants import ConstantPool
from tsc.dialects.context import make_context
from tsc.errors import NotSupportedError
from tsc.frontend.unit import Unit
from tsc.runtime.descriptions import describe, flatten

WEIGHT, ARGUMENT = "weight.", "argument."
"""What the names of arrays begin with."""

TEST = '''\
"""Holds the compiler to a program that it once got wrong."""

{comments}
from pathlib import Path

from tsc.tools.case_files import read_case


def test_no_pass_changes_what_the_program_does() -> None:
    assert read_case(Path(__file__).with_name({file!r})).first_fault() is None
'''


def write_case(case: Case, fault: Fault, output: str) -> list[str]:
    """Write ``output.mlir``, ``output.npz`` and a test; their names.

    Raises:
        NotSupportedError: an argument cannot be written.
        OSError: a file cannot be written.
    """
    key = [describe(value) for value in case.values]
    if any(text is None for text in key):
        raise NotSupportedError(
            "--output: requires arguments of tensors, numbers, strings, and such in lists"
        )
    folder, name = Path(output).parent, Path(output).name
    text = str(case.module)
    said = fault.text.splitlines()  # it may hold texts of the program: they are to stay comments
    arrays: dict[str, Any] = {
        f"{WEIGHT}{key}": array for key, array in case.pool.items() if f"dense_resource<{key}>" in text
    }
    arrays |= {f"{ARGUMENT}{number}": array for number, array in enumerate(flatten(case.values))}
    facts = {"key": np.array(key, str), "whole": case.is_whole, "fuses": case.fuses_contractions}
    program, data, test = folder / f"{name}.mlir", folder / f"{name}.npz", folder / f"test_{name}.py"
    program.write_text("".join([*(f"// {line}\n" for line in said), text, "\n"]), encoding="utf-8")
    np.savez(data, **facts, **arrays)
    comments = "\n".join(f"# {line}" for line in said)
    test.write_text(TEST.format(comments=comments, file=program.name), encoding="utf-8")
    return [str(program), str(data), str(test)]


def read_case(path: Path) -> Case:
    """The case that was written to a ``.mlir`` file and the ``.npz`` file beside it.

    Raises:
        OSError: one of them cannot be read.
    """
    pool = ConstantPool()
    with np.load(path.with_suffix(".npz")) as held:
        arrays = {name: _own_dtype(held[name]) for name in held.files}
    for name, array in arrays.items():
        if name.startswith(WEIGHT):
            pool.set(name.removeprefix(WEIGHT), array)
    count = sum(name.startswith(ARGUMENT) for name in arrays)
    given = [arrays[f"{ARGUMENT}{number}"] for number in range(count)]
    module = _parsed(path, pool)
    function = next(op for op in module.ops if isinstance(op, FuncOp))
    unit, key = Unit(), [str(text) for text in arrays["key"]]
    return Case(
        module, function.sym_name.data, pool, values_of(key, given), unit, unit.call,
        bool(arrays["whole"]), bool(arrays["fuses"]),
    )  # fmt: skip


def _parsed(path: Path, pool: ConstantPool) -> ModuleOp:
    return Parser(make_context(pool), path.read_text(encoding="utf-8"), str(path)).parse_module()


def _own_dtype(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An array as it was saved: files of NumPy know no bfloat16."""
    return array.view(ml_dtypes.bfloat16) if array.dtype.kind == "V" else array
