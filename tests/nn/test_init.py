# pyright: reportUnknownMemberType=false
"""`tsc.nn.init` beside `torch.nn.init`: the same numbers from the same seeds."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import init as torch_init

import tsc
from tests.nn.test_modules import refusal, seeded
from tsc.nn import init

NAMES = [n for n, f in vars(torch_init).items() if not n.startswith("_") and callable(f) and hasattr(init, n)]
CALLS: dict[str, tuple[Any, ...]] = {
    "constant": ("constant_", (3, 4), 0.25), "zeros": ("zeros_", (3, 4)), "ones": ("ones_", (3,)),
    "eye": ("eye_", (3, 4)), "dirac": ("dirac_", (4, 2, 3, 3)), "dirac of groups": ("dirac_", (4, 2, 3), 2),
    "uniform": ("uniform_", (3, 4), -2.0, 5.0), "normal": ("normal_", (5, 7), 1.0, 2.0),
    "truncated": ("trunc_normal_", (5, 7)), "near": ("trunc_normal_", (40, 7), 0.0, 1.0, -0.5, 0.5),
    "far": ("trunc_normal_", (40, 7), 0.0, 1.0, 1.5, 4.0),
    "narrow": ("trunc_normal_", (9, 7), 0.0, 1.0, 0.1, 0.2),
    "xavier uniform": ("xavier_uniform_", (3, 4, 2), 1.5), "xavier normal": ("xavier_normal_", (3, 4)),
    "kaiming uniform": ("kaiming_uniform_", (3, 4, 2), 0.1, "fan_out", "relu"),
    "kaiming normal": ("kaiming_normal_", (3, 4)), "sparse": ("sparse_", (6, 4), 0.3),
}  # fmt: skip


def filled(library: Any, functions: Any, call: tuple[Any, ...], dtype: str) -> Any:
    name, shape, *rest = call
    made = library.zeros(shape, dtype=getattr(library, dtype))
    assert seeded(11, lambda: getattr(functions, name)(made, *rest)) is made
    return made.numpy()


def test_every_function_is_here_and_takes_the_same() -> None:
    functions = {n: f for n, f in vars(torch_init).items() if inspect.isfunction(f) and not n.startswith("_")}
    assert {n for n in functions if not hasattr(init, n)} == set()
    for name, function in functions.items():
        found, wanted = (inspect.signature(f).parameters.values() for f in (getattr(init, name), function))
        assert [(p.name, p.default) for p in found] == [(p.name, p.default) for p in wanted], name


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_the_same_seed_gives_the_same_numbers(call: tuple[Any, ...], dtype: str) -> None:
    found, wanted = filled(tsc, init, call, dtype), filled(torch, torch_init, call, dtype)
    assert found.dtype == wanted.dtype
    assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 2, 3)])
def test_orthogonal_rows_are_those_of_the_same_numbers(shape: tuple[int, ...]) -> None:
    call = ("orthogonal_", shape, 2.0)
    found, wanted = filled(tsc, init, call, "float32"), filled(torch, torch_init, call, "float32")
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)  # LAPACK's are not the same to the bit


def test_a_generator_of_its_own_draws() -> None:
    found, wanted = tsc.zeros(3, 4), torch.zeros(3, 4)
    init.normal_(found, generator=tsc.Generator().manual_seed(5))
    torch_init.normal_(wanted, generator=torch.Generator().manual_seed(5))
    assert found.numpy().tobytes() == wanted.numpy().tobytes()


@pytest.mark.parametrize("name", ["linear", "conv_transpose2d", "tanh", "relu", "selu", "leaky_relu"])
def test_gains_are_pytorchs(name: Any) -> None:
    assert init.calculate_gain(name) == torch_init.calculate_gain(name)
    assert init.calculate_gain("leaky_relu", 0.3) == torch_init.calculate_gain("leaky_relu", 0.3)


REFUSED: dict[str, Callable[[Any, Any], Any]] = {
    "gain": lambda torch, init: init.calculate_gain("sine"),
    "slope": lambda torch, init: init.calculate_gain("leaky_relu", True),
    "fans": lambda torch, init: init.xavier_uniform_(torch.zeros(3)),
    "mode": lambda torch, init: init.kaiming_normal_(torch.zeros(3, 3), mode="fan"),
    "eye": lambda torch, init: init.eye_(torch.zeros(3)),
    "dirac": lambda torch, init: init.dirac_(torch.zeros(3, 3)),
    "groups": lambda torch, init: init.dirac_(torch.zeros(3, 3, 3), 2),
    "sparse": lambda torch, init: init.sparse_(torch.zeros(3), 0.1),
    "orthogonal": lambda torch, init: init.orthogonal_(torch.zeros(3)),
}


@pytest.mark.parametrize("run", REFUSED.values(), ids=REFUSED)
def test_bad_arguments_are_refused_as_pytorch_refuses_them(run: Callable[[Any, Any], Any]) -> None:
    found, expected = refusal(lambda: run(tsc, init)), refusal(lambda: run(torch, torch_init))
    assert (type(found), str(found)) == (type(expected), str(expected))


def test_the_names_of_old_warn() -> None:
    with pytest.warns(FutureWarning, match="deprecated in favor"):
        assert float(init.constant(tsc.zeros(1), 3.0)) == 3.0
