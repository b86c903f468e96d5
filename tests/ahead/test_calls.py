# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""What a C program gets from a library is, to the bit, what Python gets from the same kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.ahead import programs_ahead as programs
from tests.ahead.client import LINKERS, RESET, Call, Client, exported, library, needs_compiler, use_linker
from tsc.ahead.layout import Status

pytestmark = needs_compiler
Build = Callable[..., Client]


def floats(*shape: int, seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def require_equal(found: Sequence[Any], expected: Sequence[Any]) -> None:
    assert len(found) == len(expected)
    for got, want in zip(found, expected, strict=True):
        wanted = np.asarray(want)
        assert got.shape == wanted.shape
        np.testing.assert_array_equal(got, wanted.astype(got.dtype), strict=True)


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("linker", LINKERS, ids=["cc", "ld", "own"])
@pytest.mark.parametrize("weights", [None, "model.weights"], ids=["inside", "beside"])
def test_a_perceptron(
    tmp_path: Path, weights: str | None, linker: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_linker(monkeypatch, linker)
    client = library(tmp_path, programs.Perceptron(), {"forward": ["4x64xf32"]}, weights=weights)
    (found,) = client.results(Call([floats(4, 64)]))
    require_equal(found, [client.python()(floats(4, 64))])
    assert exported(tmp_path / "libmodel.so") == {
        f"model_{name}"
        for name in (
            "create",
            "destroy",
            "error",
            "level",
            "reset",
            "run_forward",
            "shapes_forward",
            "threads",
        )
    }
    if weights is not None:
        require_own_weights(client, tmp_path / weights)


def test_no_argument_is_another_one_as_well(tmp_path: Path) -> None:
    client = library(tmp_path, programs.Attending(), {"forward": ["2x5x8xf32"] * 3})
    x, y, z = (floats(2, 5, 8, seed=seed) for seed in range(3))
    for given in ([x, y, z], [x, x, x]):
        (found,) = client.results(Call(given))
        (want,) = client.results(Call([array.copy() for array in given]))
        require_equal(found, want)
        copies = [array.copy() for array in given]
        np.testing.assert_allclose(found[0], client.python()(*copies), rtol=1e-5, atol=1e-6)


def require_own_weights(client: Client, file: Path) -> None:
    """Weights may lie elsewhere, and must be those of the library."""
    parameters = sum(p.numel() * 4 for p in programs.Perceptron().parameters())
    assert file.stat().st_size < 1.6 * parameters  # packed ones alone, padded to whole vectors
    moved = file.with_name("elsewhere")
    file.rename(moved)
    (created,) = client.run()
    assert created.status == Status.WEIGHTS
    assert "model.weights: No such file" in created.text
    assert client.run(arguments=[str(moved)])[0].status == 0
    data = bytearray(moved.read_bytes())
    for changed in (
        data[:-1],
        bytes([data[0] ^ 1]) + data[1:],
        data[:32] + bytes([data[32] ^ 1]) + data[33:],
    ):
        file.write_bytes(changed)
        (created,) = client.run()
        assert created.status == Status.WEIGHTS
        assert "requires the weights that the library was made with" in created.text


def test_convolutions_on_one_thread_and_on_three(tmp_path: Path) -> None:
    client = library(tmp_path, programs.ConvNet(), {"forward": ["1x3x64x64xf32"]})
    images = [floats(1, 3, 64, 64, seed=seed) for seed in range(3)]
    model = client.python()
    expected = [model(image) for image in images]
    for threads in (1, 3):
        found = client.results(*(Call([image]) for image in images), threads=threads)
        require_equal([outputs[0] for outputs in found], expected)


def test_a_loop_and_state(tmp_path: Path) -> None:
    client = library(tmp_path, programs.Counter(), {"forward": ["1x8xf32"]})
    inputs = [floats(1, 8, seed=seed) for seed in range(4)]
    model = client.python()
    expected = [model(x) for x in inputs]
    calls = [Call([x], output_count=2) for x in inputs]
    answers = client.run(*calls, RESET, *calls)
    assert not any(answer.status for answer in answers)
    for found, wanted in zip(answers[1:5], expected, strict=True):
        require_equal(found.outputs, wanted)
    for found, wanted in zip(answers[6:], expected, strict=True):
        require_equal(found.outputs, wanted)


def test_methods_share_the_state_that_one_writes_in_place(tmp_path: Path) -> None:
    methods = {"forward": ["3x4xf32"], "read": ["float"]}
    client = library(tmp_path, programs.Accumulator(), methods)
    model = torch.jit.load(str(client.archive))
    half = np.asarray(0.5)
    a, b = floats(3, 4), floats(3, 4, seed=1)
    found = client.results(Call([half], 1), Call([a]), Call([b]), Call([half], 1))
    wanted = [model.read(0.5).clone(), model(torch.tensor(a)), model(torch.tensor(b)), model.read(0.5)]
    for got, want in zip(found, wanted, strict=True):
        np.testing.assert_allclose(got[0], want.detach().numpy(), rtol=1e-6)


def test_data_that_the_program_refuses_changes_nothing(tmp_path: Path) -> None:
    client = library(tmp_path, programs.Embedding(), {"forward": ["2x3xi64"]})
    good, bad = np.array([[1, 2, 3], [9, 0, 9]]), np.array([[1, 2, 3], [4, 5, 10]])
    _, first, refused, second = client.run(Call([good]), Call([bad]), Call([good]))
    assert refused.status == Status.DATA
    assert "an index in the data is out of range" in refused.text
    require_equal(first.outputs, [client.python()(good)])
    require_equal(second.outputs, first.outputs)


def test_sizes_that_may_be_any(tmp_path: Path) -> None:
    client = library(tmp_path, programs.Shapes(), {"forward": ["?batchx?x16xf32", "?batchx8x?widthxf32"]})
    model = torch.jit.load(str(client.archive))
    for batch, length, width in ((2, 5, 7), (1, 1, 1), (40, 3, 64), (3, 100, 2)):
        x, y = floats(batch, length, 16), floats(batch, 8, width)
        (found,) = client.results(Call([x, y], output_count=3), threads=2)
        for got, want in zip(found, model(torch.tensor(x), torch.tensor(y)), strict=True):
            np.testing.assert_allclose(got, want.detach().numpy(), rtol=2e-6, atol=2e-6, strict=True)
    wrong = [floats(2, 5, 16), floats(3, 8, 7)]
    _, refused = client.run(Call(wrong, output_count=3))
    assert refused.status == Status.SHAPE
    assert "x: [batch, s1, 16], y: [batch, 8, width]" in refused.text


def test_numbers_computed_from_sizes(tmp_path: Path) -> None:
    client = library(tmp_path, programs.Sizes(), {"forward": ["?x?xf32"]})
    shapes = [(5, 8), (1, 1), (7, 3)]
    model = torch.jit.load(str(client.archive))
    found = client.results(*(Call([floats(*shape)], output_count=4) for shape in shapes))
    for shape, outputs in zip(shapes, found, strict=True):
        wanted = model(torch.tensor(floats(*shape)))
        assert [part.item() for part in outputs[1:]] == list(wanted[1:])
        np.testing.assert_array_equal(outputs[0], wanted[0].numpy())


def test_results_that_are_arguments_and_views(tmp_path: Path) -> None:
    client = library(tmp_path, programs.Results(), {"forward": ["4x6xf32", "4x6xf32"]})
    x, y = floats(4, 6), floats(4, 6, seed=1)
    (found,) = client.results(Call([x, y], output_count=6))
    require_equal(found, list(client.python()(x, y).values()))


def test_numbers(tmp_path: Path) -> None:
    client = library(tmp_path, programs.Numbers(), {"forward": ["5xf32", "int:3", "true", "float"]})
    x = floats(5)
    (found,) = client.results(Call([x, np.asarray(0.5)], output_count=4))
    y = client.python()(x, 3, True, 0.5)
    np.testing.assert_array_equal(found[0], y[0])
    assert [part.item() for part in found[1:]] == [y[1], pytest.approx(y[2]), y[3]]
    assert "result[4] is always 7" in (tmp_path / "model.h").read_text()


def test_an_input_that_is_written_to(tmp_path: Path) -> None:
    client = library(tmp_path, programs.Writer(), {"forward": ["3x4xf32", "4xf32"]})
    x, y = floats(3, 4), floats(4, seed=1)
    _, answer = client.run(Call([x, y]))
    changed = x.copy()
    result = client.python()(changed, y)
    require_equal(answer.outputs, [result])
    require_equal(answer.inputs, [changed, y])
    assert "x, float32[3, 4], which is also written to" in (tmp_path / "model.h").read_text()


def test_calls_that_do_not_fit_are_refused_with_a_code_and_a_text(tmp_path: Path) -> None:
    client = library(tmp_path, programs.Perceptron(), {"forward": ["4x64xf32"]})
    x = floats(4, 64)
    calls = {
        "x: requires size 64 in dim 1; got 63": (Status.SHAPE, Call([floats(4, 63)])),
        "x: requires 2 dims; got 1": (Status.SHAPE, Call([floats(64)])),
        "x: requires dtype float32; got float64 (7)": (Status.DTYPE, Call([x.astype(np.float64)])),
        "requires 1 inputs; got 2": (Status.ARGUMENT, Call([x, x])),
        "requires 1 outputs; got 2": (Status.ARGUMENT, Call([x], output_count=2)),
        "result: requires size 10 in dim 1; got 9": (Status.SHAPE, Call([x], outputs=[("float32", (4, 9))])),
        "result: requires dtype float32; got int32 (3)": (
            Status.DTYPE,
            Call([x], outputs=[("int32", (4, 10))]),
        ),
    }
    answers = client.run(*(call for _, call in calls.values()), Call([x]))
    for (text, (status, _)), answer in zip(calls.items(), answers[1:], strict=False):
        assert (answer.status, text in answer.text) == (status, True), answer.text
    require_equal(answers[-1].outputs, [client.python()(x)])
    (created,) = client.run(threads=5000)
    assert created.status == Status.ARGUMENT
    assert "got 5000" in created.text
    limited = [
        "sh",
        "-c",
        'ulimit -v 1000000; exec "$0" "$@"',
    ]  # KiB: room for the stacks of a hundred threads
    (created,) = client.run(threads=1000, under=limited)
    assert created.status == Status.THREADS
    assert "requires 999 more threads of the system; got" in created.text
