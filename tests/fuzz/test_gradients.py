"""A small share of the differentiated programs, the same in every run."""

from tests.fuzz import gradients
from tests.fuzz.task import Task


def test_random_programs_have_pytorchs_gradients() -> None:
    report = gradients.run(Task(seed=7, seconds=600, count=25))
    assert report.failures == 0, str(report)
    assert report.tried == 25
