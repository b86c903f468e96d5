"""One program in all variants against PyTorch: what differs."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from . import variants
from .bare_process import BareProcess
from .comparing import MINOR, Difference, differences
from .conditioning import reason
from .dropping import with_all_needed, without_what_raises
from .ill_conditioned import DROPPED, REFUSED, RESIZED
from .observing import Leaf, Observation
from .program import Loaded, Program

RESIZING = re.compile(r"\.(t|transpose|swapaxes|swapdims|squeeze|unsqueeze|resize|as_strided|set|swap)_\(")
"""What gives a tensor other sizes or strides in place."""


@dataclass(frozen=True)
class Finding:
    """A variant that differs from PyTorch."""

    variant: str
    aspect: str
    detail: str
    call: int = 0
    """Which of the calls: 0 and 1 have the same sizes, 2 others."""

    @property
    def is_minor(self) -> bool:
        """Whether results are right all the same."""
        return self.aspect in MINOR

    @property
    def is_told(self) -> bool:
        """Whether a message says what is wrong."""
        return self.aspect in ("raises", "refuses", "fallback", "does not raise", "crash", "hang")

    def is_like(self, other: Finding) -> bool:
        """Whether two findings show the same fault, as far as one can tell."""
        if (self.variant, self.aspect) != (other.variant, other.aspect):
            return False
        return not self.is_told or _opening(self) == _opening(other)


def _opening(finding: Finding) -> str:
    """What a message begins with: the words before any value."""
    return " ".join(w for w in finding.detail.split() if w.isalpha() or w.endswith(":"))[:60]


@dataclass
class Outcome:
    """What came of one program."""

    status: str
    """``dropped`` (PyTorch does not compile it), ``raises`` (in PyTorch), or ``runs``."""
    findings: list[Finding] = field(default_factory=list[Finding])
    ill_conditioned: list[Finding] = field(default_factory=list[Finding])


def evaluate(program: Program, wanted: Sequence[str], bare: BareProcess, calls: int = 3) -> Outcome:
    """Run a program in the variants wanted, and compare each call with PyTorch's."""
    loaded = _loaded(program, calls)
    compiled = None if loaded is None else variants.jitted(loaded)
    if loaded is None or compiled is None:
        return Outcome("dropped")
    oracles = _oracles(variants.eager(loaded), compiled)
    outcome = Outcome("raises" if compiled[-1].error is not None else "runs")
    for variant in wanted:
        if variants.applies(variant, loaded):
            _judge(variant, loaded, oracles, coarsest_dtype(program.body), outcome, bare)
    return outcome


def _loaded(program: Program, calls: int) -> Loaded | None:
    """The program ready to be called; None if its text is broken, as the reducer's candidates may be."""
    try:
        loaded = replace(program.load(), count=calls, body=program.body)
        loaded.subject()
        loaded.calls()
    except Exception:
        return None
    return loaded


def _oracles(eager: list[Observation], compiled: list[Observation]) -> list[list[Observation]]:
    """By call: what PyTorch gives, compiled and eager, while they agree up to there. Where they differ
    (TorchScript drops writes through views whose schemas say nothing of memory, and operators that are dead
    although they would raise), either is right; and so is what Python computes, where TorchScript shows less
    of it (a list that was given is copied).
    """
    python = [eager[i : i + 1] for i in range(len(compiled))]
    return [
        [want, *seen, *(_valued(want, other) for other in seen)]
        for want, seen in zip(compiled, python, strict=True)
    ]


def _valued(want: Observation, other: Observation) -> Observation:
    """What `want` shows, with the values that the same places have in another observation."""
    values = {leaf.path: leaf for leaf in other.results + other.arguments}
    results, arguments = (
        [values.get(leaf.path, leaf) for leaf in leaves] for leaves in (want.results, want.arguments)
    )
    return replace(want, results=results, arguments=arguments)


