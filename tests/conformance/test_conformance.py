"""TorchScript programs, each compiled by `tsc` and by PyTorch: values, dtypes, exceptions, warnings and prints agree."""

import contextlib
import importlib
import io
import sys
import warnings
from pathlib import Path

import pytest
import torch

import tsc

HERE = Path(__file__).parent
SHARED = HERE.parents[2] / "shared/conformance"
FOLDER = SHARED if SHARED.is_dir() else HERE
"""Where the programs are: beside the checkout, if they lie there, else their copies here."""
sys.path.insert(0, str(FOLDER))

from case import norm, same  # noqa: E402

EXPECTED: dict[str, str] = {}
"""Where `tsc` differs, and why. Strict: a case that agrees must go."""

CASES = {
    case.name: case
    for path in sorted(FOLDER.glob("c_*.py"))
    for case in importlib.import_module(path.stem).CASES
}


class Outcome:
    """What building and calling gave: results, arguments after the calls, prints, warnings, an exception."""

    def __init__(self, build, case):
        self.results, self.arguments, self.error, self.stage = [], [], None, None
        printed = io.StringIO()
        torch.manual_seed(0)
        with warnings.catch_warnings(record=True) as given, contextlib.redirect_stdout(printed):
            warnings.simplefilter("always")
            try:
                self._run(build, case)
            except Exception as error:
                self.error = error
        self.printed = printed.getvalue()
        self.warned = [(w.category.__name__, str(w.message)) for w in given]

    def _run(self, build, case):
        self.stage = "build"
        function = build()
        for make in case.calls:
            arguments = make()
            self.stage = "call"
            self.results.append(norm(function(*arguments)))
            self.arguments.append(norm(tuple(arguments)) if case.mutates_inputs else None)


def complaints(case, ours, theirs):
    """What is wrong with our outcome."""
    if case.raises is not None:
        return _about_exception(case, ours)
    if ours.error is not None:
        return [f"raised at {ours.stage}: {type(ours.error).__name__}: {ours.error}"]
    if theirs.error is not None:
        return [f"PyTorch raised {theirs.error}"]
    wrong = _differences(ours.results, theirs.results) + _differences(ours.arguments, theirs.arguments)
    if case.expect is not None:
        wrong += _differences(ours.results, [norm(e) for e in case.expect])
    if case.stdout and ours.printed != theirs.printed:
        wrong.append(f"printed {ours.printed!r}, not {theirs.printed!r}")
    if case.warns is not None and not any(k == case.warns[0] and case.warns[1] in text for k, text in ours.warned):
        wrong.append(f"no warning {case.warns}; got {ours.warned}")
    return wrong


def _about_exception(case, ours):
    name, text = case.raises
    if ours.error is None:
        return [f"nothing was raised; gave {ours.results}"]
    wrong = []
    if name not in [c.__name__ for c in type(ours.error).__mro__]:
        wrong.append(f"raised {type(ours.error).__name__}, not {name}: {ours.error}")
    if text not in str(ours.error):
        wrong.append(f"{text!r} is not in {str(ours.error)!r}")
    if case.raises_at is not None and ours.stage != case.raises_at:
        wrong.append(f"raised at {ours.stage}, not at {case.raises_at}")
    return wrong


def _differences(got, want):
    if len(got) != len(want):
        return [f"{len(got)} results, not {len(want)}"]
    return [d for g, w in zip(got, want, strict=True) if g is not None and (d := same(g, w))]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CASES)
def test_a_program_does_what_pytorch_does(name):
    case = CASES[name]
    theirs = Outcome(lambda: case.build(torch.jit, torch), case)
    ours = Outcome(lambda: case.build(tsc, torch), case)
    wrong = complaints(case, ours, theirs)
    assert bool(wrong) == (name in EXPECTED), wrong or "agrees now: take it out of EXPECTED"
