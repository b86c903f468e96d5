"""docs/options.md says what options.py says of each option."""

from dataclasses import fields

from tools.options_page import PAGE, described, page
from tsc.options import Options, environment_variables


def test_the_page_is_what_the_options_say() -> None:
    assert PAGE.read_text() == page(), "write it anew: python -m tools.options_page (or: make docs)"


def test_every_option_and_every_variable_is_on_the_page() -> None:
    assert set(described()) == {option.name for option in fields(Options)}
    assert all(f"`{name}`" in page() for name in environment_variables())
