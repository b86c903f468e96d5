# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""`tsc.profile`: what each kernel takes, where it comes from, and what it does."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import tsc
from tsc.errors import ArgumentError
from tsc.options import options

SOURCE = """
def layer(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    y = torch.matmul(x, weight)
    return torch.softmax(torch.relu(y + bias), 1)

def counted(x: Tensor) -> Tensor:
    y = torch.relu(x) * 2
    z = torch.histc(y, 10)
    return z * 3 + 1

def decoded(x: Tensor, weight: Tensor) -> Tensor:
    for i in range(1000):
        x = torch.tanh(torch.matmul(x, weight))
    return x

def unrolled(x: Tensor, weight: Tensor) -> Tensor:
    h = x[0]
    for i in range(6):
        h = torch.tanh(torch.matmul(h, weight) + x[i])
    return h

def written(x: Tensor) -> Tensor:
    x.add_(1)
    return x * 2
"""


def arrays(*shapes: tuple[int, ...]) -> list[np.ndarray[Any, Any]]:
    random = np.random.default_rng(0)
    return [random.standard_normal(shape).astype(np.float32) for shape in shapes]


@pytest.fixture
def unit() -> Any:
    return tsc.jit.CompilationUnit(SOURCE)


def test_kernels_have_their_work_and_their_lines(unit: Any) -> None:
    found = tsc.profile(unit.layer, *arrays((64, 96), (96, 128), (128,)))
    assert (found.tier, found.reason) == ("native", None)
    product = next(kernel for kernel in found.kernels if kernel.kind == "contraction")
    assert product.calls == 1
    assert product.operations is not None
    epilogue = product.operations - 2 * 64 * 96 * 128
    assert epilogue in (0, 64 * 128, 2 * 64 * 128)
    assert product.bytes is not None
    assert product.bytes >= 4 * (64 * 96 + 96 * 128 + 64 * 128)
    assert "aten::matmul" in product.operators
    assert {stack[0].line for kernel in found.kernels for stack in kernel.sources} == {3, 4}
    assert str(found) == repr(found)
    assert product.kernel in str(found)


def test_times_add_up_to_those_of_a_run(unit: Any) -> None:
    found = tsc.profile(unit.layer, *arrays((256, 256), (256, 256), (256,)))
    kernels = sum(kernel.seconds for kernel in found.kernels)
    assert found.kernel_seconds == pytest.approx(kernels, rel=0.5)
    assert found.kernel_seconds + found.host_seconds + found.python_seconds == pytest.approx(
        found.seconds, rel=0.5
    )
    assert 0 < found.kernel_seconds <= found.seconds
    assert found.peaks.operations_per_second > 1e8
    assert found.peaks.bytes_per_second > 1e8


def test_a_program_in_parts_has_kernels_in_each_part(unit: Any) -> None:
    found = tsc.profile(unit.counted, *arrays((100, 300)))
    assert found.tier == "mixed"
    assert found.reason is not None
    assert [kernel.part.partition(",")[0] for kernel in found.kernels] == ["part 0", "part 1"]
    assert found.python_seconds > 0


def test_calls_in_native_loops_are_all_counted(unit: Any) -> None:
    found = tsc.profile(unit.decoded, *arrays((4, 8), (8, 8)))
    product = next(kernel for kernel in found.kernels if kernel.kind == "contraction")
    assert product.calls == 1000
    events = [event for event in found.events if event.category == "kernel"]
    runs = [event for event in found.events if event.category == "run"]
    counted = found.times * sum(kernel.calls for kernel in found.kernels)
    assert len(events) + found.dropped_events >= counted
    assert len(runs) == found.times
    for event in events[:100]:
        assert runs[0].begin_seconds - 1e-3 <= event.begin_seconds <= runs[-1].begin_seconds + 1


def test_steps_of_an_unrolled_loop_are_one_row(unit: Any) -> None:
    found = tsc.profile(unit.unrolled, *arrays((6, 4, 8), (8, 8)))
    products = [kernel for kernel in found.kernels if kernel.kind == "contraction"]
    assert len(products) == 6
    rows = [line for line in str(found).splitlines() if " contraction " in line]
    calls = sorted(int(row.split("%")[1].split()[0]) for row in rows)
    assert calls == [1, 5], "the first step reads the first row, and is another place"


def test_a_trace_is_what_perfetto_reads(unit: Any) -> None:
    found = tsc.profile(unit.layer, *arrays((8, 8), (8, 8), (8,)))
    read = json.loads(found.trace())
    assert read["traceEvents"][0]["ph"] == "M"
    for event in read["traceEvents"][1:]:
        assert (event["ph"], event["pid"], event["tid"]) == ("X", 1, 1)
        assert event["dur"] >= 0
    assert {event["cat"] for event in read["traceEvents"][1:]} == {"run", "native", "kernel"}


def test_only_code_for_a_profile_has_clocks(unit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given = arrays((8, 8), (8, 8), (8,))
    layer = unit.layer
    result = layer(*given)
    objects = layer.last.code.objects
    tsc.profile(layer, *given)
    assert layer.last.code.objects is objects
    assert not options().is_profiled
    again: Any = tsc.jit.CompilationUnit(SOURCE).layer
    assert np.array_equal(again(*given), result)
    assert [*again.last.code.objects] == [*objects]
    assert not any(b"tsc_times" in data for data in objects)
    monkeypatch.setattr(options(), "is_profiled", True)
    clocked: Any = tsc.jit.CompilationUnit(SOURCE).layer
    assert np.array_equal(clocked(*given), result)
    assert any(b"tsc_times" in data for data in clocked.last.code.objects)


def test_what_calls_do_to_arguments_is_done(unit: Any) -> None:
    x = np.zeros(4, np.float32)
    found = tsc.profile(unit.written, x)
    assert x[0] > found.times


def test_only_functions_and_modules_are_profiled() -> None:
    with pytest.raises(ArgumentError, match="requires a script module, a script function or a method"):
        tsc.profile(len)  # pyright: ignore[reportArgumentType]
