"""`remove-dropout`: dropout outside training is the identity, and only then."""

from __future__ import annotations

import pytest

from tests.passes.rewriting import assert_leaves, assert_rewrites
from tsc.passes.remove_dropout import RemoveDropout


def dropout(name: str, p: float, train: str) -> str:
    """A function that returns dropout of its argument; `train` is ``true``, ``false`` or ``argument``."""
    decided = "" if train == "argument" else f"%train = torch.constant.bool {train}"
    return f"""
    func.func @f(%x : !torch.tensor{", %train : !torch.bool" if not decided else ""}) -> !torch.tensor {{
      %p = torch.constant.float {p:e}
      {decided}
      %y = torch.aten.{name} %x, %p, %train : !torch.tensor, !torch.float, !torch.bool -> !torch.tensor
      func.return %y : !torch.tensor
    }}"""


def identity(p: float, train: str) -> str:
    """What is left: the constants, which `eliminate-dead-code` takes."""
    return f"""
    func.func @f(%x : !torch.tensor) -> !torch.tensor {{
      %p = torch.constant.float {p:e}
      %train = torch.constant.bool {train}
      func.return %x : !torch.tensor
    }}"""


NAMES = ("dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")


@pytest.mark.parametrize("name", NAMES)
def test_dropout_outside_training_goes(name: str) -> None:
    assert_rewrites(dropout(name, 0.5, "false"), identity(0.5, "false"), RemoveDropout())


@pytest.mark.parametrize("name", NAMES)
def test_dropout_of_nothing_goes(name: str) -> None:
    assert_rewrites(dropout(name, 0.0, "true"), identity(0.0, "true"), RemoveDropout())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("train", ["true", "argument"])
def test_dropout_while_perhaps_training_stays(name: str, train: str) -> None:
    assert_leaves(dropout(name, 0.5, train), RemoveDropout())


def test_dropout_in_place_goes() -> None:
    assert_rewrites(dropout("dropout_", 0.5, "false"), identity(0.5, "false"), RemoveDropout())
