# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportPrivateImportUsage=false, reportPrivateUsage=false, reportUnknownLambdaType=false
"""``fork`` and ``wait``: other threads do the work, without deadlocks, in the mode of who forks."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest
import torch
from torch import Tensor

import tsc
from tests.jit import forking
from tsc.errors import ResourceError
from tsc.runtime.futures import FORKS, ForkPool, Future, forked

X = torch.linspace(-1, 1, 16).reshape(4, 4)


def test_forked_functions_are_compiled_and_give_what_pytorch_gives() -> None:
    script, theirs = tsc.script(forking.pair), torch.jit.script(forking.pair)
    for _ in range(4):
        torch.testing.assert_close(script(X), theirs(X))
    made = script.interpreter.forked_calls._functions
    (heavy,) = [forked for function, forked in made.items() if function.short_name == "heavy"]
    newest = heavy._versions.newest
    assert newest is not None
    assert [found.is_native for found in newest.specializations.table.values()] == [True]


def test_two_forked_calls_run_at_once() -> None:
    torch.testing.assert_close(tsc.script(forking.together)(X), (X + 1) * 2)


@pytest.mark.parametrize("threads", [1, 2])
def test_forks_in_forked_calls_do_not_wait_for_one_another(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tsc.runtime.futures.FORKS", ForkPool(threads))
    script = tsc.script(forking.tree)
    torch.testing.assert_close(script(X, 6), torch.jit.script(forking.tree)(X, 6))


def test_work_that_no_thread_has_begun_is_done_by_who_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsc.runtime.futures.FORKS", ForkPool(0))
    made = [Future(threading.get_ident) for _ in range(3)]
    assert {future.wait() for future in made} == {threading.get_ident()}
    torch.testing.assert_close(tsc.script(forking.tree)(X, 3), torch.jit.script(forking.tree)(X, 3))


def test_an_exception_comes_when_it_is_waited_for() -> None:
    script = tsc.script(forking.failing)
    for _ in range(3):
        with pytest.raises(tsc.Error) as caught:
            script(X)
        text = str(caught.value)
        assert text.endswith("ValueError: too long")
        assert "torch.jit.wait(future) + 1" in text
        assert 'raise ValueError("too long")' in text
    torch.testing.assert_close(script(X[:1]), X[:1] + 1)
    torch.testing.assert_close(tsc.script(forking.never_waits)(X), X + 1)


def test_each_wait_raises_with_the_stack_of_its_own() -> None:
    def fail() -> None:
        raise ResourceError("none left")

    future = Future.of(fail)
    errors: list[Exception] = []
    for _ in range(2):
        with pytest.raises(ResourceError) as caught:
            future.wait()
        errors.append(caught.value)
    assert errors[0] is not errors[1]


def test_the_grad_mode_is_that_of_the_thread_that_forks() -> None:
    script, theirs = tsc.script(forking.modes), torch.jit.script(forking.modes)
    for _ in range(3):
        assert script(X) == theirs(X) == (True, False)
    with torch.no_grad():
        assert script(X) == theirs(X) == (False, False)
    assert torch.is_grad_enabled()


def test_forks_that_write_to_one_tensor_write_what_the_program_writes() -> None:
    script = tsc.script(forking.rows)
    for _ in range(20):
        x = torch.zeros(8, 4)
        expected = torch.arange(1.0, 9.0)[:, None].expand(8, 4)
        torch.testing.assert_close(script(x), expected)
        torch.testing.assert_close(x, expected)


def test_what_a_fork_writes_is_seen_after_the_wait() -> None:
    script = tsc.script(forking.seen_after_wait)
    for _ in range(20):
        before, after = script(torch.ones(3, 4) * 5)
        torch.testing.assert_close(before, torch.full((4,), 10.0))
        torch.testing.assert_close(after[0], torch.full((4,), 2.0))


@torch.no_grad()
@pytest.mark.parametrize("is_frozen", [False, True])
def test_attributes_that_a_forked_method_assigns_are_assigned(is_frozen: bool) -> None:
    theirs = forking.Counter().eval()
    module: Any = tsc.script(theirs)
    module = tsc.freeze(module, ["total", "calls"]) if is_frozen else module
    for _ in range(5):
        torch.testing.assert_close(module(X), theirs(X))
    torch.testing.assert_close(module.total, theirs.total)
    assert module.calls == 5


def test_gradients_go_through_forks() -> None:
    x = X.clone().requires_grad_()
    tsc.script(forking.pair)(x).sum().backward()
    y = X.clone().requires_grad_()
    forking.pair(y).sum().backward()
    torch.testing.assert_close(x.grad, y.grad)


def test_a_future_that_a_function_gives_back_gives_tensors() -> None:
    future = tsc.script(forking.future_of)(X)
    assert isinstance(future.wait(), Tensor)
    torch.testing.assert_close(future.wait(), forking.heavy(X))


def test_a_trace_records_a_function_that_forks_as_one_call() -> None:
    script = tsc.script(forking.two_noted)
    traced = tsc.trace(lambda x: script(x) * 2, (tsc.Tensor(X.numpy()),))
    assert str(traced.graph).count("prim::CallFunction") == 1
    torch.testing.assert_close(traced(X), 4 * X)


def test_then_is_called_when_the_work_is_done() -> None:
    begin, seen = threading.Event(), list[int]()
    future = forked(lambda: begin.wait(20) and 3)
    after = future.then(lambda done: seen.append(done.wait()) or done.wait() + 1)
    assert seen == []
    begin.set()
    assert after.wait() == 4
    assert seen == [3]


def test_there_are_no_more_threads_than_the_pool_may_have() -> None:
    pool, release = ForkPool(2), threading.Event()
    made = [Future(lambda: release.wait(20)) for _ in range(6)]
    for future in made:
        pool.submit(future)
    assert pool._threads == 2
    release.set()
    assert all(future.wait() for future in made)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_can_fork_calls_and_knows_which_are_lost() -> None:
    script = tsc.script(forking.pair)
    expected = [script(X) for _ in range(3)][-1]  # of compiled code, whose last bits are other ones
    begun, release = threading.Event(), threading.Event()

    def blocks() -> int:
        begun.set()
        release.wait(20)
        return 1

    running, waiting = forked(blocks), Future(lambda: 2)
    assert begun.wait(20)
    child = os.fork()
    if child == 0:
        os._exit(_child(script, expected, running, waiting))
    release.set()
    assert running.wait() == 1
    assert os.waitstatus_to_exitcode(_status_of(child)) == 0
    torch.testing.assert_close(script(X), expected)


def _child(script: Any, expected: Tensor, running: Future, waiting: Future) -> int:
    """How the child ends."""
    try:
        running.wait()
    except ResourceError:
        is_right = waiting.wait() == 2 and FORKS._idle == 0
        return 0 if is_right and bool((script(X) == expected).all()) else 1
    return 2


def _status_of(child: int) -> int:
    """The status of a child, which has 20 seconds to end."""
    for _ in range(2000):
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        time.sleep(0.01)
    os.kill(child, 9)
    return os.waitpid(child, 0)[1]
