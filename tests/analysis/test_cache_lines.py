"""Which rows meet in the same lines of the first cache."""

import pytest

from tsc.analysis.cache_lines import rows_collide
from tsc.analysis.target import AVX2, AVX512, ptx
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
    ],
)
def test_more_rows_than_a_set_of_lines_holds(distance: int, rows: int, collide: bool) -> None:
    assert rows_collide(AVX512, distance, rows) is collide


def test_machines_take_as_many_rows_as_they_have_registers() -> None:
    assert rows_collide(AVX512, 4096)
    assert not rows_collide(AVX2, 4096)
    assert not rows_collide(ptx(), 4096, 14)
    assert not rows_collide(AVX512, SizeEnvironment().symbol(8) * 4096, 14)
    assert not rows_collide(AVX512, 0, 14)
