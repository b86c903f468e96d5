"""Failing programs become small, and stay programs."""

from __future__ import annotations

import ast

from tests.fuzz.programs.program import Program
from tests.fuzz.programs.reducer import candidates, reduce

LONG = """
def helper(x: Tensor, n: int) -> Tensor:
    return x * n

class Subject(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = 2

    def forward(self, a0: Tensor, a1: Tensor, count: int):
        t1 = a0 + 1
        t2 = t1 * self.scale
        if count > 1:
            for i in range(count):
                t2 = helper(torch.relu(t2) - a1, 3)
        t3 = t2.sum(0)
        return (t1, t2, t3)

def make():
    return Subject().eval()

SIZES = [(3, 4, 2), (5, 2, 2)]

def arguments(sizes):
    A, B, C = sizes
    a0 = values([A, B], torch.float32, 1)
    a1 = values([A, B], torch.float32, 2)
    count = 3
    return [a0, a1, count]
"""


def runs(text: str) -> bool:
    """Whether PyTorch runs a candidate: many are no whole programs."""
    try:
        loaded = Program(text).load()
        loaded.subject()(*loaded.calls()[0])
    except (NameError, TypeError, ValueError, AttributeError, RuntimeError, IndexError):
        return False
    return True


def reduced(*words: str) -> tuple[str, dict[str, ast.FunctionDef]]:
    small = reduce(LONG, lambda text: all(w in text for w in words) and runs(text))
    return small, {f.name: f for f in ast.walk(ast.parse(small)) if isinstance(f, ast.FunctionDef)}


def test_only_what_makes_it_fail_stays() -> None:
    small, functions = reduced("torch.relu(")
    assert set(functions) == {"subject", "make", "arguments"}
    assert len(functions["subject"].body) == 1
    assert len(functions["subject"].args.args) == 1
    assert "count" not in small


def test_a_loop_that_is_needed_stays() -> None:
    small, functions = reduced("for i in range", "- a1")
    assert "if count" not in small
    assert "helper" not in functions
    assert [a.arg for a in functions["subject"].args.args][-2:] == ["a1", "count"]
    assert "t3" not in small


def test_every_candidate_is_python_and_keeps_the_frame() -> None:
    for candidate in candidates(LONG):
        names = {getattr(s, "name", "") for s in ast.parse(candidate).body}
        assert {"make", "arguments"} <= names
        assert "SIZES = " in candidate


def test_the_number_of_tries_is_limited() -> None:
    tried: list[str] = []

    def fails(text: str) -> bool:
        tried.append(text)
        return len(tried) == 1

    reduce(LONG, fails, steps=7)
    assert len(tried) == 7


def test_what_fails_no_more_is_left_alone() -> None:
    assert reduce(LONG, lambda text: False) == LONG
