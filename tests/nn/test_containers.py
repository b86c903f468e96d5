# pyright: reportUnknownMemberType=false
"""Modules as holders of others: containers, attributes, walks, hooks and texts, beside PyTorch's."""

import copy
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import tsc
from tests.nn.test_modules import assert_same, ours, refusal, seeded

Use = Callable[[Any, Any], Any]


def nested(nn: Any) -> Any:
    shared = nn.Linear(2, 2)
    return nn.Sequential(OrderedDict(a=shared, b=nn.ModuleList([shared, nn.ReLU()]), c=nn.BatchNorm1d(2)))


USES: dict[str, Use] = {
    "a list": lambda torch, nn: nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh(), nn.ReLU()]),
    "a list, empty": lambda torch, nn: nn.ModuleList(),
    "a part of a list": lambda torch, nn: nn.ModuleList([nn.ReLU(), nn.Tanh(), nn.GELU()])[1:],
    "a list, changed": lambda torch, nn: _changed(nn.ModuleList([nn.ReLU(), nn.Tanh(), nn.GELU()]), nn),
    "a sum of lists": lambda torch, nn: nn.ModuleList([nn.ReLU()]) + nn.ModuleList([nn.Tanh()]),
    "a sequence by name": lambda torch, nn: nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh())),
    "a part by name": lambda torch, nn: nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh()))[:1],
    "the last": lambda torch, nn: nn.Sequential(nn.ReLU(), nn.Tanh())[-1],
    "a dict": lambda torch, nn: nn.ModuleDict({"a": nn.ReLU(), "b": nn.Sequential(nn.Tanh())}),
    "a dict, changed": lambda torch, nn: (lambda d: (d.pop("a"), d.update([("c", nn.GELU())]), d)[-1])(
        nn.ModuleDict({"a": nn.ReLU(), "b": nn.Tanh()})
    ),
    "parameters": lambda torch, nn: nn.ParameterList([nn.Parameter(torch.ones(2, 3)), torch.zeros(1), 3]),
    "parameters by name": lambda torch, nn: nn.ParameterDict({"a": nn.Parameter(torch.ones(2))}).keys(),
    "no parameters": lambda torch, nn: nn.ParameterList(),
    "a nest": lambda torch, nn: nested(nn),
    "paths": lambda torch, nn: [path for path, _ in nested(nn).named_modules()],
    "all paths": lambda torch, nn: [path for path, _ in nested(nn).named_modules(remove_duplicate=False)],
    "parameters' paths": lambda torch, nn: [path for path, _ in nested(nn).named_parameters()],
    "own parameters": lambda torch, nn: list(nested(nn).parameters(recurse=False)),
    "buffers' paths": lambda torch, nn: [path for path, _ in nested(nn).named_buffers("x")],
    "state": lambda torch, nn: list(nested(nn).state_dict(prefix="p.")),
    "a submodule": lambda torch, nn: nested(nn).get_submodule("b.1"),
    "a parameter's shape": lambda torch, nn: tuple(nested(nn).get_parameter("b.0.weight").shape),
    "a copy": lambda torch, nn: copy.deepcopy(nested(nn)),
    "a parameter": lambda torch, nn: nn.Parameter(torch.ones(2)),
    "a constant parameter": lambda torch, nn: nn.Parameter(torch.ones(2), requires_grad=False),
    "a buffer's path": lambda torch, nn: list(_with_buffers(torch, nn).state_dict()),
    "out of range": lambda torch, nn: nn.ModuleList([nn.ReLU()])[1],
    "no such path": lambda torch, nn: nested(nn).get_submodule("b.7"),
    "no submodule": lambda torch, nn: nested(nn).get_submodule("a.weight"),
    "a number for a parameter": lambda torch, nn: setattr(nn.Linear(2, 2), "weight", 3),
    "a tensor for a parameter": lambda torch, nn: setattr(nn.Linear(2, 2), "weight", torch.ones(2)),
    "a number for a module": lambda torch, nn: setattr(nested(nn), "a", 3),
    "a number for a buffer": lambda torch, nn: setattr(nn.BatchNorm1d(2), "running_mean", 3),
    "a dot in a name": lambda torch, nn: nn.Linear(2, 2).register_buffer("a.b", None),
    "a dot in a module's name": lambda torch, nn: nn.Linear(2, 2).add_module("a.b", None),
    "no name": lambda torch, nn: nn.Linear(2, 2).register_parameter("", None),
    "a name twice": lambda torch, nn: nn.Linear(2, 2).register_buffer("weight", None),
    "no module": lambda torch, nn: nn.ModuleList([3]),
    "no mode": lambda torch, nn: nn.ReLU().train(3),
    "no state": lambda torch, nn: nn.ReLU().load_state_dict([]),
    "a deleted attribute": lambda torch, nn: _without_bias(nn.Linear(2, 2)),
}


