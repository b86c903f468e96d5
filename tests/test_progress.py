"""How far compiling is: told to who asks, shown on a terminal, or logged."""

from __future__ import annotations

import io
import logging
from collections.abc import Generator

import numpy as np
import pytest
import torch

import tsc
from tsc import progress
from tsc.options import options
from tsc.progress import displays
from tsc.progress.displays import ERASE, Line


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = torch.nn.Linear(4, 8), torch.nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.softmax(self.first(x), -1))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return 1


@pytest.fixture(autouse=True)
def nobody_asks() -> Generator[None]:
    before = tsc.on_progress(None)
    yield
    tsc.on_progress(before)


def compile_net() -> object:
    module = tsc.optimize_for_inference(tsc.script(Net().eval()))
    return module(np.ones((3, 4), np.float32))


def test_each_step_is_told_in_order() -> None:
    seen: list[tsc.Progress] = []
    assert tsc.on_progress(seen.append) is None
    compile_net()
    works = list(dict.fromkeys(p.work for p in seen))
    assert works == ["freezing", "compiling Net.forward"]
    compiling = [p for p in seen if p.work == works[1]]
    assert [p.seconds for p in compiling] == sorted(p.seconds for p in compiling)
    assert [p.is_finished for p in compiling] == [False] * (len(compiling) - 1) + [True]
    kernels = [p for p in compiling if p.stage == "loop: schedule" and p.total]
    assert [p.done for p in kernels] == list(range(kernels[0].total))
    assert any(p.stage.startswith("value: ") for p in compiling)
    assert str(kernels[0]).startswith("compiling Net.forward: loop: schedule 0 of ")


def test_what_the_callback_raises_ends_the_work_and_the_next_call_compiles() -> None:
    module = tsc.optimize_for_inference(tsc.script(Net().eval()))

    def stop(now: tsc.Progress) -> None:
        if now.total:
            raise KeyboardInterrupt

    tsc.on_progress(stop)
    with pytest.raises(KeyboardInterrupt):
        module(torch.ones(3, 4))
    tsc.on_progress(None)
    module(torch.ones(3, 4))
    assert [s.tier for s in module.specializations()] == ["native"]


def test_a_terminal_shows_one_line_that_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(displays, "INTERVAL_SECONDS", 0.0)
    monkeypatch.setenv("TERM", "xterm")
    compile_net()
    shown = terminal.getvalue()
    lines = shown.split(ERASE)
    assert any(line.startswith("tsc: compiling Net.forward: loop: schedule") for line in lines)
    assert "\n" not in shown
    assert shown.endswith(ERASE)


def test_a_line_is_no_longer_than_the_terminal() -> None:
    terminal = Terminal()
    line = Line(terminal)
    line.show("x" * 1000, "", is_finished=False)
    assert len(terminal.getvalue()) < 400
    line.clear()
    line.clear()
    assert terminal.getvalue().count(ERASE) == 2


def test_without_a_terminal_the_log_has_a_line_for_each_stage(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.0)
    with caplog.at_level(logging.INFO, "tsc.progress"):
        compile_net()
    texts = [r.getMessage() for r in caplog.records if r.name == "tsc.progress"]
    assert sum("loop: schedule" in text for text in texts) == 1
    assert texts[-1].endswith("in all")


def test_short_work_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "tsc.progress"), progress.working("short"):
        progress.step("a")
    assert not caplog.records


def test_it_can_be_off(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(progress, "PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr(options(), "shows_progress", False)
    with caplog.at_level(logging.INFO, "tsc.progress"):
        compile_net()
    assert not caplog.records
