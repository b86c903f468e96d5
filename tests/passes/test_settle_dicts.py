"""`settle-dicts`: what a function writes into its own dicts is in those that it makes at its end."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

import tsc
from tests.passes.rewriting import rewritten
from tsc.dialects.torch_ops import PrimDictConstructOp
from tsc.passes.settle_dicts import SettleDicts

T, D = "!torch.tensor", "!torch.dict<str, tensor>"
KEYS = '%a = torch.constant.str "a"\n%b = torch.constant.str "b"\n'
MAKE = f"%d = torch.prim.DictConstruct keys(%a : !torch.str) values(%x : {T}) -> {D}\n"
WRITE = f'torch.operator "aten._set_item.str"(%d, %b, %y) : ({D}, !torch.str, {T}) -> ()\n'


def read(key: str) -> str:
    return f'%r = torch.operator "aten.__getitem__.Dict_str"(%d, %{key}) : ({D}, !torch.str) -> {T}\n'


def function(body: str, returned: str, kind: str) -> str:
    text = f"{KEYS}{MAKE}{body}func.return %{returned} : {kind}"
    return f"func.func @f(%x : {T}, %y : {T}) -> {kind} {{\n{text}\n}}"


def test_what_was_written_is_read_and_returned() -> None:
    _, module = rewritten(function(WRITE + read("b"), "r", T), SettleDicts())
    names = [op.name for op in module.walk()]
    assert "torch.aten._set_item.str" not in names
    end = next(op for op in module.walk() if op.name == "func.return")
    (taken,) = end.operands
    assert taken.name_hint == "y"


def test_a_dict_that_is_returned_is_made_at_the_end() -> None:
    _, module = rewritten(function(WRITE, "d", D), SettleDicts())
    (made,) = (op for op in module.walk() if isinstance(op, PrimDictConstructOp))
    assert [o.name_hint for o in made.operands] == ["a", "b", "x", "y"]


@pytest.mark.parametrize("body", [read("b") + WRITE, WRITE.replace("%b", "%k")], ids=["absent", "unknown"])
def test_what_may_raise_or_is_not_known_stays(body: str) -> None:
    text = function(body, "d", D).replace("%y : !torch.tensor)", "%y : !torch.tensor, %k : !torch.str)")
    _, module = rewritten(text, SettleDicts())
    assert "torch.aten._set_item.str" in [op.name for op in module.walk()]


Outputs = NamedTuple("Outputs", [("value", Tensor), ("parts", dict[str, Tensor])])  # noqa: UP014


class Writes(nn.Module):
    """Writes through a named tuple, and through the values of a dict in it."""

    def forward(self, x: Tensor, y: Tensor) -> Outputs:
        out = Outputs(x + y, {"first": torch.zeros(5)})
        out.value.add_(x)
        out.parts["first"][2] = 5
        out.parts["second"] = out.value[:2]
        out.value.mul_(2)
        return out


class Overwrites(nn.Module):
    """Keys that were there keep their places."""

    def forward(self, x: Tensor, y: Tensor) -> tuple[dict[str, Tensor], bool]:
        held: dict[str, Tensor] = {"z": x, "a": y}
        held["z"] = y * 2
        held["m"] = held["a"] + held["z"]
        held["a"] = held["m"]
        return held, "m" in held


@pytest.mark.parametrize("program", [Writes, Overwrites])
def test_programs_that_fill_dicts_are_native(program: type[nn.Module]) -> None:
    x, y = torch.arange(4.0), torch.ones(4)
    compiled: Any = tsc.optimize_for_inference(tsc.freeze(tsc.script(program().eval())))
    wanted = program()(x, y)
    for _ in range(3):
        got = compiled(x, y)
        torch.testing.assert_close(tuple(got), tuple(wanted))
        assert list(got[1] if program is Writes else got[0]) == list(
            wanted[1] if program is Writes else wanted[0]
        )
    assert "native" in str(compiled.specializations())


def test_what_shares_memory_in_a_dict_still_does() -> None:
    compiled: Any = tsc.freeze(tsc.script(Writes().eval()))
    for _ in range(3):
        out = compiled(torch.ones(4), torch.ones(4))
        out.value.zero_()
        assert torch.equal(out.parts["second"], torch.zeros(2))


class Cached(nn.Module):
    """Looks into a dict that it is given before it writes into it, and counts its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: int = 0

    def forward(self, x: Tensor, cache: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        if "x" in cache:
            x = torch.cat([cache["x"], x], 1)
        cache["x"] = x
        self.calls += 1
        cache["calls"] = torch.tensor(self.calls)
        return x.sum(1), cache


def test_what_a_dict_is_asked_before_it_is_written_decides_branches() -> None:
    compiled: Any = tsc.freeze(tsc.script(Cached().eval()))
    wanted = Cached().eval()
    cache: dict[str, Tensor] = {}
    other: dict[str, Tensor] = {}
    for step in range(6):
        x = torch.full((2, 1), float(step))
        result, cache = compiled(x, cache)
        expected, other = wanted(x, other)
        torch.testing.assert_close((result, cache), (expected, other))
        assert list(cache) == list(other)
    assert "mixed" not in str(compiled.specializations())


@pytest.mark.parametrize("kind", [int, float, bool])
def test_a_tensor_of_a_number_from_a_tensor_is_another_tensor(kind: type) -> None:
    def of_int(x: Tensor) -> Tensor:
        return torch.tensor(int(x))

    def of_float(x: Tensor) -> Tensor:
        return torch.tensor(float(x))

    def of_bool(x: Tensor) -> Tensor:
        return torch.tensor(bool(x))

    function: Any = {int: of_int, float: of_float, bool: of_bool}[kind]
    compiled: Any = tsc.script(function)
    for value in (
        torch.tensor(3),
        torch.tensor(2.75),
        torch.tensor(True),
        torch.tensor(2.5, dtype=torch.float64),
    ):
        for _ in range(3):
            got, wanted = compiled(value), function(value)
            assert (got.dtype, got.item()) == (wanted.dtype, wanted.item())
            assert got.data_ptr() != value.data_ptr()
