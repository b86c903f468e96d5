# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
"""`Tensor`'s repr, against PyTorch's."""

import math
import re

import pytest
import torch

from tsc import Tensor

NUMBERS = [0.0, -0.0, 1.0, -2.5, 3.14159, 1e-5, 1e9, -123456.0, math.inf, -math.inf, math.nan, 100.0, 0.1]


def joined(text: str) -> str:
    """Where the line of the dtype breaks depends on the name of the library."""
    return re.sub(r",\s+dtype", ", dtype", text)


def shown(x: torch.Tensor) -> str:
    if x.dtype is torch.bfloat16:
        import ml_dtypes

        return joined(repr(Tensor(x.view(torch.int16).numpy().view(ml_dtypes.bfloat16))))
    return joined(repr(Tensor(x.numpy())))


def expected(x: torch.Tensor) -> str:
    return joined(repr(x).replace("torch.", "tsc."))


@pytest.mark.parametrize("size", [0, 1, 2, 5, 40])
@pytest.mark.parametrize("seed", range(6))
def test_numbers_of_all_sizes(size: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randint(len(NUMBERS), (size,), generator=generator)
    x = torch.tensor([NUMBERS[i] for i in chosen.tolist()], dtype=torch.float32)
    assert shown(x) == expected(x)
    assert shown(x.double()) == expected(x.double())


@pytest.mark.parametrize(
    "shape", [(), (3,), (2, 3), (2, 1, 4), (0,), (0, 3), (2, 0), (30,), (7, 200), (40, 50), (1500,)]
)
@pytest.mark.parametrize(
    "dtype", ["float32", "float64", "float16", "bfloat16", "int64", "int32", "uint8", "bool", "complex64"]
)
def test_shapes_and_dtypes(shape: tuple[int, ...], dtype: str) -> None:
    generator = torch.Generator().manual_seed(len(shape))
    x = torch.randn(shape, generator=generator, dtype=torch.float64) * 3
    if dtype == "complex64":
        x = torch.complex(x, x.flip(0) if shape else -x)
    elif dtype == "uint8":
        x = x.abs()
    x = x.to(getattr(torch, dtype))
    assert shown(x) == expected(x)


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e4, 1e7, 1e12])
def test_scales(scale: float) -> None:
    x = torch.randn((4, 5), generator=torch.Generator().manual_seed(0)) * scale
    assert shown(x) == expected(x)
    assert shown(x.round()) == expected(x.round())
