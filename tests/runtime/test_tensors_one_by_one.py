# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""What takes its tensors one by one in PyTorch's Python does so here, and takes a list of them as well."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch import functional

import tsc
from tsc.runtime.dispatch import BEFORE_TENSORS

CALLS: dict[str, tuple[Any, ...]] = {"einsum": ("ij,jk->ik",)}


def test_they_are_those_of_pytorch() -> None:
    found: dict[str, int] = {}
    for name in functional.__all__:
        if not inspect.isfunction(getattr(functional, name)):
            continue
        signature = list(inspect.signature(getattr(functional, name)).parameters.values())
        starred = [n for n, p in enumerate(signature) if p.kind is inspect.Parameter.VAR_POSITIONAL]
        if starred and hasattr(tsc, name):
            found[name] = 1 if name == "einsum" else starred[0]  # its equation may be a list too
    found.pop("broadcast_shapes", None)  # of sizes
    found.pop("unique_consecutive")  # all of its arguments are
    assert found == BEFORE_TENSORS


@pytest.mark.parametrize("name", BEFORE_TENSORS)
def test_one_by_one_and_as_a_list(name: str) -> None:
    def results(library: Any, *, as_list: bool) -> list[Any]:
        tensors = [library.arange(6.0).reshape([2, 3]), library.arange(3.0).reshape([3, 1])]
        if name == "broadcast_tensors":
            tensors[1] = library.arange(3.0)
        if name in ("meshgrid", "cartesian_prod"):
            tensors = [library.arange(3.0), library.arange(2.0)]
        given = [tensors] if as_list else tensors
        made = getattr(library, name)(*CALLS.get(name, ()), *given)
        return list(made) if isinstance(made, (list, tuple)) else [made]

    want = results(torch, as_list=False)
    for as_list in (False, True):
        got = results(tsc, as_list=as_list)
        assert [g.tolist() for g in got] == [w.tolist() for w in want]
