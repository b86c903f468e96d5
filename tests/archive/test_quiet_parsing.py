"""Code of archives is read without Python's warnings about how it is written, whatever filters there are."""

from __future__ import annotations

import ast
import threading
import warnings
import zipfile
from typing import Literal

import pytest

import tsc
from tests.archive.test_bad_archives import GOOD, rewritten
from tsc.archive.quiet_parsing import parsed_quietly

WARNED_OF = [r"x = '\d'", "x = 1if y else 3", "x = 0xfor 1", r"x = '\777'", r"x = f'{y:\d}'"]
"""Python warns of each."""


@pytest.mark.parametrize("text", WARNED_OF)
@pytest.mark.parametrize("action", ["error", "always", "ignore"])
def test_nothing_is_warned_of(
    text: str, action: Literal["error", "always", "ignore"], capsys: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        assert ast.unparse(parsed_quietly(text))
    assert capsys.readouterr().err == ""


def test_text_that_is_no_python_is_an_error_all_the_same() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(SyntaxError, match="line 1"):
            parsed_quietly("x = = 1")


def test_one_filter_is_added_once_and_concerns_nothing_else() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        parsed_quietly("x = 1")
        filters = list(warnings.filters)
        parsed_quietly("x = 1")
        assert list(warnings.filters) == filters
        with pytest.raises(SyntaxError, match="invalid decimal literal"):
            ast.parse("x = 1if y else 3")


def test_threads_that_change_filters_do_not_matter() -> None:
    ends = threading.Event()

    def change() -> None:
        while not ends.is_set():
            with warnings.catch_warnings():
                warnings.simplefilter("error")

    with warnings.catch_warnings():
        other = threading.Thread(target=change)
        other.start()
        try:
            for _ in range(2000):
                parsed_quietly("x = 1if y else 3")
        finally:
            ends.set()
            other.join()


def test_archives_are_loaded_without_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile(GOOD) as source:
        codes = {i.filename.partition("/")[2]: source.read(i) for i in source.infolist()}
    changed = {
        name: data + b"def f(x: \"List['\\d']\") -> int:\n  return 1if x else 2\n"
        for name, data in codes.items()
        if name.startswith("code/") and name.endswith(".py")
    }
    assert changed
    with warnings.catch_warnings():
        warnings.simplefilter("error", SyntaxWarning)
        warnings.simplefilter("error", DeprecationWarning)
        assert tsc.load(rewritten({**changed})).original_name == "DemoNet"
    assert capsys.readouterr().err == ""
