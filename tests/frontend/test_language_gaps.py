# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportArgumentType=false, reportMissingImports=false, reportMissingTypeStubs=false
"""Rules of the language, a program each: tsc and `torch.jit.script` give the same values, or both refuse."""

import copy
import importlib
import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc
from tests.frontend import programs_archives as archives
from tests.frontend import programs_dataclasses as dataclasses_of

FILES = (
    "strings", "loops", "numbers", "containers", "unions", "enums", "classes", "refinement", "statements",
    "hooks", "assignments", "objects", "forms", "dataclasses",
)  # fmt: skip
DIFFERENT = {
    "u9": "PyTorch loses the refinement of `or` whose parts test one variable; tsc keeps it",
    "u10": "PyTorch forgets the type that annotate() gave to a constant; tsc keeps it",
    "mangled": "PyTorch takes the second class of a name for the first; tsc keeps them apart",
    "rev": "PyTorch has no reversed() of lists",
    "listlist_lit": "PyTorch types an inner [] as List[Tensor]; tsc by the type wanted",
    "isinst_none": "PyTorch does not read type(None) in isinstance",
}
"""Programs on which the two differ, and why."""
Outcome = tuple[str, Any]


def _cases() -> list[Any]:
    found: list[Any] = []
    for file in FILES:
        for i, (program, *arguments) in enumerate(
            importlib.import_module(f"tests.frontend.programs_{file}").CASES
        ):
            name = program.__name__
            marks = [pytest.mark.xfail(reason=DIFFERENT[name], strict=True)] if name in DIFFERENT else []
            found.append(pytest.param(program, arguments, id=f"{file}-{i}-{name}", marks=marks))
    return found


def outcome(script: Callable[[Any], Any], program: Any, arguments: list[Any]) -> Outcome:
    """What a scripted program returns and leaves of its arguments, or that it (or scripting it) fails."""
    try:
        if isinstance(program, type) and issubclass(program, torch.nn.Module):
            torch.manual_seed(0)
            program = program()
        given = copy.deepcopy(arguments)
        return "returned", [plain(script(program)(*given)), plain(given)]
    except Exception as error:
        return "failed", str(error)


def plain(value: Any) -> Any:
    """A result as something that `==` compares with types, dtypes and signs."""
    if isinstance(value, Tensor):
        return "Tensor", str(value.dtype), value.tolist()
    if isinstance(value, (list, tuple)):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return kind, [plain(v) for v in value]
    if isinstance(value, dict):
        return "dict", [(plain(k), plain(v)) for k, v in value.items()]
    is_bare = type(value).__repr__ is object.__repr__
    return type(value).__name__, plain(vars(value)) if is_bare else repr(value)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("program", "arguments"), _cases())
def test_a_program_does_what_torch_script_does(program: Any, arguments: list[Any]) -> None:
    wanted = outcome(torch.jit.script, program, arguments)
    found = outcome(tsc.script, program, arguments)
    assert found[0] == wanted[0], (found, wanted)
    if wanted[0] == "returned":
        assert found[1] == wanted[1]


# --- archives ---

