# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportReturnType=false
"""The schema of a function is a text with parts, as PyTorch's."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import tsc


def declared(
    x: torch.Tensor, n: int = 3, sizes: list[int] | None = None, *, k: float, d: dict[str, tuple[int, str]]
) -> tuple[torch.Tensor, int]:
    return x, n


class Module(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def parts(schema: Any) -> Any:
    def part(a: Any) -> Any:
        kind = a.type
        default = (a.default_value, a.has_default_value())
        return a.name, str(kind), kind.annotation_str, kind.kind(), default, a.kwarg_only, a.N

    return (
        str(schema).replace(f"{__name__}.", ""),
        schema.name,
        schema.overload_name,
        [part(a) for a in schema.arguments][schema.name == "forward" :],
        [part(a) for a in schema.returns],
    )


@pytest.mark.parametrize("program", [declared, Module()], ids=["function", "method"])
def test_a_schema_has_the_parts_that_pytorchs_has(program: Any) -> None:
    def schema(jit: Any) -> Any:
        scripted = jit.script(program)
        return scripted.schema if program is declared else scripted.forward.schema

    theirs, ours = parts(schema(torch.jit)), parts(schema(tsc))
    assert ours[1:] == theirs[1:]
    if program is declared:
        assert ours[0] == theirs[0]
        assert schema(tsc) == schema(tsc) == str(schema(torch.jit))
    else:
        assert schema(tsc).arguments[0].name == "self"


def test_a_module_that_was_not_initialized_is_refused() -> None:
    class Uninitialized(torch.nn.Module):
        def __init__(self) -> None:
            pass

        def forward(self) -> int:
            return 1

    for script in (torch.jit.script, tsc.script):
        with pytest.raises(RuntimeError, match="did you forget to call 'super\\(\\)'"):
            script(Uninitialized())
