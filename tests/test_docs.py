"""The pages name files, verbs and functions that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tsc
from tsc.options import environment_variables
from tsc.tools.command_line import found_verbs

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted(ROOT.glob("docs/*.md"))]


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", page.read_text()):
        if "://" in target:
            continue
        linked = page.parent / target if target else page
        assert linked.exists(), target
        assert not anchor or anchor in anchors(linked), f"{target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_verbs_are_there(page: Path) -> None:
    named = set(re.findall(r"python -m tsc ([a-z]+)", page.read_text()))
    assert named <= set(found_verbs())


def test_the_conventions_name_what_is_there() -> None:
    text = (ROOT / "docs/conventions.md").read_text()
    assert all(row.split("|")[-2].strip() for row in text.splitlines() if row.startswith("|"))
    code = set(re.findall(r"`([^`]+)`", text))
    assert {name for name in code if re.fullmatch(r"tsc\.[a-z_]+", name) and not hasattr(tsc, name[4:])} == {
        "tsc.freze"
    }
    variables = {name.partition("=")[0] for name in code if name.startswith("TSC_")}
    assert variables <= environment_variables().keys()
