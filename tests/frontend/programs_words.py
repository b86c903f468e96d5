# type: ignore
# ruff: noqa
"""Programs that are called wrongly, or raise, and what is said then."""

import torch

from tests.frontend.programs_refused import Chosen, NoOperators


def called(a: int, b: int = 3) -> int:
    return a + b


class Called(torch.nn.Module):
    def forward(self, x: int) -> int:
        return x


class OwnError(Exception):
    pass


def raises_two() -> None:
    raise ValueError("a", 1)


def raises_held() -> None:
    held = ValueError("held")
    raise held


def raises_own() -> None:
    raise OwnError("mine")


def object_in_text(a: int) -> str:
    return f"{NoOperators()}"


def divided(a: int, b: int) -> int:
    return a // b


def chosen(a: Chosen) -> Chosen:
    return a


def no_name(a: int):
    b = nothing_of_the_kind
    return b


def no_names(a: int):
    return none_here + a


def keyword_default(a: int, *, b: int = 2):
    return a + b
