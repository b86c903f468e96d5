# pyright: reportUnknownMemberType=false
"""Lists and dicts of attributes in calls that record gradients: what is written stays, what is not is left
alone.
"""

import threading

import numpy as np
import pytest
import torch

import tsc
from tsc.interop import torch as torch_interop
from tsc.runtime.lending import Lending


def array(value: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.full(2, value, np.float32)


def test_a_container_that_is_only_read_keeps_its_own_arrays() -> None:
    lending, held = Lending(), [array(1), [array(2)]]
    before = list(held)
    with lending.call():
        lent = lending.lend(held)
        assert torch_interop.is_tensor(lent[0])
        assert torch_interop.is_tensor(lent[1][0])
        assert lending.lend(held) is lent
        assert all(a is b for a, b in zip(held, before, strict=True))
    assert all(a is b for a, b in zip(held, before, strict=True))


def test_what_is_written_comes_back_as_arrays_when_the_outermost_call_ends() -> None:
    lending, held, named = Lending(), [array(1)], {"a": array(1)}
    with lending.call():
        with lending.call():
            lending.lend(held).append(torch.ones(3))
        lending.lend(held).append([torch.ones(1)])
        lending.lend(named)["b"] = (torch.ones(2), 5)
        assert len(held) == 1
    assert [type(v) for v in held] == [np.ndarray, np.ndarray, list]
    assert type(held[2][0]) is np.ndarray
    assert type(named["b"][0]) is np.ndarray


def test_a_container_written_to_an_attribute_is_itself_or_the_original() -> None:
    lending, held = Lending(), [array(1)]
    with lending.call():
        assert lending.write(lending.lend(held)) is held
        own = [torch.ones(2), lending.lend(held)]
        assert lending.write(own) is own
        assert lending.lend(own) is own
    assert type(own[0]) is np.ndarray
    assert own[1] is held


def test_writes_into_a_read_only_array_stay() -> None:
    lending, fixed = Lending(), array(1)
    fixed.flags.writeable = False
    held = [fixed]
    with lending.call():
        lending.lend(held)[0].add_(1)
    np.testing.assert_array_equal(held[0], array(2))


class Remembering(torch.nn.Module):
    seen: list[torch.Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.seen = [torch.zeros(3)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(x.detach() * 2)
        return (x * self.seen[-1]).sum() + self.seen[0].sum()


def test_a_module_remembers_what_calls_with_gradients_appended() -> None:
    module, alike = tsc.script(Remembering()), Remembering()
    for _ in range(3):
        x = torch.ones(3, requires_grad=True)
        torch.testing.assert_close(module(x), alike(x))
    assert [t.tolist() for t in module.seen] == [t.tolist() for t in alike.seen]


class Reading(torch.nn.Module):
    parts: list[torch.Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.parts = [torch.ones(3), torch.ones(3)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for part in self.parts:
            x = x * part
        return x


@pytest.mark.parametrize("grad", [True, False])
def test_calls_with_and_without_gradients_at_once(grad: bool) -> None:
    module = tsc.script(Reading())
    module(torch.ones(3))
    inside, done = threading.Event(), threading.Event()
    lending = module.forward.interpreter.torch_operators.lending
    held = module._object.attributes["parts"]

    def lend() -> None:
        with lending.call():
            lending.lend(held)
            inside.set()
            done.wait(20)

    other = threading.Thread(target=lend)
    other.start()
    inside.wait()
    assert module(torch.ones(3, requires_grad=grad)).tolist() == [1, 1, 1]
    done.set()
    other.join()
