# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportCallIssue=false, reportOperatorIssue=false
"""What cannot run without Python is refused, and named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from tests.ahead import programs_ahead as programs
from tests.ahead.client import library
from tsc.ahead import linker
from tsc.ahead.arguments import Axes
from tsc.errors import ArgumentError, RefusedError, ResourceError


def refusal(folder: Path, module: nn.Module, inputs: Sequence[str]) -> str:
    with pytest.raises(RefusedError) as caught:
        library(folder, module, {"forward": inputs})
    assert not (folder / "libmodel.so").exists()
    return str(caught.value)


def test_a_size_that_depends_on_data_is_named_with_its_line(tmp_path: Path) -> None:
    text = refusal(tmp_path, programs.Unique(), ["4xf32"])
    assert "forward cannot run without Python" in text
    assert "aten::_unique2" in text
    assert "torch.unique(x * 2.0)" in text or "programs_ahead.py" in text


class Printer(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        print(x)
        return x + 1


class Grower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(0, 4))

    def forward(self, x: Tensor) -> Tensor:
        self.seen = torch.cat([self.seen, x])
        return self.seen.sum()


class Sharer(nn.Module):
    """An attribute becomes another one, and is then written in place: both change."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("a", torch.zeros(4))
        self.register_buffer("b", torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        self.a.add_(x)
        y = self.b + 1
        self.b = self.a
        return y


class Tied(nn.Module):
    """A part of a constant is written in place."""

    def __init__(self) -> None:
        super().__init__()
        whole = torch.zeros(8)
        self.register_buffer("whole", whole)
        self.register_buffer("part", whole[:4])

    def forward(self, x: Tensor) -> Tensor:
        self.part.add_(x)
        return self.whole + 1


class Resizer(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.interpolate(x, scale_factor=2.0, mode="bilinear", antialias=True)


class Dropper(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.dropout(x, 0.5, training=True)


@pytest.mark.parametrize(
    ("module", "inputs", "words"),
    [
        (Printer(), ["4xf32"], ("prim::Print",)),
        (Grower(), ["2x4xf32"], ("seen", "float32[0, 4] first, and float32[2, 4] later")),
        (Sharer(), ["4xf32"], ("attribute 'a' is written in place", "become the same memory")),
        (Tied(), ["4xf32"], ("attribute 'part' is written in place, and another one shows its memory",)),
        (Resizer(), ["1x2x?x?widthxf32"], ("the size ?s0: requires a number", "the example")),
        (Dropper(), ["4xf32"], ("aten::dropout",)),
        (programs.Perceptron(), ["4x63xf32"], ("aten::linear", "cannot take arguments of these shapes")),
    ],
    ids=["prints", "grows", "shares", "tied", "resizes", "draws", "other-shape"],
)
def test_what_cannot_run_without_python_is_refused(
    tmp_path: Path, module: nn.Module, inputs: Sequence[str], words: Sequence[str]
) -> None:
    text = refusal(tmp_path, module, inputs)
    assert all(word in text for word in words), text


@pytest.mark.parametrize(
    ("methods", "words"),
    [
        ({"forward": []}, "requires one --input for each argument: 1 (x); got 0"),
        ({"backward": []}, "method: requires one of forward; got backward"),
        ({"forward": ["?Nx64xf32"]}, "requires sizes like 3, ?, ?batch or ?batch=8"),
        ({"forward": ["?n=1x64xf32"]}, "example sizes of at least 2"),
        ({"forward": ["4x64xf99"]}, "requires a shape like"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, methods: dict[str, list[str]], words: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        library(tmp_path, programs.Perceptron(), methods)
    assert words in str(caught.value)


def test_axes_of_one_name_are_one_size() -> None:
    axes = Axes()
    texts = ["?batchx3x?xf32", "[?batch=8x?xf32;4xf32]", "2x?xi64"]
    with pytest.raises(ArgumentError, match="batch is 40 and 8"):
        [axes.named(text) for text in texts]
    axes = Axes()
    assert [axes.named(t) for t in reversed(texts)] == ["2xs0xi64", "[s1xs2xf32;4xf32]", "s1x3xs3xf32"]
    assert axes.labels == ["s0", "batch", "s2", "s3"]
    assert axes.examples == [40, 8, 56, 64]
    assert axes.in_words("s1*s3 + 2") == "batch*s3 + 2"


@pytest.mark.parametrize(
    ("platform", "machine"), [("darwin", "arm64"), ("win32", "AMD64"), ("linux", "aarch64")]
)
def test_other_systems_are_named(monkeypatch: pytest.MonkeyPatch, platform: str, machine: str) -> None:
    monkeypatch.setattr(linker.sys, "platform", platform)
    monkeypatch.setattr("platform.machine", lambda: machine)
    with pytest.raises(ResourceError, match=f"requires Linux on x86-64.*got {platform} on {machine}"):
        linker.require_system()


class Halves(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return (x.half() * 2).float()


def test_what_needs_a_real_linker_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linker, "system_linker", lambda: None)
    with pytest.raises(ResourceError, match=r"'__\w+' .*Install gcc or binutils"):
        library(tmp_path, Halves(), {"forward": ["8xf32"]}, levels=["x86-64"])
