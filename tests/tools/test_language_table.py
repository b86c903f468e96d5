"""The table of docs/language.md claims nothing that has no test."""

import re

from tools.language_table import BEGIN, END, FEATURES, PAGE, collected


def test_every_row_has_the_tests_it_says() -> None:
    names = collected()
    written = PAGE.read_text().split(BEGIN)[1].split(END)[0]
    counts = {
        name.replace("\\|", "|"): int(n)
        for name, n in re.findall(r"^\| (.+?) \| (\d+) \| all", written, re.M)
    }
    assert list(counts) == [feature.name for feature in FEATURES]
    for feature in FEATURES:
        tests = feature.tests(names)
        assert tests, feature
        assert 0 < counts[feature.name] <= len(tests), f"{feature}: run `make docs`"
