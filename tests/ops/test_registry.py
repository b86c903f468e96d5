"""The registry is what PyTorch has: names, schemas, and what follows from them."""

from __future__ import annotations

import re

import pytest
import torch

from tsc.dialects import schema as schemas
from tsc.dialects.schema import parse
from tsc.ops.definition import Operator
from tsc.ops.registry import FAMILIES, operators

KINDS = {
    "pointwise", "gather", "view", "reshape", "reduction", "contraction", "window", "concat", "pad", "query",
    "item", "python", "inplace", "composite", "generic", "scan", "scatter", "sort", "join", "fourier",
    "places", "matrices", "random",
}  # fmt: skip


@pytest.fixture(scope="module")
def torch_schemas() -> dict[str, str]:
    found: dict[str, str] = {}
    for schema in torch._C._jit_get_all_schemas():  # pyright: ignore[reportPrivateUsage]
        name = schema.name + (f".{schema.overload_name}" if schema.overload_name else "")
        found.setdefault(name, str(schema))
    return found


def test_every_schema_is_pytorchs_own(torch_schemas: dict[str, str]) -> None:
    for name, operator in operators().items():
        if name.startswith("tsc::"):  # of a stream of random bits, which PyTorch has no name for
            continue
        assert name in torch_schemas, name
        assert parse(torch_schemas[name]) == operator.schema, name


def test_an_operator_is_registered_under_its_own_name() -> None:
    assert all(name == operator.name for name, operator in operators().items())


def test_kinds_are_the_documented_ones() -> None:
    assert {operator.kind for operator in operators().values()} <= KINDS


def test_gathers_say_what_must_be_checked() -> None:
    gathers = [o for o in operators().values() if o.kind == "gather"]
    assert gathers
    assert all(o.bounds is not None and o.lower is not None and o.infer is not None for o in gathers)


def test_whatever_lowers_also_infers() -> None:
    lowered = [o for o in operators().values() if o.lower is not None]
    assert [o.name for o in lowered if o.infer is None] == []


def test_in_place_operators_write_their_first_argument() -> None:
    def writes(operator: Operator) -> bool:
        return operator.schema.mutates

    assert [o.name for o in operators().values() if o.kind == "inplace" and not writes(o)] == []


def test_families_are_listed_once() -> None:
    assert len(set(FAMILIES)) == len(FAMILIES)


def test_overloads_resolve_to_operators_of_the_same_base() -> None:
    for name in ("aten::add", "aten::max", "aten::index_put_"):
        for schema in schemas.overloads(name):
            assert re.match(rf"{name}(\.|$)", schema.full_name)
