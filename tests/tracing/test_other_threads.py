# pyright: reportUnknownMemberType=false
"""While one thread traces, others are neither recorded nor disturbed."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch

import tsc


def traced_while(example: Any, double: Callable[[Any], Any], other: Callable[[], Any]) -> tuple[Any, Any]:
    """The trace of `double`, during which another thread runs `other` to its end; and what that gave."""
    found: list[Any] = []

    def function(x: Any) -> Any:
        y = double(x)
        thread = threading.Thread(target=lambda: found.append(other()))
        thread.start()
        thread.join(60)
        return y

    made = tsc.trace(function, example, check_trace=False)
    return made, found[0]


class Constants(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.size(0) > 2:
            x = x[1:]
        return x + torch.tensor(2.0) + torch.as_tensor([1.0])


def doubled(x: Any) -> Any:
    return x + x


ONES = torch.ones(3)
OTHERS: dict[str, Callable[[], Any]] = {
    "script": lambda: tsc.script(Constants())(ONES).tolist(),
    "eager": lambda: Constants()(ONES).tolist(),
    "native": lambda: tsc.script(shifted)(ONES).tolist(),
}


def shifted(x: torch.Tensor) -> torch.Tensor:
    return x[1:] + 3.0


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("example", [ONES, tsc.Tensor(ONES.numpy())], ids=["torch", "tsc"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_another_thread_does_is_not_recorded_and_gives_what_it_always_gives(
    example: Any, other: str
) -> None:
    made, result = traced_while(example, doubled, OTHERS[other])
    assert result == [4.0, 4.0]
    nodes = [line for line in str(made.graph).splitlines() if "aten::" in line]
    assert [line.split("aten::")[1].split("(")[0] for line in nodes] == ["add"]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_two_traces_at_once_take_turns() -> None:
    graphs: list[str] = []
    start = threading.Barrier(2)

    def trace() -> None:
        start.wait()
        graphs.append(str(tsc.trace(doubled, ONES, check_trace=False).inlined_graph))

    threads = [threading.Thread(target=trace) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(set(graphs)) == 1
    assert len(graphs) == 2
