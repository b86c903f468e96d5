"""A small share of the hostile archives, at seeds that never change."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz import archives
from tests.fuzz.archives.corpus import corpus
from tests.fuzz.archives.mutating import Change, Recipe, mutant_of, recipe_of
from tests.fuzz.archives.pool import Worker
from tests.fuzz.task import Task

ARCHIVES = 120


def test_hostile_archives_do_no_harm(tmp_path: Path) -> None:
    report = archives.run(Task(seed=1, seconds=600, count=ARCHIVES, jobs=1, folder=tmp_path))
    assert report.tried == ARCHIVES
    assert report.failures == 0, str(report)


def test_sound_archives_are_taken() -> None:
    worker = Worker(corpus())
    try:
        outcomes = {name: worker.ask(Recipe(name, ())) for name in corpus()}
    finally:
        worker.close()
    assert {name for name, o in outcomes.items() if o.status != "compiled" or o.findings} == set()


def test_a_seed_is_an_archive() -> None:
    names = list(corpus())
    assert recipe_of(7, names) == recipe_of(7, names)
    assert mutant_of(recipe_of(7, names), corpus()).data == mutant_of(recipe_of(7, names), corpus()).data


def test_each_level_changes_something() -> None:
    for level in ("zip", "pickle", "code", "text"):
        whole = mutant_of(Recipe("Dense", ()), corpus()).data
        changed = [mutant_of(Recipe("Dense", (Change(level, seed),)), corpus()).data for seed in range(20)]
        assert sum(data != whole for data in changed) > 10
