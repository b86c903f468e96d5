# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnnecessaryComparison=false, reportUnknownLambdaType=false
"""Random programs that differentiate themselves: PyTorch's gradients against those of the tape, and of native
programs with forward and backward in one.
"""

from __future__ import annotations

import copy
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

import tsc
from tests.fuzz.differentiating import differentiated, is_leaf
from tests.fuzz.programs.generator import generate
from tests.fuzz.programs.program import Loaded, Program
from tests.fuzz.programs.variants import HangError, limited, native
from tests.fuzz.task import Report, Task
from tsc.errors import TscError
from tsc.options import options

UNSUITABLE = (
    "complex", "dropout", "rand", "seed", "float16", "bfloat16", ".half(", "multinomial",
    "special(", "sort(", "topk(", "median", "kthvalue", "uint8", "int8",
)  # fmt: skip
"""What has other gradients by chance, by rounding, or by which of equal elements is taken; PyTorch computes
some of small integers in those, which overflow (`atan2`).
"""
REFUSED = (
    "its derivative has no definition", "complex numbers", "make them again", "a count of repetitions",
    "gradients through this write are not computed", "neither grows nor shrinks",
)  # fmt: skip
"""Sentences that say what gradients are not computed of."""
NOT_NATIVE = "not native: "
NO_SCRIPT = "as TorchScript the program raises"
NOISES, NOISE = 6, 1e-9
"""How often the arguments are disturbed, and by how much, to see what rounding does."""
ILL_CONDITIONED = "rounding errors change PyTorch's gradients as much"
NO_PROGRAM = (
    RuntimeError, ValueError, TypeError, IndexError, NotImplementedError, KeyError, AttributeError,
)  # fmt: skip
PROGRAMS_BETWEEN_LINES = 250
WAYS: dict[str, Callable[[Any], Any]] = {
    "tape": lambda module: module,
    "scripted": lambda module: module,
    "frozen": tsc.freeze,
    "optimized": lambda module: tsc.optimize_for_inference(tsc.freeze(module)),
}
"""What is done to a scripted module; on the tape it runs in the generic tier. Each program goes there, and in
one of the other ways.
"""
Gradients = list[Any]
"""PyTorch's, as arrays."""


@dataclass(frozen=True)
class Round:
    """A call of a program that differentiates itself, and PyTorch's gradients."""

    arguments: list[Any]
    """In arrays: what the program is given, and the gradients of its results."""
    want: Gradients
    keeps: bool
    """Whether the next call of the program is another one, for what it keeps of this."""
    again: Callable[[int], Gradients]
    """PyTorch's gradients of arguments that differ by some noise, by its seed."""
    scripted: Callable[[], Gradients]
    """What PyTorch's TorchScript gives, in which ``d["a"] += 1`` writes to no tensor, say."""


@dataclass(frozen=True)
class Case:
    """A program that PyTorch differentiates."""

    subject: Loaded
    differentiated: Loaded
    body: str
    rounds: list[Round]
    """Of its sizes, and of others, unless the program gives something else for these."""


def run(task: Task) -> Report:
    """Programs until the task is over."""
    warnings.simplefilter("ignore")
    findings: list[str] = []
    counts: Counter[str] = Counter()
    number = 0
    while not task.is_over(tried := counts["agree"] + counts["refused"] + len(findings)):
        seed = task.seed * 1_000_000 + number
        number += 1
        case = case_of(seed)
        if case is None:
            continue
        found = _all_ways(case, list(WAYS)[1 + number % 3], counts)
        if found is None or found in (*REFUSED, ILL_CONDITIONED, NO_SCRIPT):
            counts["agree" if found is None else "refused"] += 1
        else:
            findings.append(f"gradients: seed {seed}: {found}\n{case.body}")
            print(findings[-1], flush=True)
        if tried and tried % PROGRAMS_BETWEEN_LINES == 0:
            print(f"{tried} tried, {len(findings)} findings, next seed {seed + 1}", flush=True)
    lines = [f"      {counts['refused']} refused by name, or ill-conditioned", *_native_lines(counts)]
    return Report("gradients", tried, len(findings), [*findings, *lines])


def _native_lines(counts: Counter[str]) -> Iterator[str]:
    """How many programs were native, in each way, and why others were not."""
    for way in list(WAYS)[1:]:
        for sizes in ("static", "symbolic"):
            called, were = counts[f"{way} {sizes}"], counts[f"{way} {sizes} native"]
            yield f"      {way}, sizes {sizes}: {were} of {called} native"
    reasons = {key: n for key, n in counts.items() if key.startswith(NOT_NATIVE)}
    for reason in sorted(reasons, key=lambda key: -reasons[key])[:20]:
        yield f"      {reasons[reason]} {reason}"


