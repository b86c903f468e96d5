# pyright: reportUnknownMemberType=false
"""Libraries made in a test, and the C program that calls them."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tsc
from tsc import dtypes
from tsc.ahead import LibraryRequest, MethodRequest, build_library, linker
from tsc.ahead.levels import Level, level

Array = np.ndarray[Any, Any]
COMPILER = shutil.which("cc")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="requires a C compiler, cc")
CODES = {dtype.code: dtype for dtype in dtypes.ALL}
RESET, END = -1, -2


@dataclass(frozen=True)
class Answer:
    """What a call gave."""

    status: int
    text: str
    outputs: Sequence[Array] = ()
    inputs: Sequence[Array] = ()


@dataclass(frozen=True)
class Call:
    """A call: of the method with this number."""

    inputs: Sequence[Array]
    method: int = 0
    output_count: int = 1
    outputs: Sequence[tuple[str, tuple[int, ...]]] | None = None
    """The dtypes and shapes that the caller says that they have; None: the library says."""


class Client:
    """A library, and a C program that calls it."""

    def __init__(self, folder: Path, methods: Sequence[str], archive: Path) -> None:
        self.folder = folder
        self.archive = archive
        self.program = folder / "call"
        table = " ".join(f"X({name})" for name in methods)
        compile_c(Path(__file__).with_name("call.c"), self.program, folder, [f"-DMETHODS={table}"])

    def python(self) -> Any:
        """The model in Python."""
        return tsc.optimize_for_inference(tsc.load(str(self.archive)))

    def run(
        self, *calls: Call | int, threads: int = 1, arguments: Sequence[str] = (), under: Sequence[str] = ()
    ) -> list[Answer]:
        """What the creation of an instance and each call gave."""
        given = b"".join(_packed(call) for call in (*calls, END))
        made = subprocess.run(
            [*under, str(self.program), str(threads), *arguments],
            input=given,
            capture_output=True,
            check=False,
        )
        assert made.returncode == 0, (made.returncode, made.stderr.decode()[-2000:])
        return list(_answers(made.stdout, calls))

    def results(self, *calls: Call | int, threads: int = 1) -> list[Sequence[Array]]:
        """The outputs of calls that go well."""
        answers = self.run(*calls, threads=threads)
        assert all(answer.status == 0 for answer in answers), [answer.text for answer in answers]
        return [answer.outputs for answer in answers[1:]]


def compile_c(source: Path, program: Path, folder: Path, options: Sequence[str] = ()) -> None:
    """Compile a C program against ``libmodel.so`` in `folder`, with all warnings as errors."""
    assert COMPILER is not None
    warnings = ["-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", "-O1", "-g"]
    files = [f"-I{folder}", str(source), str(folder / "libmodel.so"), f"-Wl,-rpath,{folder}", "-lm"]
    subprocess.run([COMPILER, *warnings, *options, *files, "-o", str(program)], check=True)


LINKERS = ("cc", "ld", None)
"""Those of the system that are tried, and none, for which there is our own."""


def use_linker(monkeypatch: pytest.MonkeyPatch, name: str | None) -> None:
    """Let libraries be linked by this one."""
    path = None if name is None else shutil.which(name)
    if name is not None and path is None:
        pytest.skip(f"requires {name}")
    monkeypatch.setattr(linker, "system_linker", lambda: path)


def library(
    folder: Path, module: torch.nn.Module, methods: Mapping[str, Sequence[str]], *,
    levels: Sequence[str | Level] = ("native",), weights: str | None = None,
) -> Client:  # fmt: skip
    """A library of a module of PyTorch, with these methods and inputs."""
    archive = folder / "model.pt"
    torch.jit.save(torch.jit.script(module.eval()), str(archive))
    requests = [MethodRequest(name, inputs) for name, inputs in methods.items()]
    made = [n if isinstance(n, Level) else level(n) for n in levels]
    file = None if weights is None else folder / weights
    build_library(
        tsc.load(str(archive)), LibraryRequest(requests, made, folder / "libmodel.so", "model", file)
    )
    return Client(folder, list(methods), archive)


def _tensor(dtype: str, shape: Sequence[int]) -> bytes:
    return struct.pack(f"<ii{len(shape)}q", dtypes.by_name(dtype).code, len(shape), *shape)


def _packed(call: Call | int) -> bytes:
    if isinstance(call, int):
        return struct.pack("<i", call)
    parts = [struct.pack("<ii", call.method, len(call.inputs))]
    for array in call.inputs:
        parts.append(_tensor(dtypes.by_numpy(array.dtype).name, array.shape))
        parts.append(struct.pack("<q", array.nbytes) + array.tobytes())
    if call.outputs is None:
        parts.append(struct.pack("<ii", -1, call.output_count))
    else:
        parts.append(struct.pack("<i", len(call.outputs)))
        parts += [_tensor(dtype, shape) for dtype, shape in call.outputs]
    return b"".join(parts)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0

    def take(self, count: int) -> bytes:
        self.place += count
        assert self.place <= len(self.data)
        return self.data[self.place - count : self.place]

    def numbers(self, pattern: str) -> tuple[int, ...]:
        return struct.unpack(f"<{pattern}", self.take(struct.calcsize(f"<{pattern}")))

    def array(self) -> Array:
        code, ndim = self.numbers("ii")
        shape, dtype = self.numbers(f"{ndim}q"), CODES[code].numpy
        return np.frombuffer(self.take(int(np.prod(shape)) * dtype.itemsize), dtype).reshape(shape)


def _answers(data: bytes, calls: Sequence[Call | int]) -> list[Answer]:
    reader, found = _Reader(data), list[Answer]()
    for call in (RESET, *calls):
        if reader.place == len(data):
            break  # there is no instance
        status, length = reader.numbers("ii")
        text = reader.take(length).decode()
        if isinstance(call, int) or status:
            found.append(Answer(status, text))
            continue
        count = call.output_count if call.outputs is None else len(call.outputs)
        outputs = [reader.array() for _ in range(count)]
        found.append(Answer(status, text, outputs, [reader.array() for _ in call.inputs]))
    assert reader.place == len(data)
    return found


def exported(file: Path) -> set[str]:
    """The names that a library exports, as ``nm`` lists them."""
    environment = {**os.environ, "LC_ALL": "C"}
    listed = subprocess.run(
        ["nm", "-D", "--defined-only", str(file)], capture_output=True, text=True, check=True, env=environment
    )
    return {line.split()[-1] for line in listed.stdout.splitlines()}
