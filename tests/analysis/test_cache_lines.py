"""Which rows meet in the same lines of the first cache."""

import pytest

from tsc.analysis.cache_lines import rows_collide
from tsc.dims import SizeEnvironment


@pytest.mark.parametrize(
    ("distance", "rows", "collide"),
    [
        (4096, 14, True),
        (8192, 9, True),
        (4096, 8, False),
        (2048, 14, False),
        (2048, 17, True),
        (4160, 14, False),
        (0, 14, False),
    ],
)
def test_more_rows_than_a_set_of_lines_holds(distance: int, rows: int, collide: bool) -> None:
    assert rows_collide(rows, distance) is collide


def test_of_symbolic_distances_nothing_is_known() -> None:
    assert not rows_collide(14, SizeEnvironment().symbol(8) * 4096)
