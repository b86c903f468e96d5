# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnnecessaryComparison=false
"""Random programs whose results are differentiated: PyTorch's gradients against those of the tape."""

from __future__ import annotations

import copy
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import tsc
from tests.fuzz.programs.generator import generate
from tests.fuzz.task import Report, Task
from tsc.errors import TscError
from tsc.runtime.backward import gradients_of
from tsc.runtime.taping import TAPE, taping

UNSUITABLE = (
    "complex", "dropout", "rand", "seed", "float16", "bfloat16", ".half(", "multinomial", "class Subject",
    "special(", "sort(", "topk(", "median", "kthvalue", "uint8", "int8",
)  # fmt: skip
"""What has other gradients by chance, by rounding, or by which of equal elements is taken; PyTorch computes
some of small integers in those, which overflow (`atan2`).
"""
REFUSED = (
    "its derivative has no definition", "complex numbers", "make them again", "a count of repetitions",
    "gradients through this write are not computed",
)  # fmt: skip
"""Sentences that say what gradients are not computed of."""
NO_SCRIPT = "as TorchScript the program raises"
NOISES, NOISE = 6, 1e-9
"""How often the arguments are disturbed, and by how much, to see what rounding does."""
ILL_CONDITIONED = "rounding errors change PyTorch's gradients as much"
NO_PROGRAM = (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError, KeyError)


@dataclass(frozen=True)
class Case:
    """A program that PyTorch differentiates: its arguments, what of its results is, and the gradients."""

    function: Any
    body: str
    arguments: list[Any]
    cotangents: list[torch.Tensor | None]
    """One per tensor of the results; None where PyTorch has no gradient through it."""
    want: list[Any]
    again: Callable[[int], list[Any]]
    """PyTorch's gradients of arguments that differ by some noise, by its seed."""


def run(task: Task) -> Report:
    """Programs until the task is over."""
    warnings.simplefilter("ignore")
    findings: list[str] = []
    counts: Counter[str] = Counter()
    number = 0
    while not task.is_over(counts["agree"] + counts["refused"] + len(findings)):
        seed = task.seed * 1_000_000 + number
        number += 1
        case = case_of(seed)
        if case is None:
            continue
        found = difference(case)
        if found is None or found in (*REFUSED, ILL_CONDITIONED, NO_SCRIPT):
            counts["agree" if found is None else "refused"] += 1
        else:
            findings.append(f"gradients: seed {seed}: {found}\n{case.body}")
            print(findings[-1], flush=True)
    tried = counts["agree"] + counts["refused"] + len(findings)
    return Report(
        "gradients",
        tried,
        len(findings),
        [*findings, f"      {counts['refused']} refused by name, or ill-conditioned"],
    )


def tensors_in(value: Any) -> Iterator[Any]:
    """The tensors or arrays that a value holds, in order."""
    if isinstance(value, (torch.Tensor, np.ndarray)):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from tensors_in(inner)


def _mapped(value: Any, of_tensor: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return of_tensor(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_mapped(v, of_tensor) for v in value)
    return {k: _mapped(v, of_tensor) for k, v in value.items()} if isinstance(value, dict) else value


def _doubled(tensor: torch.Tensor) -> torch.Tensor:
    made = tensor.detach().contiguous().clone()
    return made.double() if made.is_floating_point() else made


def to_array(tensor: torch.Tensor) -> Any:
    """A copy."""
    return tensor.numpy().copy()


def case_of(seed: int) -> Case | None:
    """The program of a seed; None where it is not suited, or PyTorch has no gradients of it."""
    torch.manual_seed(0)
    with torch.no_grad():
        program = generate(seed)
    if any(word in program.body for word in UNSUITABLE):
        return None
    loaded = program.load()
    function = loaded.subject()

    def made() -> list[Any]:
        return _mapped(list(loaded.arguments(loaded.sizes[0])), _doubled)

    try:
        found = _oracle(function, made())
    except NO_PROGRAM:
        return None
    if found is None:
        return None
    cotangents, want = found

    def again(noise: int) -> list[Any]:
        generator = torch.Generator().manual_seed(noise)

        def disturbed(tensor: torch.Tensor) -> torch.Tensor:
            factors = torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
            return tensor * (1 + NOISE * factors) if tensor.is_floating_point() else tensor

        other = _oracle(function, _mapped(made(), disturbed))
        return [] if other is None else other[1]

    return Case(function, program.body, _mapped(made(), to_array), cotangents, want, again)


def _oracle(function: Any, given: list[Any]) -> tuple[list[torch.Tensor | None], list[Any]] | None:
    """For random gradients of the results, PyTorch's of the arguments; None where it has none."""
    inputs = [t.requires_grad_() for t in tensors_in(given) if t.is_floating_point()]
    results = list(tensors_in(function(*given)))
    outputs = [t for t in results if t.requires_grad]
    if not outputs or not inputs:
        return None
    generator = torch.Generator().manual_seed(1)
    cotangents = [
        torch.randn(t.shape, generator=generator).to(t.dtype) if t.requires_grad else None for t in results
    ]
    seeds = [c for c in cotangents if c is not None]
    found = torch.autograd.grad(outputs, inputs, seeds, allow_unused=True)
    want = [
        np.zeros(i.shape) if g is None else g.numpy(force=True) for g, i in zip(found, inputs, strict=True)
    ]
    return cotangents, want


def difference(case: Case) -> str | None:
    """What is wrong with our gradients of a program; one of `REFUSED` where there are none by name."""
    scripted: Any = tsc.script(case.function)
    try:
        scripted.interpreter.call(scripted.function, *copy.deepcopy(case.arguments))
    except TscError:
        return NO_SCRIPT
    try:
        got = gradients(scripted, case)
    except TscError as error:
        sentence = str(error).strip().rsplit("\n", 1)[-1]
        return next((text for text in REFUSED if text in sentence), f"raised {sentence}")
    for number, (mine, theirs) in enumerate(zip(got, case.want, strict=True)):
        gradient = np.zeros_like(theirs) if mine is None else mine
        if not _is_near(gradient, theirs, 1e-6):
            others = [case.again(seed) for seed in range(NOISES)]
            if any(other and not _is_near(other[number], theirs, 1e-5) for other in others):
                return ILL_CONDITIONED
            return f"gradient {number}: got {gradient!r:.200}, want {theirs!r:.200}"
    return None


def _is_near(mine: Any, theirs: Any, tolerance: float) -> bool:
    """Whether gradients agree; where some of PyTorch's are NaN, which ones depends on its ways."""
    scale = max(1.0, float(np.abs(np.nan_to_num(theirs)).max(initial=0)))
    if mine.shape != theirs.shape or np.isnan(theirs).any():
        return mine.shape == theirs.shape
    return np.allclose(mine, theirs, rtol=10 * tolerance, atol=tolerance * scale)


def gradients(scripted: Any, case: Case) -> list[Any]:
    """Our gradients: the program runs in the generic tier, and its calls are noted."""
    with taping():
        tape = TAPE.get()
        assert tape is not None
        inputs = [tape.require(a) for a in tensors_in(case.arguments) if a.dtype.kind == "f"]
        results = tensors_in(scripted.interpreter.call(scripted.function, *case.arguments))
        pairs = [(r, c.numpy()) for r, c in zip(results, case.cotangents, strict=True) if c is not None]
        outputs, seeds = [r for r, _ in pairs], [c for _, c in pairs]
        return list(gradients_of(tape, outputs, inputs, seeds, allow_unused=True))
