# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""`random` kernels against the same streams in NumPy: counts around blocks and words, other machines."""

from typing import Any

import numpy as np
import pytest
from xdsl.utils.exceptions import VerifyException

from tests.passes.kernel_runner import Array, Program, build, parse
from tests.passes.linalg_text import Kernel, module
from tsc.dialects.tsc_random import STREAM_WORDS
from tsc.ops.random_source import RandomSource
from tsc.ops.registry import require
from tsc.passes.schedule import TARGETS
from tsc.runtime.host import host_target

COUNTS = [1, 2, 3, 7, 8, 15, 16, 17, 100, 255, 256, 257, 623, 624, 625, 1300]
ELEMENTS = {"random_words": "i32", "random_doubles": "f64", "random_blocks": "f32", "random_pairs": "f64"}
LAST_DIGITS = {
    **{("random_pairs", target): 1e-14 for target in (None, "avx2", "generic")},
    ("random_blocks", "generic"): 3e-7,
}
"""How far results may be from NumPy's: where logarithms and cosines are float64, and where the machine rounds
products before it adds.
"""


def targets() -> list[str | None]:
    """This machine, and narrower ones that it can stand for."""
    return [None, *(name for name in ("generic", "avx2") if host_target().vector_bits >= 256)]


def program_of(name: str, count: int, target: str | None = None) -> Program:
    kernel = Kernel("k")
    stream = kernel.argument([STREAM_WORDS], "i32")
    made = kernel.matrices(name, [stream], [([count], ELEMENTS[name]), ([STREAM_WORDS], "i32")])
    program = build(module(kernel, made), None, None if target is None else TARGETS[target])
    assert program.kinds() == ["random"]
    return program


def streams() -> list[Array]:
    """At the beginning, between two renewals, at the end of the words, and with a number that is kept."""
    made: list[Array] = []
    for drawn in (0, 1, 300, 620, 624):
        source = RandomSource(drawn)
        source.words(drawn)
        source.next_normal = -0.75 if drawn == 300 else None
        made.append(source.stream())
    return made


def assert_draws_alike(name: str, count: int, target: str | None = None) -> None:
    program = program_of(name, count, target)
    for stream in streams():
        before = stream.copy()
        made, rest = program(stream)
        wanted, behind = require(f"tsc::{name}").eager(stream, count)
        np.testing.assert_array_equal(stream, before)
        np.testing.assert_allclose(made, wanted, rtol=0, atol=LAST_DIGITS.get((name, target), 0))
        if name != "random_pairs":
            np.testing.assert_array_equal(rest, behind)
        else:
            mine, theirs = RandomSource.over(rest), RandomSource.over(behind)
            np.testing.assert_array_equal(mine.words(700), theirs.words(700))
            assert (mine.next_normal is None) == (theirs.next_normal is None)
            assert abs((mine.next_normal or 0.0) - (theirs.next_normal or 0.0)) < 1e-14


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", ELEMENTS)
def test_numbers_are_those_of_the_stream(name: str, count: int) -> None:
    if name != "random_blocks" or count >= 16:
        assert_draws_alike(name, count)


@pytest.mark.parametrize("target", targets())
@pytest.mark.parametrize("name", ELEMENTS)
def test_numbers_are_the_same_on_any_machine(name: str, target: str | None) -> None:
    assert_draws_alike(name, 1000 if name != "random_pairs" else 21, target)


@pytest.mark.parametrize(
    ("operand", "result", "message"),
    [
        ("tensor<632xi32>", "tensor<8xf32>", "requires i32"),
        ("tensor<631xi32>", "tensor<8xi32>", "requires a stream"),
        ("tensor<632xi64>", "tensor<8xi32>", "requires a stream"),
    ],
)
def test_what_is_no_draw_is_refused(operand: str, result: str, message: str) -> None:
    text: Any = (
        f"func.func @f(%s: {operand}) -> {operand} {{\n"
        f'  %x, %r = "tsc.random_words"(%s) : ({operand}) -> ({result}, {operand})\n'
        f"  func.return %r : {operand}\n}}"
    )
    with pytest.raises(VerifyException, match=message):
        parse(text).verify()
