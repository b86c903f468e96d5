"""All that docs/tutorial.md shows runs, and prints what stands there, mostly without PyTorch."""

from __future__ import annotations

import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/tutorial.md"
WITH_TORCH = "<!-- requires torch -->"
SEPARATOR = "--- the next block ---"


@dataclass(frozen=True)
class Section:
    """A part of the page: its Python is one file, and its commands come after."""

    title: str
    text: str

    def blocks(self, language: str) -> list[str]:
        return re.findall(rf"^```{language}\n(.*?)^```", self.text, re.DOTALL | re.MULTILINE)

    def programs(self) -> list[tuple[str, str]]:
        """The Python blocks, and what they print."""
        pattern = r"^```python\n(.*?)^```\n(?:```text\n(.*?)^```)?"
        return re.findall(pattern, self.text, re.DOTALL | re.MULTILINE)

    def commands(self) -> list[tuple[str, str]]:
        """The commands, and what they print."""
        found: list[tuple[str, str]] = []
        for block in self.blocks("console"):
            for entry in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                command, _, printed = entry.partition("\n")
                found.append((command, printed))
        return found


def sections() -> list[Section]:
    parts = re.split(r"^## (.*)\n", PAGE.read_text(), flags=re.MULTILINE)[1:]
    return [Section(title, text) for title, text in zip(parts[::2], parts[1::2], strict=True)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what commands of the page name, and a place where Python finds no PyTorch."""
    made = tmp_path_factory.mktemp("tutorial")
    shutil.copytree(ROOT / "examples", made / "examples")
    (made / "alone").mkdir()
    (made / "alone/sitecustomize.py").write_text("import sys\nsys.modules['torch'] = None\n")
    (made / "bin").mkdir()
    for name, words in (("python", ""), ("tsc-opt", "-m tsc.tools.opt")):
        command = made / "bin" / name
        command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words} "$@"\n')
        command.chmod(0o755)
    return made


def run(command: list[str], folder: Path, *, has_torch: bool) -> str:
    """What a command prints; it fails where it fails."""
    paths = [*([] if has_torch else [str(folder / "alone")]), str(ROOT / "src")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "TSC_CACHE": "1",
        "TSC_CACHE_DIR": str(folder / "cache"),
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, f"{command}: {done.stdout[-1000:]}{done.stderr[-3000:]}"
    return done.stdout


def check(printed: str, shown: str, what: str) -> None:
    """What is printed is what is shown, where ``...`` stands for anything."""
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.OutputChecker().check_output(shown, printed, flags), f"{what}\nprints\n{printed}"


@pytest.mark.parametrize("section", sections(), ids=lambda section: section.title)
def test_a_section_does_what_it_shows(section: Section, folder: Path) -> None:
    has_torch = WITH_TORCH in section.text
    programs = section.programs()
    if programs:
        file = folder / f"{section.title.replace(' ', '_')}.py"
        file.write_text(f"\nprint({SEPARATOR!r})\n".join(program for program, _ in programs))
        printed = run([sys.executable, str(file)], folder, has_torch=has_torch).split(f"{SEPARATOR}\n")
        for (program, shown), text in zip(programs, printed, strict=True):
            check(text, shown, program)
    for command, shown in section.commands():
        check(run(["bash", "-c", command], folder, has_torch=has_torch), shown, command)


def test_every_block_is_run() -> None:
    text = PAGE.read_text()
    run_here = sum(len(s.programs()) + sum(bool(shown) for _, shown in s.programs()) for s in sections())
    run_here += sum(len(section.blocks("console")) for section in sections())
    assert text.count("```") == 2 * run_here
