"""docs/cli.md says what the verbs' own help says."""

from tools.cli_page import PAGE, page


def test_the_page_is_what_the_verbs_say() -> None:
    assert PAGE.read_text() == page(), "write it anew: python -m tools.cli_page (or: make docs)"


def test_the_page_names_options_as_the_verbs_have_them() -> None:
    text = page()
    assert "| `archive` | a .pt file" in text
    assert "| `-o, --output FILE` | " in text
    assert "| `--json` | print JSON" in text
    assert "\n    python -m tsc run model.pt --input 1x3x224x224xf32\n" in text
