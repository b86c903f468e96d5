# pyright: reportUnknownMemberType=false
"""The same program with other statements needed."""

from __future__ import annotations

import pytest
import torch

from tests.fuzz.programs.dropping import with_all_needed, without_what_raises
from tests.fuzz.programs.program import Program


def test_statements_that_raise_are_left_out_and_what_needs_them_fails() -> None:
    body = (
        "def subject(x):\n    y = x.view(7)\n    if y.sum() > 0:\n        x = x + 1\n    return {}\n"
        "def make():\n    return subject\ndef arguments(sizes):\n    return []\nSIZES = [[1]]\n"
    )
    x = torch.ones(2)
    assert torch.equal(Program(without_what_raises(body.format("torch.ones(2)"))).load().subject()(x), x)
    with pytest.raises(TypeError):
        Program(without_what_raises(body.format("y + 1"))).load().subject()(x)


def test_what_is_written_to_values_that_are_missing_is_left_out_too() -> None:
    body = (
        "def subject(x):\n    y = x[[4]]\n    y.chunk(2)[0].add_(-1)\n    y[0] = 1\n    y += 1\n"
        "    x.add_(1)\n    return x\n"
        "def make():\n    return subject\ndef arguments(sizes):\n    return []\nSIZES = [[1]]\n"
    )
    assert torch.equal(Program(without_what_raises(body)).load().subject()(torch.ones(2)), torch.ones(2) + 1)


def test_every_value_is_looked_at_where_all_are_needed() -> None:
    body = "def subject(x):\n    y, z = x\n    for i in z:\n        i += 1\n    if y:\n        x.t()\n"
    looks = [line.strip() for line in with_all_needed(body).splitlines() if "assert" in line]
    assert looks == [f"assert str({v}) != ''" for v in ("y", "z", "i", "i", "y", "x.t()")]


def test_what_a_statement_writes_is_missing_where_what_it_goes_by_is() -> None:
    body = (
        "def subject(x):\n    y, z = x + 1, x * 2\n    if x[7] > 0:\n        y.zero_()\n"
        "    for i in range(x.size(3)):\n        z[i] += 1\n"
        "    parts = x.split(1)[5]\n    for part in parts:\n        part.sort(-1)\n    return {}\n"
        "def make():\n    return subject\ndef arguments(sizes):\n    return []\nSIZES = [[1]]\n"
    )
    x = torch.ones(2)
    assert Program(without_what_raises(body.format("x"))).load().subject()(x) is x
    for needed in ("y + 0", "z + 0"):
        with pytest.raises(TypeError):
            Program(without_what_raises(body.format(needed))).load().subject()(x)


def test_a_write_that_raises_is_left_out_and_what_it_writes_to_is_missing() -> None:
    body = (
        "def subject(x):\n    y = x * 2\n    y.index_put_([torch.ones(1).long() * 9], x[:1])\n    return {}\n"
        "def make():\n    return subject\ndef arguments(sizes):\n    return []\nSIZES = [[1]]\n"
    )
    x = torch.ones(2)
    assert Program(without_what_raises(body.format("x"))).load().subject()(x) is x
    with pytest.raises(TypeError):
        Program(without_what_raises(body.format("y + 0"))).load().subject()(x)