def _changed(modules: Any, nn: Any) -> Any:
    modules.insert(1, nn.Sigmoid())
    modules[-1] = nn.Mish()
    del modules[0]
    modules.extend([nn.SELU(), nn.ELU()])
    modules.pop(0)
    modules += [nn.GLU()]
    return modules


def _without_bias(module: Any) -> list[str]:
    del module.bias
    return list(module.state_dict())


def _with_buffers(torch: Any, nn: Any) -> Any:
    module = nn.Module()
    module.kept = nn.Buffer(torch.ones(1))
    module.gone = nn.Buffer(torch.ones(1), persistent=False)
    module.register_buffer("other", torch.ones(1), persistent=False)
    module.register_buffer("none", None)
    return module


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_modules_hold_others_as_pytorchs_do(use: Use) -> None:
    found, wanted = (
        seeded(1, lambda b=b: _outcome(lambda: use(*b))) for b in ((tsc, tsc.nn), (torch, torch.nn))
    )
    assert found == wanted


def _outcome(run: Callable[[], Any]) -> str:
    try:
        return repr(run()).replace("tsc.", "torch.")
    except Exception:
        error = refusal(run)
        told = f"{type(error).__name__}: {error}"
        for kind in ("tsc.nn.parameters.", "tsc.runtime.tensor."):
            told = told.replace(kind, "torch.")
        return told.replace("torch.Tensor'", "torch.FloatTensor'")


def test_a_copy_shares_nothing() -> None:
    module = tsc.nn.LSTM(2, 3)
    made = copy.deepcopy(module)
    made.weight_ih_l0.detach().fill_(7.0)
    assert float(module.weight_ih_l0.max()) < 1
    x = tsc.ones(4, 1, 2)
    assert not np.array_equal(made(x)[0].tolist(), module(x)[0].tolist())


def test_a_weight_assigned_anew_is_used() -> None:
    module, wanted = seeded(1, lambda: tsc.nn.GRU(2, 3)), seeded(1, lambda: torch.nn.GRU(2, 3))
    for each, library in ((module, tsc), (wanted, torch)):
        each.weight_ih_l0 = library.nn.Parameter(library.ones(9, 2))
    x = torch.ones(4, 1, 2)
    assert_same(module(ours(x)), wanted(x))


def test_hooks_may_be_removed() -> None:
    module, seen = tsc.nn.ReLU(), list[str]()

    def after(module: Any, given: Any, result: Any) -> None:
        seen.append("after")

    def first(module: Any, given: Any) -> None:
        seen.append("before")

    handles = [module.register_forward_hook(after), module.register_forward_pre_hook(first)]
    module(tsc.ones(1))
    for handle in handles:
        handle.remove()
    module(tsc.ones(1))
    assert seen == ["before", "after"]


def test_elements_are_converted_in_place() -> None:
    module = tsc.nn.LSTM(2, 3).to(dtype=tsc.float64, device="cpu")
    assert module(tsc.ones(4, 1, 2, dtype=tsc.float64))[0].dtype is tsc.float64
    assert tsc.nn.Linear(2, 2).bfloat16().weight.dtype is tsc.bfloat16
    assert not any(p.requires_grad for p in module.requires_grad_(False).parameters())