def tensors_in(value: Any) -> Iterator[Any]:
    """The tensors that a value holds, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from tensors_in(inner)


def _mapped(value: Any, of_tensor: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return of_tensor(value)
    return [_mapped(v, of_tensor) for v in value] if isinstance(value, list) else value


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
    return case_of_program(program)


def case_of_program(program: Program) -> Case | None:
    """A program with its calls; None where PyTorch has no gradients of it."""
    loaded = program.load()
    given = _mapped(list(loaded.arguments(loaded.sizes[0])), _doubled)
    try:
        results, are_written = _traced(loaded, given)
        made = differentiated(program, given, results, are_written)
        if made is None or not made[1] or not any(map(is_leaf, _flat(given))):
            return None
        round_of = _rounds(loaded, made[0], len(list(tensors_in(results))))
        rounds = [round_of(loaded.sizes[0])]
    except NO_PROGRAM:
        return None
    if loaded.sizes[-1] != loaded.sizes[0] and not rounds[0].keeps:
        with suppress(*NO_PROGRAM):  # of these sizes it may be no program, or another one
            rounds.append(round_of(loaded.sizes[-1]))
    return Case(loaded, made[0], program.body, rounds)


def _flat(values: Sequence[Any]) -> list[Any]:
    return [inner for value in values for inner in (value if isinstance(value, list) else [value])]


def _traced(loaded: Loaded, given: list[Any]) -> tuple[Any, bool]:
    """What a program gives of leaves, and whether it writes to them, for which it gets copies."""

    def leaf(tensor: torch.Tensor) -> torch.Tensor:
        made = tensor.clone()
        return made.requires_grad_() if is_leaf(made) else made

    try:
        return loaded.subject()(*_mapped(given, leaf)), False
    except RuntimeError as error:
        if "a leaf Variable that requires grad" not in str(error):
            raise
    return loaded.subject()(*_mapped(given, lambda tensor: leaf(tensor).clone())), True


def _rounds(loaded: Loaded, module: Loaded, count: int) -> Callable[[Sequence[int]], Round]:
    """What makes the call of the program for some sizes."""

    def made(sizes: Sequence[int]) -> Round:
        given = _mapped(list(loaded.arguments(sizes)), _doubled)
        results, _ = _traced(loaded, given)
        tensors = list(tensors_in(results))
        if len(tensors) != count:
            raise ValueError("the program gives another count of tensors for these sizes")
        generator = torch.Generator().manual_seed(1)
        seeds = [
            torch.randn(t.shape, generator=generator, dtype=torch.float64).to(t.dtype)
            for t in tensors
            if t.requires_grad
        ]

        def again(noise: int) -> Gradients:
            noisy = torch.Generator().manual_seed(noise)

            def disturbed(tensor: torch.Tensor) -> torch.Tensor:
                factors = torch.rand(tensor.shape, generator=noisy, dtype=torch.float64)
                return tensor * (1 + NOISE * factors) if is_leaf(tensor) else tensor

            return _oracle(module, _mapped(given, disturbed), seeds)[0]

        arrays = _mapped([*given, *seeds], to_array)
        want, keeps = _oracle(module, given, seeds)
        return Round(arrays, want, keeps, again, lambda: _oracle(module, given, seeds, torch.jit.script)[0])

    return made


def _oracle(
    module: Loaded, given: list[Any], seeds: list[torch.Tensor], form: Callable[[Any], Any] = lambda m: m
) -> tuple[Gradients, bool]:
    """PyTorch's gradients, and whether the program keeps something of its call.

    Raises:
        ValueError: that is a tensor with gradients.
    """
    plain = module.subject()
    program = form(plain)
    before = _state_of(plain, program)
    found = program(*_mapped(given, torch.clone), *seeds)
    after = _state_of(plain, program)
    keeps = len(before) != len(after) or not all(map(_is_same, before, after))
    if any(buffer.requires_grad for buffer in program.buffers()):
        raise ValueError("the program keeps a tensor that its call has computed")
    leaves = [t for t in _flat(given) if is_leaf(t)]
    gradients = [
        np.zeros(leaf.shape) if g is None else g.numpy(force=True)
        for g, leaf in zip(found, leaves, strict=True)
    ]
    return gradients, keeps


def _state_of(plain: torch.nn.Module, program: torch.nn.Module) -> list[Any]:
    """What a module holds, and what the form of it that is called does: copies of tensors, and numbers."""
    held: list[Any] = [part for module in plain.modules() for part in _parts_of(vars(module))]
    return [*held, *(t.detach().clone() for t in (*program.parameters(), *program.buffers()))]


def _parts_of(value: Any) -> Iterator[Any]:
    if isinstance(value, torch.Tensor):
        yield value.detach().clone()
    elif isinstance(value, (bool, int, float, str)):
        yield value
    elif isinstance(value, (list, tuple, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _parts_of(inner)


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one.shape == other.shape and np.array_equal(one.numpy(), other.numpy(), equal_nan=True)
    return type(one) is type(other) and one == other


def _all_ways(case: Case, way: str, counts: Counter[str]) -> str | None:
    """What is wrong with our gradients of a program, on the tape and in another way; one of `REFUSED` where
    there are none by name.
    """
    if not _is_script(case):
        return NO_SCRIPT
    for name in ("tape", way):
        try:
            with limited():
                found = difference(case, name, counts)
        except HangError as error:
            found = f"it hangs in {error}"
        except Exception as error:  # anything but a `TscError` is a finding
            found = f"raised {type(error).__name__}: {error}"
        if found is not None:
            return found if found in (*REFUSED, ILL_CONDITIONED, NO_SCRIPT) else f"{name}: {found}"
    return None


def _is_script(case: Case) -> bool:
    """Whether the program itself runs here."""
    with native(False):
        try:
            given = case.subject.arguments(case.subject.sizes[0])
            tsc.script(case.subject.subject())(*_mapped(_mapped(given, _doubled), to_array))
        except TscError:
            return False
    return True


@contextmanager
def _compiled_at_once() -> Generator[None]:
    """The first call is compiled for its sizes, the next of other sizes for any."""
    found = options()
    before = found.profiled_runs, found.hints_at_freezing
    found.profiled_runs, found.hints_at_freezing = 0, False
    strategy = tsc.set_fusion_strategy([("STATIC", 1), ("DYNAMIC", 1)])
    try:
        yield
    finally:
        tsc.set_fusion_strategy(strategy)
        found.profiled_runs, found.hints_at_freezing = before


def difference(case: Case, way: str, counts: Counter[str]) -> str | None:
    """What is wrong with our gradients of a program in one way; `counts` is told whether it was native."""
    with native(way != "tape"), _compiled_at_once():
        try:
            module = WAYS[way](tsc.script(case.differentiated.subject()))
            for number, called in enumerate(case.rounds):
                got = module(*copy.deepcopy(called.arguments))
                if way != "tape":
                    _count(module, called, f"{way} {('static', 'symbolic')[number]}", counts)
                found = _wrong(got, called)
                if found is not None:
                    is_known = found in (ILL_CONDITIONED, NO_SCRIPT)
                    return found if is_known else f"call {number}: {found}"
        except TscError as error:
            sentence = _last_line(error)
            if any(sentence == _raised(called.scripted) for called in case.rounds):
                return NO_SCRIPT
            return next((text for text in REFUSED if text in sentence), f"raised {sentence}")
    return None


def _last_line(error: Exception) -> str:
    return str(error).strip().rsplit("\n", 1)[-1]


def _raised(call: Callable[[], object]) -> str | None:
    """What PyTorch raises, in a line."""
    try:
        call()
    except NO_PROGRAM as error:
        return _last_line(error)
    return None


def _count(module: Any, called: Round, name: str, counts: Counter[str]) -> None:
    last = module.forward.last
    counts[name] += 1
    if last is not None and last.is_native:
        counts[f"{name} native"] += 1
    elif last is not None:
        counts[f"{NOT_NATIVE}{last.reason}".splitlines()[0][:150]] += 1
    else:
        text = str(tsc.explain(module, *copy.deepcopy(called.arguments)))
        counts[next(line for line in text.splitlines() if NOT_NATIVE in line)[:200]] += 1


def _wrong(got: Sequence[Any], called: Round) -> str | None:
    for number, (mine, theirs) in enumerate(zip(got, called.want, strict=True)):
        gradient = np.zeros_like(theirs) if mine is None else mine
        if not _is_near(gradient, theirs, 1e-6):
            scripted = _given(called.scripted)
            if scripted and _is_near(gradient, scripted[number], 1e-6):
                continue
            if "is not implemented" in (_raised(called.scripted) or ""):
                return NO_SCRIPT  # it takes another branch, say, which has no gradient
            others = [_given(partial(called.again, seed)) for seed in range(NOISES)]
            if any(other and not _is_near(other[number], theirs, 1e-5) for other in others):
                return ILL_CONDITIONED
            return f"gradient {number}: got {gradient!r:.200}, want {theirs!r:.200}"
    return None


def _given(call: Callable[[], Gradients]) -> Gradients:
    """What PyTorch gives; nothing where it raises."""
    try:
        return call()
    except NO_PROGRAM:
        return []


def _is_near(mine: Any, theirs: Any, tolerance: float) -> bool:
    """Whether gradients agree; where some of PyTorch's are NaN, which ones depends on its ways."""
    scale = max(1.0, float(np.abs(np.nan_to_num(theirs)).max(initial=0)))
    if mine.shape != theirs.shape or np.isnan(theirs).any():
        return mine.shape == theirs.shape
    return np.allclose(mine, theirs, rtol=10 * tolerance, atol=tolerance * scale)