def _judge(
    variant: str,
    loaded: Loaded,
    oracles: list[list[Observation]],
    coarsest: str,
    outcome: Outcome,
    bare: BareProcess,
) -> None:
    """Add what is wrong with one variant: its first call that differs."""
    got = variants.run(variant, loaded, bare)
    minor: list[Finding] = []
    for i, (seen, wanted) in enumerate(zip(got, oracles, strict=False)):
        found = min((_found(variant, seen, want, coarsest) for want in wanted), key=_severity)
        if not found:
            continue
        first = found[0]
        finding = Finding(variant, _aspect(first), first.detail, i)
        if finding.is_minor:
            minor = minor or [finding]
            continue
        why = (
            _excuse(finding, first.path, loaded)
            or _dropped(finding, seen, coarsest, loaded)
            or reason(first, _visible(variant, wanted[0]), lambda i=i: _again(variant, loaded, i))
        )
        if why is None:
            outcome.findings.append(finding)
        else:
            outcome.ill_conditioned.append(replace(finding, detail=why))
        return
    outcome.findings += minor


def _excuse(finding: Finding, path: str, loaded: Loaded) -> str | None:
    """Why an exception, or a module's tensor, is no fault."""
    if path.startswith("state") and finding.variant == "scripted" and RESIZING.search(loaded.body):
        return RESIZED
    if finding.aspect == "raises":
        return next((why for sentence, why in REFUSED.items() if sentence in finding.detail), None)
    return None


def _dropped(finding: Finding, seen: Observation, coarsest: str, loaded: Loaded) -> str | None:
    """Whether only one of tsc and PyTorch runs an operator that raises and that nothing needs. PyTorch raises
    as well where all values are needed; or what a variant gives is what Python gives without what raises.
    """
    if seen.error is None:
        eager = _other_program(loaded, without_what_raises, variants.eager)
        wanted = eager[finding.call] if eager is not None and len(eager) > finding.call else None
        is_same = wanted is not None and not _found(finding.variant, seen, wanted, coarsest)
        return DROPPED if is_same and not _runs(loaded) else None
    compiled = _other_program(loaded, with_all_needed, variants.jitted)
    raised = None if compiled is None else compiled[-1].error
    return DROPPED if raised is not None and _sentence(raised) == _sentence(seen.error) else None


def _runs(loaded: Loaded) -> bool:
    """Whether Python runs the program without an exception."""
    return variants.eager(loaded)[-1].error is None


def _other_program(
    loaded: Loaded, rewrite: Callable[[str], str], run: Callable[[Loaded], list[Observation] | None]
) -> list[Observation] | None:
    """What `run` gives for the program as `rewrite` changes it."""
    other = _loaded(Program(rewrite(loaded.body)), loaded.count)
    return None if other is None else run(other)


def _sentence(error: str) -> str:
    """What an exception says, without its classes."""
    return re.sub(r"^(\w+: )+", "", error)


def _found(variant: str, got: Observation, want: Observation, coarsest: str) -> list[Difference]:
    return differences(_visible(variant, got), _visible(variant, want), coarsest)


def _severity(found: list[Difference]) -> int:
    return 2 * len(found) - any(d.aspect in MINOR for d in found)


def _aspect(difference: Difference) -> str:
    head = difference.detail.split(":")[0]
    if difference.aspect == "raises" and head in ("script", "save", "load"):
        return "refuses"
    return head if difference.aspect == "raises" and head in ("hang", "crash") else difference.aspect


def _visible(variant: str, observation: Observation) -> Observation:
    """An observation without the module's own tensors, where the variant does not show them."""
    if variant == "scripted" or observation.error is not None:
        return observation
    shown = {leaf.path for leaf in observation.results + observation.arguments if not _is_state(leaf)}
    return replace(
        observation,
        arguments=[leaf for leaf in observation.arguments if leaf.path in shown],
        sharing=frozenset(pair for pair in observation.sharing if set(pair) <= shown),
    )


def _is_state(leaf: Leaf) -> bool:
    return leaf.path.startswith("state")


def _again(variant: str, loaded: Loaded, call: int) -> Callable[[], Observation]:
    """PyTorch's call once more, with new arguments."""
    subject, calls = loaded.subject(), loaded.calls()

    def run() -> Observation:
        made = variants.seen(subject, calls)
        return _visible(variant, made[min(call, len(made) - 1)])

    return run


def coarsest_dtype(body: str) -> str:
    """The least precise dtype a program may compute in."""
    for name, words in _COARSEST:
        if any(word in body for word in words):
            return name
    return "float64"


_COARSEST: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("bfloat16", ("bfloat16",)),
    ("float16", ("float16", "half")),
    ("float32", ("float32", "float()", "int", "bool", "ones", "zeros", "0.")),
)
