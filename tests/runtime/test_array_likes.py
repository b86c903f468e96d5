# pyright: reportUnknownMemberType=false, reportArgumentType=false
"""What people have in place of arrays is taken as arguments; errors about float64 say what to do."""

from __future__ import annotations

import array
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tsc
from tsc.errors import ArgumentError, DTypeError
from tsc.runtime.array_likes import array_like

PLAIN = np.array([[1.0, 2.0, 3.0]], np.float32)


class Frame:
    """As pandas has it: nothing but ``__array__``."""

    def __init__(self, data: np.ndarray[Any, Any]) -> None:
        self.data = data

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return self.data if dtype is None else self.data.astype(dtype)


class Image:
    """As PIL has it."""

    def __init__(self, data: np.ndarray[Any, Any]) -> None:
        self.data = data

    @property
    def __array_interface__(self) -> dict[str, Any]:
        return self.data.__array_interface__


class Exchanged:
    """DLPack alone."""

    def __init__(self, data: np.ndarray[Any, Any]) -> None:
        self.data = data

    def __dlpack__(self, **options: Any) -> Any:
        return self.data.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.data.__dlpack_device__()


class Elsewhere(Exchanged):
    """Memory of another device."""

    def __dlpack__(self, **options: Any) -> Any:
        raise BufferError("it lies on a GPU")


@pytest.fixture(scope="module", params=["unfrozen", "frozen", "function"])
def called(request: pytest.FixtureRequest) -> Any:
    if request.param == "function":
        return tsc.CompilationUnit("def f(x): return x * 2 + 1").f
    module = tsc.script(tsc.nn.Linear(3, 2).eval())
    return module if request.param == "unfrozen" else tsc.freeze(module)


@pytest.mark.parametrize(
    "given",
    [
        [[1.0, 2.0, 3.0]],
        ((1.0, 2.0, 3.0),),
        [[1, 2.0, 3]],
        [np.array([1.0, 2.0, 3.0], np.float32)],
        memoryview(PLAIN),
        Frame(PLAIN),
        Image(PLAIN),
        Exchanged(PLAIN),
    ],
    ids=["lists", "tuples", "ints_among_floats", "arrays", "memoryview", "array", "interface", "dlpack"],
)
def test_what_is_like_an_array_is_one(called: Any, given: Any) -> None:
    for _ in range(3):
        result: Any = called(given)
        assert type(result) is type(PLAIN)
        np.testing.assert_array_equal(result, called(PLAIN))


def test_dtypes_of_lists_are_those_that_tensors_of_them_have() -> None:
    for value in ([1, 2], [1.5, 2], [True, False], [1j, 2], [[1], [2]], []):
        made = array_like(value, "x")
        assert made is not None
        expected = torch.tensor(value)
        assert made.dtype == expected.numpy().dtype, value
        assert made.shape == expected.shape


def test_buffers_keep_their_dtypes_and_share_their_memory() -> None:
    held = array.array("d", [1.0, 2.0])
    made = array_like(held, "x")
    assert made is not None
    assert made.dtype == np.float64
    held[0] = 7.0
    assert made[0] == 7.0


def test_what_a_program_writes_to_is_written() -> None:
    held = np.zeros(3, np.float32)
    tsc.CompilationUnit("def f(x): x += 1").f(memoryview(held))
    np.testing.assert_array_equal(held, np.ones(3))


def test_names_say_which_argument_is_which() -> None:
    both = tsc.CompilationUnit("def f(x, y): return x - y").f
    named = {"y": [1.0], "x": [3.0]}
    np.testing.assert_array_equal(both(**named), [2.0])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([[1.0], [2.0, 3.0]], "argument 'x': requires an array of numbers on the CPU; the list given says: "),
        (Elsewhere(PLAIN), "the Elsewhere given says: it lies on a GPU"),
        ("text", "instead found type 'str'"),
        (["text"], "instead found type 'list'"),
        (3.0, "instead found type 'float'"),
        ({"x": 1}, "instead found type 'dict'"),
    ],
)
def test_what_is_no_array_is_refused(given: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        tsc.CompilationUnit("def f(x): return x + 1").f(given)


def test_an_array_of_objects_is_refused_by_its_dtype() -> None:
    with pytest.raises(DTypeError):
        tsc.CompilationUnit("def f(x): return x + 1").f(Frame(np.array([None])))


@pytest.mark.parametrize("is_frozen", [False, True])
def test_an_array_of_float64_that_does_not_fit_says_what_to_do(is_frozen: bool) -> None:
    module: Any = tsc.script(tsc.nn.Linear(3, 2).eval())
    if is_frozen:
        module = tsc.freeze(module)
    hint = r"Hint: argument 'input' is an array of float64, .* give input\.astype\(numpy\.float32\)"
    with pytest.raises(RuntimeError, match=hint):
        module(np.zeros((1, 3)))
    with pytest.raises(RuntimeError, match="Double != Float") as raised:
        module(torch.zeros(1, 3, dtype=torch.float64))
    assert "Hint" not in str(raised.value)  # a tensor of float64 is meant


def test_archives_are_loaded_from_bytes_files_and_paths(tmp_path: Path) -> None:
    module = tsc.script(tsc.nn.Linear(3, 2).eval())
    file = io.BytesIO()
    tsc.save(module, file)
    data, path = file.getvalue(), tmp_path / "m.pt"
    path.write_bytes(data)
    with path.open("rb") as opened:
        for source in (data, bytearray(data), memoryview(data), io.BytesIO(data), opened, path, str(path)):
            np.testing.assert_array_equal(tsc.load(source)(PLAIN), module(PLAIN))


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.txt").write_text("x")
    with pytest.raises(ArgumentError, match=r"requires a path, bytes, or a file opened for .*; got int"):
        tsc.load(3)
    with (tmp_path / "m.txt").open() as text, pytest.raises(ArgumentError, match="open it with mode 'rb'"):
        tsc.load(text)
