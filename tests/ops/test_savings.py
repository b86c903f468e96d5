# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Gradients flow a second time through the operators through which they do in PyTorch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tsc.ops.definition import Operator
from tsc.ops.derivatives.savings import SHAPES_ALONE, reads_elements
from tsc.ops.registry import operators

from .matching import call_torch, cloned
from .samples import calls_of
from .test_derivatives import NAMES, REFUSED

pytestmark = pytest.mark.filterwarnings("ignore")

BY_ARGUMENTS = {
    "aten::pad": "nothing is kept where a constant is put around, of which there is no sample",
    "aten::batch_norm": "samples with weights ask for gradients of statistics too, which PyTorch refuses",
}
"""Operators of which the samples tell one half."""


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _tensors(inner)


def keeps_elements(operator: Operator, call: list[Any]) -> bool | None:
    """Whether PyTorch refuses a second gradient through a call; None where there is not even a first."""
    given = cloned(call)
    inputs = [t.requires_grad_() for t in _tensors(given) if t.is_floating_point()]
    try:
        results = _tensors(call_torch(operator.schema, given))
        made = [r for r in results if not r.is_complex() and all(r is not i for i in inputs)]
        (output, *_) = [r for r in made if r.requires_grad]
        torch.autograd.grad([output], inputs, [torch.ones_like(output)], allow_unused=True)
    except REFUSED:
        return None
    try:
        torch.autograd.grad([output], inputs, [torch.ones_like(output)], allow_unused=True)
    except RuntimeError as error:
        return "second time" in str(error)
    return False


def test_what_is_kept_is_what_pytorch_keeps() -> None:
    wrong: dict[str, list[bool]] = {}
    tried = set[str]()
    for operator in operators().values():
        if operator.schema.mutates or operator.name in NAMES:
            continue
        calls = calls_of(operator.schema)
        answers: list[bool] = []
        for call in (c for origin in ("float32", "handpicked") for c in calls.get(origin, [])):
            answer = keeps_elements(operator, call)
            answers += [] if answer is None else [answer]
            if answer is reads_elements(operator):
                break  # of others, it may depend on the arguments
        else:
            if answers:
                wrong[operator.name] = answers
        if answers:
            tried.add(operator.schema.name.partition("::")[2])
    assert wrong.keys() == BY_ARGUMENTS.keys()
    unknown = {name.partition(".")[0] for name in SHAPES_ALONE} - tried
    assert unknown == {"concat", "concatenate", "copy", "type_as", "zeros_like"}
