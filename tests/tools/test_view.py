# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""``python -m tsc view``: a page that needs nothing else, on which stages can be followed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch

from tsc import pipeline
from tsc.tools import viewing
from tsc.tools.command_line import MISUSED, REFUSED, main

VOID = {"meta", "input"}


class Layers(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3, padding=1)
        self.linear = torch.nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.conv(x))
        return torch.softmax(self.linear(y.mean(dim=[2, 3])), 1)

    @torch.jit.export
    def spectrum(self, x: torch.Tensor) -> torch.Tensor:
        if x.dim() > 7:
            raise ValueError("</script><b>&")
        return torch.fft.hfft(x * 2)


class Tags(HTMLParser):
    """Checks that tags are closed, and collects what they name."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("archive") / "layers<i>.pt")
    torch.jit.save(torch.jit.script(Layers().eval()), path)
    return path


def page(archive: str, folder: Path, *options: str) -> str:
    path = folder / "page.html"
    assert main(["view", archive, *options, "-o", str(path)]) == 0
    return path.read_text()


def data(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_page_needs_nothing_else(archive: str, tmp_path: Path) -> None:
    text = page(archive, tmp_path, "--input", "1x3x8x8xf32")
    tags = Tags()
    tags.feed(text)
    tags.close()
    assert tags.open == []
    assert {name for name, _ in tags.attributes}.isdisjoint({"src", "href"})
    script = text.rpartition("<script>")[2]
    assert not re.search(r"https?:|import\(|fetch|url\(|@import", script + text.partition("</style>")[0])
    assert "prefers-color-scheme: dark" in text
    assert "layers&lt;i&gt;.pt: forward</title>" in text


def test_an_operator_is_followed_through_all_stages(archive: str, tmp_path: Path) -> None:
    view = data(page(archive, tmp_path, "--input", "1x3x8x8xf32"))
    assert [stage["name"] for stage in view["stages"]] == list(pipeline.STAGE_NAMES)
    assert view["is_native"]
    (relu,) = (line for line in view["stages"][0]["lines"] if "torch.aten.relu" in line["text"])
    (origin,) = relu["origins"]
    assert view["places"][origin][-1]["file"].endswith("test_view.py")
    for stage in view["stages"]:
        texts = [line["text"] for line in stage["lines"] if origin in line["origins"]]
        assert any("relu" in text for text in texts), stage["name"]
    sources = [source for source in view["sources"] if origin in source["origins"]]
    assert [source["line"] for source in sources] == [place["line"] for place in view["places"][origin]]
    loop = view["stages"][-1]["lines"]
    assert any("vector." in line["text"] and origin in line["origins"] for line in loop)


def test_kernels_have_loops_and_passes_have_times(archive: str, tmp_path: Path) -> None:
    view = data(page(archive, tmp_path, "--input", "1x3x8x8xf32"))
    product = next(kernel for kernel in view["kernels"] if kernel["name"].startswith("convolution_relu"))
    assert product["kind"] == "contraction"
    assert product["loops"][0] == "parallel 4 x 8 x 8, reduction 3 x 3 x 3: aten::convolution"
    assert product["origins"]
    passes = [(entry["stage"], entry["name"]) for entry in view["passes"]]
    assert {stage for stage, _ in passes} == set(pipeline.STAGE_NAMES[1:])
    assert ("linalg", "fuse-elementwise") in passes
    assert len(set(view["phases"]) & {"passes", "emit", "llvm"}) == 3
    assert "define" in view["llvm"]
    assert "main:" in view["assembly"]


def test_the_programs_own_lines_come_before_those_of_libraries() -> None:
    files = ("/a/site-packages/torch/nn/functional.py", f"{viewing.PACKAGE}/nn/linear.py", "/zoo/net.py")
    files = ("code/__torch__.py", *files, "model.py")
    lines = viewing.source_lines([[viewing.Place(file, 1, "x")] for file in files])
    assert [line.file for line in lines[:2]] == ["/zoo/net.py", "model.py"]
    assert lines[-1].file == "code/__torch__.py"
    assert {line.file for line in lines} == set(files)


POINTING = """<script>
const lines = stage => [...columns.children[stage].querySelectorAll(".line")];
const point = element => element.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
const click = element => element.dispatchEvent(new MouseEvent("click", { bubbles: true }));
const count = () => [...columns.children].map(section => section.querySelectorAll(".line.same").length);
const height = () => columns.getBoundingClientRect().top;
const found = { top: height(), load: count() };
point(lines(0).find(line => line.textContent.includes("torch.relu")));
found.source = count(); found.origin = origin.textContent; found.pointedTop = height();
const relu = lines(3).find(line => line.textContent.includes("torch.aten.relu"));
const value = relu.querySelector(".value");
point(value);
found.value = count(); found.uses = [...document.querySelectorAll(".value.same")].map(use => use.textContent);
click(value); found.left = columns.scrollLeft;
point(lines(0)[0]); found.kept = count();
document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" })); found.released = count();
document.title = JSON.stringify(found);
</script>
"""


def test_pointing_marks_what_comes_from_one_place_and_moves_nothing(archive: str, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("requires Chromium")
    path = tmp_path / "pointing.html"
    path.write_text(
        page(archive, tmp_path, "--input", "1x3x8x8xf32").replace("</body>", POINTING + "</body>")
    )
    command = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/browser",
        "--window-size=1400,900", "--dump-dom", path.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found = json.loads(re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)[1])  # type: ignore[index]
    stages = slice(0, 1 + len(pipeline.STAGE_NAMES))
    assert sum(found["load"]) == sum(found["released"]) == 0
    assert all(found["source"][stages])
    assert all(found["value"][stages])
    assert "test_view.py" in found["origin"]
    assert set(found["uses"]) == {"%y"}
    assert len(found["uses"]) > 1
    assert found["pointedTop"] == found["top"]
    assert found["left"] == 0
    assert found["kept"] == found["value"]


def test_what_is_not_native_is_shown_down_to_its_groups(
    archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--input", "4x8xf32", "--method", "spectrum"]
    text = page(archive, tmp_path, *options)
    assert text.count("</script>") == 2
    view = data(text)
    assert not view["is_native"]
    assert "fft_hfft" in view["reason"]
    assert [stage["name"] for stage in view["stages"]] == ["torch", "frozen", "value", "fused"]
    capsys.readouterr()
    assert main(["view", archive, *options, "-o", str(tmp_path / "page.html"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["runs"], report["kernels"]) == ("mixed", [])


def test_names_of_files_need_not_be_of_the_locale(archive: str, tmp_path: Path) -> None:
    name = "\udcc3\udca9.pt"  # what Python makes of é in the locale C
    named = str(tmp_path / name)
    shutil.copy(archive, named)
    assert "é.pt: forward</title>" in page(named, tmp_path, "--input", "1x3x8x8xf32")


def test_mistakes(archive: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = ["-o", str(tmp_path / "page.html")]
    for options, code, words in (
        ([*output], MISUSED, "requires one --input for each argument"),
        (["--input", "4x8xf32", "-o", "no/folder/page.html"], MISUSED, "requires a folder that is there"),
        (["--input", "4x8xf32", "-o", str(tmp_path)], REFUSED, "Is a directory"),
        (["--input", "4x8xf32", "--method", "sing", *output], MISUSED, "requires one of forward, spectrum"),
    ):
        assert main(["view", archive, *options]) == code
        told = capsys.readouterr()
        assert words in told.err
        assert "Traceback (most" not in told.err
