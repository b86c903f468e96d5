"""Archives of the programs that can be saved, in both directions: what one library wrote, the other runs."""

import io

import pytest
import torch

import tsc
from tests.conformance.test_conformance import CASES, Outcome, same

SAVED = {name: case for name, case in CASES.items() if case.raises is None}
DIFFERENT = {
    "refine_by_reassignment": "PyTorch's archives of functions lose the defaults of parameters; those of tsc keep them",
    "type_comment_signature": "as refine_by_reassignment",
}
"""Programs whose archives differ, and why."""


def buffer_of(jit, program):
    """The archive of a script function or module; None where the program is something around one."""
    if not isinstance(program, (torch.jit.ScriptFunction, torch.jit.ScriptModule, tsc.ScriptFunction, tsc.ScriptModule)):
        return None
    stream = io.BytesIO()
    jit.save(program, stream)
    stream.seek(0)
    return stream


class Unsaved(Exception):
    """There is nothing to save."""


def loaded(case, writer, *readers):
    """The program as `writer` compiled it, after an archive read by each of `readers` and saved by it again."""

    def build():
        program, saver = case.build(writer, torch), writer
        for reader in readers:
            stream = buffer_of(saver, program)
            if stream is None:
                raise Unsaved
            program, saver = reader.load(stream), reader
        return program

    return build


ROUTES = {
    "PyTorch to tsc": (torch.jit, tsc),
    "tsc to PyTorch": (tsc, torch.jit),
    "tsc to tsc": (tsc, tsc),
    "PyTorch to tsc to PyTorch": (torch.jit, tsc, torch.jit),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SAVED)
def test_a_saved_program_does_in_the_other_library_what_it_did(name):
    case = SAVED[name]
    wanted = Outcome(loaded(case, torch.jit, torch.jit), case)
    if isinstance(wanted.error, Unsaved):
        pytest.skip("the case is something around a program")
    wrong = []
    for route, libraries in ROUTES.items():
        found = Outcome(loaded(case, *libraries), case)
        if (found.error is None) != (wanted.error is None):
            wrong.append(f"{route}: {type(found.error).__name__}: {found.error}; in PyTorch: {wanted.error}")
        for got, want in zip(found.results, wanted.results, strict=False):
            if difference := same(got, want):
                wrong.append(f"{route}: {difference}")
    assert bool(wrong) == (name in DIFFERENT), wrong or "agrees now: take it out of DIFFERENT"
