"""What loading, optimizing and running leaves behind: nothing that grows."""

import pytest

from tests.fuzz import leaks
from tests.fuzz.task import Task


@pytest.mark.skipif(not leaks.STATM.exists(), reason="memory is read from /proc")
def test_cycles_of_load_optimize_run_and_drop_keep_no_memory_and_no_files() -> None:
    assert leaks.run(Task(seconds=0)).failures == 0


def test_specializations_go_with_their_module() -> None:
    assert leaks.specializations_go(5) == []
