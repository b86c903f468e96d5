"""docs/cli.md says what the verbs' own help says."""

import pytest

from tools.cli_page import PAGE, page
from tsc.tools.command_line import found_verbs


def test_the_page_is_what_the_verbs_say() -> None:
    assert PAGE.read_text() == page(), "write it anew: python -m tools.cli_page (or: make docs)"


@pytest.mark.parametrize("name", found_verbs())
def test_a_verb_has_a_section_with_an_example_and_its_keys(name: str) -> None:
    _, _, rest = PAGE.read_text().partition(f"\n## {name}\n")
    section = rest.partition("\n## ")[0]
    assert f"\n    python -m tsc {name}" in section
    assert "\nKeys of --json: " in section
    assert "| `--json` | print JSON" in section


def test_the_page_names_options_as_the_verbs_have_them() -> None:
    text = page()
    assert "| `archive` | a .pt file" in text
    assert "| `-o, --output FILE` | " in text
    assert "| `--json` | print JSON" in text
    assert "\n    python -m tsc run model.pt --input 1x3x224x224xf32\n" in text
