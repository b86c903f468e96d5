"""From a seed to a hostile archive: which archive of the corpus, and which changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from tests.fuzz.archives import code_mutations, pickle_mutations, text_mutations, zip_mutations
from tests.fuzz.archives.zips import Draft, read, written

Mutation = Callable[[Draft, Random], str]
LEVELS: dict[str, tuple[Mutation, ...]] = {
    "zip": zip_mutations.MUTATIONS,
    "pickle": (pickle_mutations.objects,),
    "code": (code_mutations.code,),
    "text": (*text_mutations.MUTATIONS, pickle_mutations.debug, pickle_mutations.debug),
}
WEIGHTS = {"zip": 2, "pickle": 4, "code": 4, "text": 1}


@dataclass(frozen=True)
class Change:
    """One change: which level, and the seed of its numbers."""

    level: str
    seed: int


@dataclass(frozen=True)
class Recipe:
    """How a hostile archive is made."""

    base: str
    """The name of the archive in the corpus."""
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Mutant:
    """A hostile archive."""

    data: bytes
    told: tuple[str, ...]
    """What was changed, in words."""
    is_code_kept: bool
    """Whether every file of code is as it was: only then may its programs be run."""


def recipe_of(seed: int, names: Sequence[str]) -> Recipe:
    """The recipe of a seed."""
    numbers = Random(seed)
    levels = numbers.choices(list(WEIGHTS), list(WEIGHTS.values()), k=numbers.choice((1, 1, 1, 2, 3)))
    changes = tuple(Change(level, numbers.randrange(2**32)) for level in levels)
    return Recipe(numbers.choice(sorted(names)), changes)


def mutant_of(recipe: Recipe, corpus: Mapping[str, bytes]) -> Mutant:
    """The archive of a recipe."""
    draft = read(corpus[recipe.base])
    code = {e.name: e.stored() for e in draft.code()}
    told: list[str] = []
    for change in recipe.changes:
        numbers = Random(change.seed)
        if draft.entries:
            told.append(numbers.choice(LEVELS[change.level])(draft, numbers))
    data = written(draft)
    is_kept = {e.name: e.stored() for e in draft.code()} == code and all(
        part in data for part in code.values()
    )
    return Mutant(data, tuple(told), is_kept)
