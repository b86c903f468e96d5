"""Calls to try: PyTorch's own samples, and hand-picked ones where it has none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import Any

import torch
from torch.testing._internal.common_methods_invocations import op_db

from tsc.dialects.schema import Schema

from .matching import resolve

DTYPES = (torch.float32, torch.float64, torch.int64, torch.bool, torch.bfloat16, torch.float16)
Sample = tuple[Schema, list[Any]]


@cache
def infos_by_name() -> dict[str, list[Any]]:
    """PyTorch's `OpInfo`s by the base name of the operator they sample: ``conv2d``, ``linalg_norm``."""
    table: dict[str, list[Any]] = {}
    for info in op_db:
        bare = re.sub(r"^nn\.functional\.", "", info.name)
        names = {bare.replace(".", "_"), bare.rpartition(".")[2], info.aten_name or ""}
        for name in names - {""}:
            table.setdefault(name, []).append(info)
    return table


def torch_samples(base: str, dtype: torch.dtype, limit: int) -> Iterator[Sample]:
    """Samples of the overloads of ``aten::<base>``, at most `limit` of each overload."""
    taken: dict[str, int] = {}
    for info in infos_by_name().get(base, []):
        if dtype not in info.dtypes:
            continue
        torch.manual_seed(0)
        for sample in islice(info.sample_inputs("cpu", dtype, requires_grad=False), 60):
            given = [sample.input, *sample.args]
            if base == "where" and len(given) == 3:
                given = [given[1], given[0], given[2]]
            found = resolve(f"aten::{base}", given, sample.kwargs)
            if found is None:
                continue
            name = found[0].full_name
            taken[name] = taken.get(name, 0) + 1
            if taken[name] <= limit:
                yield found