ARCHIVED = ("strings", "loops", "numbers", "containers", "unions", "forms")
UNREADABLE = {
    "u7": "PyTorch cannot read the type of `x0` in its own code",
    "u8": "as u7",
    "u26": "as u7",
    "u16": "without a tensor among the arguments, a loaded function gives NumPy arrays",
    "u30": "as u16",
}
"""Programs whose archives mean something else, and why."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("file", ARCHIVED)
def test_archives_of_the_programs_run_in_both_libraries(file: str) -> None:
    different: list[str] = []
    for program, *arguments in importlib.import_module(f"tests.frontend.programs_{file}").CASES:
        wanted = outcome(torch.jit.script, program, arguments)
        is_known = program.__name__ in UNREADABLE or program.__name__ in DIFFERENT
        if wanted[0] == "failed" or isinstance(program, type) or is_known:
            continue
        for writer, reader in ((torch.jit, tsc), (tsc, torch.jit), (tsc, tsc)):
            loaded = outcome(
                lambda p, w=writer, r=reader: r.load(saved_by(w, w.script(p))), program, arguments
            )
            if loaded != wanted:
                different.append(f"{program.__name__}: {writer.__name__} to {reader.__name__}: {loaded}")
    assert not different


X = torch.arange(6.0).reshape(3, 2)
MODULES: dict[str, Callable[[], torch.nn.Module]] = {
    "hooks": archives.Hooked,
    "fork": archives.Forks,
    "percent and tolist": archives.Formats,
}


def saved_by(library: Any, module: Any) -> io.BytesIO:
    """The archive that `library` (torch.jit or tsc) writes of a scripted module."""
    stream = io.BytesIO()
    library.save(module, stream)
    stream.seek(0)
    return stream


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize(
    "writer", ["torch", "tsc", "tsc, of what torch wrote", "torch, frozen", "tsc, frozen"]
)
def test_archives_with_hooks_and_forks_run_in_both_libraries(name: str, writer: str) -> None:
    torch.manual_seed(1)
    module = MODULES[name]().eval()
    with torch.no_grad():
        wanted = plain(torch.jit.script(module)(X))
        scripted = (tsc if writer.startswith("tsc") else torch.jit).script(module)
        if writer.endswith("torch wrote"):
            scripted = tsc.load(saved_by(torch.jit, torch.jit.script(module)))
        if writer.endswith("frozen"):
            wanted = plain(
                torch.jit.freeze(torch.jit.script(module))(X)
            )  # without the outermost module's hooks
            scripted = (tsc if writer.startswith("tsc") else torch.jit).freeze(scripted)
        stream = saved_by(tsc if writer.startswith("tsc") else torch.jit, scripted)
        assert plain(tsc.load(stream)(X)) == wanted
        stream.seek(0)
        assert plain(torch.jit.load(stream)(X)) == wanted


def test_hooks_of_wrong_types_are_refused_with_torchs_words() -> None:
    def takes_no_tuple(self: Any, input: Tensor) -> None:
        pass

    module = archives.Hooked()
    module.inner.register_forward_pre_hook(takes_no_tuple)
    with pytest.raises(
        RuntimeError, match="expected the input argument to be typed as a Tuple but found type"
    ):
        torch.jit.script(module)
    with pytest.raises(
        RuntimeError, match="expected the input argument to be typed as a Tuple but found type"
    ):
        tsc.script(module)


# --- objects that cross the border ---


def test_an_object_made_by_the_program_can_be_handed_back_to_it() -> None:
    made = tsc.script(archives.make_counter)(3)
    assert made.count == 3
    assert tsc.script(archives.count_up)(made, 4) == 7
    assert made.count == 7
    assert [c.count for c in tsc.script(archives.make_counters)(2)] == [0, 1]


def returns_equal_tensors(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    y = x + 1
    return y, y.clone(), torch.zeros(2), torch.zeros(2)


@pytest.mark.parametrize("script", [torch.jit.script, tsc.script])
def test_results_computed_twice_are_two_tensors(script: Callable[[Any], Any]) -> None:
    results = script(returns_equal_tensors)(X)
    for result in results:
        result.add_(1)
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[2], torch.ones(2))
    assert torch.equal(results[3], torch.ones(2))


def test_a_live_object_is_scripted_and_a_number_stands_for_a_list_of_a_known_length() -> None:
    for script in (torch.jit.script, tsc.script):
        box = script(dataclasses_of.Box(3))
        box.v = 8
        assert (box.twice(), box.v) == (16, 8)
        scripted = script(archives.repeated)
        assert scripted(3) == [3, 3]
        assert scripted([1, 2]) == [1, 2]


def test_a_class_that_inherits_is_not_scripted_by_itself() -> None:
    for script in (torch.jit.script, tsc.script):
        with pytest.raises(RuntimeError, match="TorchScript classes does not support inheritance yet"):
            script(dataclasses_of.Derived)
        with pytest.raises(RuntimeError, match="pass an instance instead"):
            script(torch.nn.Linear)


def test_a_script_class_is_still_a_python_class_after_scripting() -> None:
    scripted = tsc.script(archives.Counter)
    assert scripted(5).count == 5
    assert tsc.script(archives.make_counter)(1).count == 1


# --- branches ---


def same_value_in_both_branches(x: torch.Tensor, k: int) -> torch.Tensor:
    if k > 0:
        if False:
            y = x + 1
        else:
            y = x
    else:
        y = x
    return y


def returns_the_same_value_early(x: torch.Tensor, k: int) -> torch.Tensor:
    if k > 0:
        return x + 1 if False else x
    return x


def test_a_variable_that_both_branches_set_to_one_value_is_defined_after_them() -> None:
    for function in (same_value_in_both_branches, returns_the_same_value_early):
        assert tsc.script(function)(torch.ones(1), 1).tolist() == [1.0]
