"""Code for several levels of processor in one library, and none that the processor lacks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.ahead import programs_ahead as programs
from tests.ahead.client import Call, library, needs_compiler
from tsc.ahead.layout import Status
from tsc.ahead.levels import FEATURES, LEVEL_NAMES, Level, level, ordered
from tsc.errors import ArgumentError
from tsc.runtime.host import host_target

HOST = host_target()
INPUT = np.linspace(-1, 1, 256, dtype=np.float32).reshape(4, 64)


def has(made: Level) -> bool:
    return all(HOST.has(name) for name in made.needs)


MISSING = next((name for name in ("xop", "sse4a", "avx512fp16", "avx512f") if not HOST.has(name)), None)
needs_missing = pytest.mark.skipif(MISSING is None, reason="requires a processor that lacks a known feature")


def lacking() -> Level:
    """A level that this machine lacks."""
    assert MISSING is not None
    base = level("x86-64-v3")
    return Level("fancy", replace(base.target), (*base.needs, MISSING, "rdpid", "sha", "gfni"))


def test_every_level_asks_for_what_it_uses() -> None:
    for name in LEVEL_NAMES:
        made = level(name)
        used = {e[1:] for e in made.target.features.split(",") if e[0] == "+"}
        assert used == set(made.needs) <= FEATURES.keys()
    with pytest.raises(ArgumentError, match="got x86-64-v9"):
        level("x86-64-v9")
    names = [made.name for made in ordered([level("x86-64"), level("x86-64-v3"), level("x86-64")])]
    assert names == ["x86-64-v3", "x86-64"]


@needs_compiler
@needs_missing
def test_a_processor_that_lacks_a_feature_is_refused_and_does_not_crash(tmp_path: Path) -> None:
    client = library(tmp_path, programs.Perceptron(), {"forward": ["4x64xf32"]}, levels=[lacking()])
    (created,) = client.run(Call([INPUT]))
    assert created.status == Status.CPU
    assert created.text == f"model_create: requires a processor of level fancy; got one without {MISSING}"


@needs_compiler
@needs_missing
@pytest.mark.skipif(not has(level("x86-64-v3")), reason="requires AVX2")
def test_the_first_level_that_the_processor_has_is_taken(tmp_path: Path) -> None:
    module, methods = programs.Perceptron(), {"forward": ["4x64xf32"]}
    client = library(tmp_path, module, methods, levels=["x86-64", lacking(), "x86-64-v3"])
    (mixed,) = client.results(Call([INPUT]))
    np.testing.assert_allclose(mixed[0], client.python()(INPUT), rtol=1e-5, atol=1e-6)
    folder = tmp_path / "alone"
    folder.mkdir()
    (alone,) = library(folder, module, methods, levels=["x86-64-v3"]).results(Call([INPUT]))
    np.testing.assert_array_equal(mixed[0], alone[0])
