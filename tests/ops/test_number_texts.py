# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""``int`` and ``float`` of strings, and ``zfill``, read and write what PyTorch's do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import tsc

TEXTS = [
    "5", " 8", "8 ", "\t7", "1_0", "+5", "-5", "--5", "0x10", "", "-", "1.5", "9223372036854775807",
    "9223372036854775808", "-9223372036854775808", "0" * 30 + "7", "9" * 5000, "\u0663", "inf", "-Infinity",
    "nan", "NAN", "nan(1)", "1.5abc", "1e3", "1e999", "1e-999", "0e-999", ".5", "5.", ".", "0x1p3",
    "0x.8", "1e", "infinit",
]  # fmt: skip


def as_int(s: str) -> int:
    return int(s)


def as_float(s: str) -> float:
    return float(s)


def filled(s: str) -> list[str]:
    return [s.zfill(n) for n in range(8)]


def outcome(scripted: Callable[[str], Any], text: str) -> str:
    try:
        return repr(scripted(text))
    except RuntimeError as error:
        return "failed: " + str(error).strip().split("RuntimeError: ")[-1]


@pytest.mark.parametrize("program", [as_int, as_float])
def test_a_string_spells_the_number_that_pytorch_reads(program: Callable[[str], Any]) -> None:
    theirs, ours = torch.jit.script(program), tsc.script(program)
    assert [outcome(ours, text) for text in TEXTS] == [outcome(theirs, text) for text in TEXTS]


@pytest.mark.parametrize("text", ["-5", "+5", "abc", "", "--5"])
def test_zeros_stand_in_front_of_a_sign(text: str) -> None:
    assert tsc.script(filled)(text) == torch.jit.script(filled)(text)
