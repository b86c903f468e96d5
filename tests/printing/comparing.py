# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Comparison of graphs up to the numbering of names, and of results with their types."""

import copy
import re
from collections.abc import Sequence
from typing import Any

import torch


def renumbered(graph: Any) -> str:
    """The text of a graph, its names numbered as they appear: `rv.29` and `rv.3` are both ``rv#2``."""
    names: dict[str, str] = {}
    counts: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        name = match[1]
        if name not in names:
            base = "" if name.isdigit() else name.partition(".")[0]
            counts[base] = counts.get(base, 0) + 1
            names[name] = f"%{base}#{counts[base]}"
        return names[name]

    return re.sub(r"%([\w.]+)", number, str(graph))


def without_places(graph: Any) -> str:
    """The text of a graph without source locations."""
    return "".join(f"{line.partition(' # ')[0]}\n" for line in str(graph).splitlines())


def copied(arguments: Sequence[Any]) -> list[Any]:
    """Arguments a program may change."""
    return [copy.deepcopy(a) for a in arguments]


def assert_same(got: Any, expected: Any) -> None:
    """Equal values of equal types, tensors with equal dtypes and strides too."""
    if isinstance(expected, torch.Tensor):
        torch.testing.assert_close(got, expected, check_stride=True)
    elif isinstance(expected, (list, tuple)):
        assert len(got) == len(expected)
        for a, b in zip(got, expected, strict=True):
            assert_same(a, b)
    elif isinstance(expected, dict):
        assert list(got) == list(expected)
        for key in expected:
            assert_same(got[key], expected[key])
    else:
        assert type(got) is type(expected) or isinstance(expected, tuple)
        assert got == expected
