"""A small share of the storms, the same in every run."""

from tests.fuzz import threads


def test_first_calls_scripting_tracing_and_saving_in_eight_threads() -> None:
    threads.prepare()
    assert threads.storm(0) == []


def test_forks_while_other_threads_compile_and_trace() -> None:
    threads.prepare()
    assert threads.fork_storm(0, 4) == []
