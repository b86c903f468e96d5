"""Writes the table of docs/language.md: each feature, the tests that compare it with PyTorch, how they ended.

python -m tools.language_table
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/language.md"
DIFFERENT = "expected to differ"
BEGIN, END = "<!-- written by tools/language_table.py -->\n", "<!-- end of the table -->\n"
TESTS = [
    f"tests/{name}"
    for name in ("archive", "conformance", "frontend", "jit", "printing", "samples", "tracing")
]


@dataclass(frozen=True)
class Feature:
    """A row of the table: the tests whose name matches are about it."""

    section: str
    name: str
    pattern: str

    def tests(self, ids: list[str]) -> list[str]:
        """Those among `ids` that are about it."""
        return [i for i in ids if re.search(self.pattern, i)]


CASE = r"(?:pytorch_does|in_the_other_library_what_it_did)\["
"""How the names of tests of the conformance corpus go on."""
GAP = r"what_torch_script_does\["
"""How the names of the language tests go on."""
FEATURES = [
    Feature(section, name, pattern.replace("{case}", CASE).replace("{gap}", GAP))
    for section, rows in tomllib.loads((ROOT / "tools/language_features.toml").read_text()).items()
    for name, pattern in rows.items()
]


class Recorder:
    """How the tests of a run ended, by name."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.reasons: dict[str, None] = {}
        """Why tests are expected to differ, each reason once."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note one phase of a test."""
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[report.nodeid] = report.outcome
            if hasattr(report, "wasxfail"):
                self.outcomes[report.nodeid] = DIFFERENT
                self.reasons[report.wasxfail.removeprefix("reason: ")] = None


def collected() -> list[str]:
    """The names of all tests."""
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "--collect-only", "-q", *TESTS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [line for line in done.stdout.splitlines() if "::" in line]


def tables(recorder: Recorder) -> str:
    """The tables in Markdown, and why what differs does."""
    outcomes = recorder.outcomes
    lines: list[str] = []
    section = ""
    for feature in FEATURES:
        if feature.section != section:
            section = feature.section
            lines += [f"\n| {section} | tests | as in PyTorch |", "|---|---|---|"]
        ended = [outcomes[i] for i in feature.tests(list(outcomes))]
        different = ended.count(DIFFERENT)
        ran = len(ended) - ended.count("skipped")
        name = feature.name.replace("|", "\\|")
        lines.append(f"| {name} | {ran} | {'all' if not different else f'all but {different}'} |")
    lines += ["\nExpected to differ:\n", *(f"- {reason}." for reason in recorder.reasons)]
    return "\n".join(lines).lstrip("\n") + "\n"


def main() -> int:
    """Run the tests and write the page; the exit code."""
    recorder = Recorder()
    pytest.main(["-n", "auto", "-q", *(str(ROOT / t) for t in TESTS)], plugins=[recorder])
    failed = [name for name, outcome in recorder.outcomes.items() if outcome == "failed"]
    if failed:
        print(f"the table is not written: {len(failed)} tests failed", file=sys.stderr)
        return 1
    before, rest = PAGE.read_text().split(BEGIN)
    PAGE.write_text(before + BEGIN + tables(recorder) + END + rest.split(END)[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
