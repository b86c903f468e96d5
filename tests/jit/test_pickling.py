"""Script modules are copied and pickled."""

import copy
import pickle

import torch

import tsc


class Scaled(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)
        self.count = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count += 1
        return self.linear(x) * self.count


def test_a_pickled_module_computes_the_same_and_keeps_its_state() -> None:
    module = tsc.script(Scaled().eval())
    x = torch.randn(4, 3)
    module(x)
    again = pickle.loads(pickle.dumps(module))
    assert again.count == 1
    torch.testing.assert_close(again(x), module(x).detach())


def test_a_deep_copy_shares_nothing_and_a_copy_shares_tensors() -> None:
    module = tsc.script(Scaled().eval())
    deep, shallow = copy.deepcopy(module), copy.copy(module)
    with torch.no_grad():
        module.linear.weight.zero_()
    assert not torch.equal(deep.linear.weight, module.linear.weight)
    assert torch.equal(shallow.linear.weight, module.linear.weight)
