"""Members replaced for a while: put back at the end, and in a child that lacks the thread that would."""

import os
import threading

import pytest

from tsc.interop.patching import changed, patched


class Owner:
    """Has `own`, and inherits `__repr__`."""

    def own(self) -> str:
        return "own"


def other(self: Owner) -> str:
    return "other"


def test_members_are_put_back_and_new_ones_go() -> None:
    with patched(Owner, {"own": other, "more": 1}):
        assert Owner().own() == "other"
        assert Owner.more == 1  # type: ignore[attr-defined]
    assert Owner().own() == "own"
    assert not hasattr(Owner, "more")


def test_changes_are_taken_back_when_the_body_raises() -> None:
    seen: list[str] = []

    def change():
        seen.append("in")
        return lambda: seen.append("out")

    with pytest.raises(KeyError), changed(change):
        raise KeyError
    assert seen == ["in", "out"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("is_own", [True, False], ids=["own-thread", "other-thread"])
def test_a_forked_child_has_only_the_changes_of_the_thread_that_forked(is_own: bool) -> None:
    def fork() -> int:
        child = os.fork()
        if child == 0:
            os._exit(0 if Owner().own() == ("other" if is_own else "own") else 1)
        return os.waitpid(child, 0)[1]

    statuses: list[int] = []
    with patched(Owner, {"own": other}):
        if is_own:
            statuses.append(fork())
        else:
            thread = threading.Thread(target=lambda: statuses.append(fork()))
            thread.start()
            thread.join()
    assert statuses == [0]
