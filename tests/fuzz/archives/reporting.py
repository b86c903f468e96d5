"""Findings in groups, reduced to the fewest changes, and written as tests that run alone."""

from __future__ import annotations

import base64
import re
import textwrap
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from tests.fuzz.archives.mutating import Recipe, mutant_of
from tests.fuzz.archives.trying import Finding


@dataclass(frozen=True)
class Example:
    """A finding, and the archive that has it."""

    seed: int
    recipe: Recipe
    finding: Finding


@dataclass
class Group:
    """Findings with one cause, as far as can be told."""

    examples: list[Example]
    small: Example | None = None

    def line(self) -> str:
        """The group on one line."""
        finding, example = self.examples[0].finding, self.small or self.examples[0]
        detail = finding.detail.replace("\n", " ")[:110]
        head = f"{len(self.examples):5} {finding.step} {finding.kind}: {finding.where}"
        return f"{head} {detail} (seed {example.seed})"


def grouped(examples: Iterable[Example]) -> list[Group]:
    """The groups, most frequent first."""
    groups: dict[tuple[str, ...], Group] = {}
    for example in examples:
        groups.setdefault(example.finding.key(), Group([])).examples.append(example)
    return sorted(groups.values(), key=lambda g: -len(g.examples))


def reduced(example: Example, fails: Callable[[Recipe], bool]) -> Example:
    """The example with the fewest changes that still fails."""
    recipe = example.recipe
    for change in recipe.changes:
        fewer = replace(recipe, changes=tuple(c for c in recipe.changes if c is not change))
        if fails(fewer):
            recipe = fewer
    return replace(example, recipe=recipe)


def write(group: Group, corpus: Mapping[str, bytes], folder: Path) -> Path:
    """A test of the group's smallest archive."""
    example = group.small or group.examples[0]
    name = re.sub(r"\W+", "_", f"{example.finding.step}_{example.finding.kind}_{example.seed}")
    file = folder / f"test_archive_{name}.py"
    file.write_text(text_of(example, corpus), encoding="utf-8")
    return file


def text_of(example: Example, corpus: Mapping[str, bytes]) -> str:
    """The text of that test."""
    mutant, finding = mutant_of(example.recipe, corpus), example.finding
    told = "\n".join(
        [
            f"{finding.step} {finding.kind}: {finding.detail}",
            f"in {finding.where}",
            "",
            example.recipe.base,
            *mutant.told,
        ]
    )
    packed = base64.b64encode(zlib.compress(mutant.data, 9)).decode()
    return TEST.format(
        told=repr(told), recipe=repr(example.recipe), is_run=mutant.is_code_kept,
        data="\n".join(f'    "{line}"' for line in textwrap.wrap(packed, 100)),
    )  # fmt: skip


TEST = '''import base64
import zlib

TOLD = {told}
RECIPE = """{recipe}"""
DATA = (
{data}
)


def test_a_hostile_archive_does_no_harm():
    from tests.fuzz.archives.corpus import corpus
    from tests.fuzz.archives.worker import Tester

    tester = Tester(corpus())  # which has tried sound archives: what is imported and made once is there
    data = zlib.decompress(base64.b64decode(DATA))
    assert tester.trial.attempt(data, {is_run}, print).findings == [], TOLD
'''
