# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false
"""A share of the random programs (`make fuzz` runs more), and that a wrong answer of each kind is found."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.fuzz.programs.bare_process import BareProcess
from tests.fuzz.programs.evaluating import evaluate
from tests.fuzz.programs.generator import generate
from tests.fuzz.programs.ill_conditioned import DROPPED
from tests.fuzz.programs.program import Program
from tests.fuzz.programs.variants import VARIANTS
from tsc.ops import registry

SEEDS = (
    3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 17, 18, 19, 20, 22, 24, 25, 27, 28, 29, 30, 31, 32, 33,
    34, 35, 36, 37, 38, 39, 40, 42,
)  # fmt: skip
"""Of ``python -m tests.fuzz.programs.choose 34``."""


@pytest.fixture(scope="module")
def bare() -> Iterator[BareProcess]:
    process = BareProcess()
    yield process
    process.close()


@pytest.fixture(autouse=True)
def without_gradients() -> Generator[None]:
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_program_gives_what_pytorch_gives(seed: int, bare: BareProcess) -> None:
    outcome = evaluate(generate(seed), VARIANTS, bare)
    assert outcome.status != "dropped"
    assert not outcome.findings


def program(body: str, arguments: str = "[values([A, B], torch.float32, 1)]") -> Program:
    """A function of one or more arguments, as the generator writes it."""
    return Program(
        f"{body}\n\n\ndef make():\n    return subject\n\n\nSIZES = [(3, 4, 2), (5, 2, 2)]\n\n\n"
        f"def arguments(sizes):\n    A, B, C = sizes\n    return {arguments}\n"
    )


RELU = "def subject(x: Tensor):\n    y = torch.relu(x)\n    return y + 1, y"


def spoil(monkeypatch: pytest.MonkeyPatch, name: str, wrong: Any) -> None:
    """Give an operator another meaning in the generic tier: ``wrong(right, *arguments)``."""
    operator = registry.require(name)
    spoilt = replace(operator, eager=lambda *arguments: wrong(operator.eager, *arguments))
    monkeypatch.setitem(registry.operators(), name, spoilt)


def aspects(tried: Program, bare: BareProcess, *variants: str) -> list[str]:
    return [f.aspect for f in evaluate(tried, variants or ("scripted",), bare).findings]


def test_a_sound_program_has_no_findings(bare: BareProcess) -> None:
    assert aspects(program(RELU), bare, *VARIANTS) == []


def test_wrong_values_are_found(monkeypatch: pytest.MonkeyPatch, bare: BareProcess) -> None:
    spoil(monkeypatch, "aten::relu", lambda relu, x: relu(x) * 1.001)
    assert aspects(program(RELU), bare) == ["values"]


def test_a_wrong_dtype_is_found(monkeypatch: pytest.MonkeyPatch, bare: BareProcess) -> None:
    spoil(monkeypatch, "aten::relu", lambda relu, x: relu(x).astype("float64"))
    assert aspects(program(RELU), bare) == ["dtype"]


def test_an_exception_is_found(monkeypatch: pytest.MonkeyPatch, bare: BareProcess) -> None:
    def fail(relu: Any, x: Any) -> Any:
        raise ValueError("relu is broken")

    spoil(monkeypatch, "aten::relu", fail)
    assert aspects(program(RELU), bare) == ["raises"]


def test_a_missing_exception_is_found(monkeypatch: pytest.MonkeyPatch, bare: BareProcess) -> None:
    spoil(monkeypatch, "aten::view", lambda view, x, shape: x.reshape(-1))
    tried = program("def subject(x: Tensor):\n    return x.view([7])")
    assert aspects(tried, bare) == ["does not raise"]


def test_a_write_that_is_lost_is_found(monkeypatch: pytest.MonkeyPatch, bare: BareProcess) -> None:
    spoil(monkeypatch, "aten::relu_", lambda relu, x: relu(x.copy()))
    tried = program("def subject(x: Tensor):\n    return x.relu_() + 1")
    assert aspects(tried, bare) == ["argument values"]


def test_memory_that_should_be_shared_is_found(monkeypatch: pytest.MonkeyPatch, bare: BareProcess) -> None:
    spoil(monkeypatch, "aten::t", lambda t, x: t(x).copy())
    tried = program("def subject(x: Tensor):\n    return x.t()")
    assert aspects(tried, bare) == ["sharing"]


def test_a_difference_at_other_sizes_is_found(monkeypatch: pytest.MonkeyPatch, bare: BareProcess) -> None:
    spoil(monkeypatch, "aten::relu", lambda relu, x: relu(x) + (x.shape[0] == 5))
    found = evaluate(program(RELU), ("scripted",), bare).findings
    assert [(f.aspect, f.call) for f in found] == [("values", 2)]


def test_rounding_errors_that_a_program_magnifies_are_no_finding(
    monkeypatch: pytest.MonkeyPatch, bare: BareProcess
) -> None:
    spoil(monkeypatch, "aten::sin", lambda sin, x: sin(x) * (1 + 2e-7))
    tried = program("def subject(x: Tensor):\n    return (torch.sin(x) * 1e6 - torch.sin(x.double()) * 1e6)")
    outcome = evaluate(tried, ("scripted",), bare)
    assert not outcome.findings
    assert [f.aspect for f in outcome.ill_conditioned] == ["values"]


def test_what_torchscript_refuses_is_dropped(bare: BareProcess) -> None:
    tried = program("def subject(x: Tensor):\n    return x if x.dim() > 9 else 'text'")
    assert evaluate(tried, ("scripted",), bare).status == "dropped"


UNNEEDED = "def subject(x: Tensor):\n    y = x.reshape([7])\n    x.t().add_(1)\n    return x + 1"
SHRINKING = """def subject(several: List[Tensor]):
    for t in several:
        s = F.dropout(t, 0.5, False)
        several.pop()"""
TWO = "[[values([A], torch.float32, 1), values([A], torch.float32, 2)]]"


@pytest.mark.parametrize(
    ("body", "arguments"), [(UNNEEDED, "[values([A, B], torch.float32, 1)]"), (SHRINKING, TWO)]
)
def test_what_only_one_side_drops_is_no_finding(body: str, arguments: str, bare: BareProcess) -> None:
    outcome = evaluate(program(body, arguments), ("scripted", "optimized", "loaded"), bare)
    assert outcome.findings == []
    assert {f.detail for f in outcome.ill_conditioned} <= {DROPPED}


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("def subject(x: Tensor):\n    x.add_(torch.ones(7))\n    return x + 1", "aten::add_.Tensor"),
        ("def subject(x: Tensor):\n    y = x.reshape([7])\n    return y + 1", "aten::reshape"),
    ],
)
def test_an_exception_is_missed_where_its_operator_is_needed_or_writes(
    body: str, name: str, monkeypatch: pytest.MonkeyPatch, bare: BareProcess
) -> None:
    spoil(monkeypatch, name, _silent)
    assert aspects(program(body), bare) == ["does not raise"]


def _silent(right: Any, *arguments: Any) -> Any:
    try:
        return right(*arguments)
    except RuntimeError:
        return arguments[0]


def test_an_exception_of_ours_alone_is_found(monkeypatch: pytest.MonkeyPatch, bare: BareProcess) -> None:
    spoil(monkeypatch, "aten::relu", lambda relu, x: relu(x.reshape(77)))
    assert aspects(program(RELU), bare) == ["raises"]
