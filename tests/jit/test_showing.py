# pyright: reportUnknownMemberType=false
"""What objects show of themselves, and what users see of errors and warnings."""

from __future__ import annotations

import logging
import traceback
import warnings
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tsc
from tsc import tracebacks
from tsc.options import options

SOURCE = "def f(x, n: int): return torch.relu(x) * n"
LIBRARY = str(Path(tsc.__file__).parent)


def linear() -> Any:
    return tsc.script(tsc.nn.Linear(3, 2).eval())


def zeros(*shape: int) -> Any:
    return np.zeros(shape, np.float32)


def test_a_function_says_what_it_is_compiled_for() -> None:
    function: Any = tsc.CompilationUnit(SOURCE).f
    assert repr(function) == "<tsc.ScriptFunction f>"
    function(zeros(4, 8), 3)
    assert repr(function) == "<tsc.ScriptFunction f: native for x: float32[4, 8], n: 3>"
    function(zeros(5), 3)
    assert repr(function) == "<tsc.ScriptFunction f: native for x: float32[5], n: 3, 1 more specialization>"


def test_a_module_says_that_it_is_frozen_and_what_it_is_compiled_for() -> None:
    module = linear()
    assert repr(module) == "RecursiveScriptModule(original_name=Linear)"
    frozen = tsc.freeze(module)
    assert repr(frozen) == "RecursiveScriptModule(original_name=Linear, frozen)"
    frozen(zeros(1, 3))
    said = "frozen, native for input: float32[1, 3]"
    assert repr(frozen) == f"RecursiveScriptModule(original_name=Linear, {said})"
    assert repr(frozen.forward).endswith(f".forward: {said}>")


def test_what_users_look_into_shows_itself_and_not_the_whole_program() -> None:
    frozen = tsc.freeze(linear())
    frozen(zeros(1, 3))
    assert repr(frozen.forward.last) == "<Specialization: native, 1 kernels>"
    assert len(repr(frozen.forward.unit)) < 60
    assert repr(frozen.ir) == "<IR at each stage: torch, frozen, value, fused, linalg, loop, llvm, asm, ptx>"


class Balanced(HTMLParser):
    """The tags that are open, and all that there were."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("is_called", [False, True])
def test_notebooks_show_a_page_of_its_own(is_called: bool) -> None:
    module = tsc.freeze(linear())
    if is_called:
        module(zeros(1, 3))
    showns: list[Any] = [module, module.forward]
    for shown in showns:
        text = shown._repr_html_()
        parser = Balanced()
        parser.feed(text)
        assert parser.open == []
        assert not {"script", "link", "img"} & parser.seen
        assert "torch.aten.linear" in text
        assert ("linalg.generic" in text) == is_called
        assert ("float32[1, 3]" in text) == is_called


def frames(error: BaseException) -> list[str]:
    return [frame.filename for frame in traceback.extract_tb(error.__traceback__)]


@pytest.mark.parametrize("kind", ["function", "module", "frozen", "script", "load"])
def test_tracebacks_have_the_frames_of_users(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        if kind == "function":
            tsc.CompilationUnit("def f(x): return x @ x").f(zeros(2, 3))
        elif kind == "script":
            tsc.script(not_torchscript)
        elif kind == "load":
            tsc.load("/there/is/no/such.pt")
        else:
            (linear() if kind == "module" else tsc.freeze(linear()))(zeros(1, 4))

    def own() -> list[str]:
        with pytest.raises(tsc.errors.TscError) as raised:
            fail()
        return [file for file in frames(raised.value) if file.startswith((LIBRARY, "<tsc"))]

    assert len(own()) == 1
    monkeypatch.setattr(options(), "traceback", "full")
    assert len(own()) > 2


def not_torchscript(x: tsc.Tensor) -> tsc.Tensor:
    return x.there_is_no_such_method()


def test_the_users_own_frames_inside_stay() -> None:
    @tsc.jit.ignore
    def inner(x: tsc.Tensor) -> tsc.Tensor:
        return tsc.CompilationUnit("def f(x): return x @ x").f(x)

    def outer(x: tsc.Tensor) -> tsc.Tensor:
        return inner(x)

    with pytest.raises(tsc.errors.TscError) as raised:
        tsc.script(outer)(tsc.zeros(2, 3))
    assert frames(raised.value).count(__file__) == 2


def test_a_warning_is_in_the_line_of_the_user_and_comes_once() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            tracebacks.warn_user("something")
        tracebacks.warn_user("something")
    assert [Path(w.filename).name for w in caught] == [Path(__file__).name] * 2


def test_a_module_that_is_not_frozen_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def said(module: Any, *, hints: bool) -> list[str]:
        caplog.clear()
        monkeypatch.setattr(options(), "hints_at_freezing", hints)
        with caplog.at_level(logging.WARNING, "tsc"):
            for rows in (1, 1, 1, 2, 2, 2):
                module(zeros(rows, 3))
        return [record.getMessage() for record in caplog.records if "not frozen" in record.getMessage()]

    (text,) = said(linear(), hints=True)
    assert text.startswith("Linear is called often and not frozen: tsc.optimize_for_inference(module)")
    assert said(linear(), hints=False) == []
    assert said(tsc.freeze(linear()), hints=True) == []
    assert said(tsc.script(tsc.nn.Linear(3, 2).train()), hints=True) == []


def test_a_module_whose_calls_are_recorded_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(options(), "hints_at_freezing", True)
    monkeypatch.setattr(options(), "native_gradients", "never")
    module: Any = tsc.script(tsc.nn.Linear(3, 2).eval())
    with caplog.at_level(logging.WARNING, "tsc"):
        with tsc.no_grad():
            module(tsc.zeros(2, 3))
        before = len(caplog.records)
        for _ in range(50):
            module(tsc.zeros(2, 3))
    (record,) = caplog.records[before:]
    assert record.getMessage().startswith(
        "Linear is called often while gradients are recorded, which is slow"
    )
