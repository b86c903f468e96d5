# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
"""Programs whose results lie in memory in many ways, and how that is looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def shifted(x: Tensor) -> Tensor:
    return x.t() + 1


def pointwise(x: Tensor) -> Tensor:
    return x.abs() * 2


def sliced(x: Tensor) -> Tensor:
    return x.abs()[..., 2:]


def product(x: Tensor) -> Tensor:
    return (x @ x.t()).t()


def several(x: Tensor) -> tuple[Tensor, list[Tensor]]:
    return x.t() * 2, [x + 1, x.t().abs()]


def diagonal(x: Tensor) -> Tensor:
    return x.clamp(max=1.0).diagonal(0, -2, -1)


def repeated(x: Tensor) -> Tensor:
    return x.repeat([2, 1])


def repeated_each(x: Tensor) -> Tensor:
    return torch.repeat_interleave(x.cumsum(1), 2, 0)


def squared(x: Tensor) -> Tensor:
    return torch.square(x.transpose(-1, 0))


def normalized(x: Tensor) -> Tensor:
    return torch.softmax(x.t(), -1)


def converted(x: Tensor) -> Tensor:
    return x.double()


def broadcast(x: Tensor) -> Tensor:
    return torch.sub(x, x[:1, :1], alpha=0.25)


def mixed(x: Tensor) -> tuple[Tensor, Tensor]:
    """`kthvalue` has no native form: kernels and operators take turns."""
    return torch.kthvalue(x * 2, 2, 1, keepdim=True)[0], torch.sigmoid(x)


def indexed(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    i = torch.tensor([0, 0, -1])
    return x[[0]], x.t()[:, i], x[i, :].mT


def nonzero(x: Tensor) -> tuple[Tensor, Tensor]:
    return torch.nonzero(x > 2), torch.argwhere(x)


def expanded(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    turned = torch.relu(x).t()
    row = turned[:, 0] * 2
    return (
        turned.expand([2, turned.size(0), turned.size(1)]),
        torch.meshgrid([row, row + 1])[1],
        row.expand([3, -1]),
    )


def copied(x: Tensor) -> Tensor:
    return x.t().contiguous().abs()


def kept(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return torch.floor_divide(x, 2).t(), torch.zeros_like(x.t()), torch.heaviside(x.t(), x.t())


def padded(x: Tensor) -> Tensor:
    return torch.nn.functional.pad(x[None].unsqueeze(-1), [0, 1, 1, 0])


PROGRAMS: list[Callable[[Tensor], Any]] = [
    shifted, pointwise, sliced, product, several, diagonal, repeated, repeated_each, squared, normalized,
    converted, broadcast, mixed, indexed, nonzero, expanded, copied, kept, padded,
]  # fmt: skip
ARGUMENTS: dict[str, Callable[[], Tensor]] = {
    "row-major": lambda: torch.arange(20.0).reshape(4, 5),
    "turned": lambda: torch.arange(20.0).reshape(5, 4).t(),
    "with gaps": lambda: torch.arange(40.0).reshape(4, 10)[:, ::2],
    "a part, turned": lambda: torch.arange(70.0).reshape(7, 10)[1:6, 2:6].t(),
    "a row": lambda: torch.arange(5.0).reshape(1, 5),
    "expanded": lambda: torch.arange(5.0).expand(4, 5),
}


def tensors(result: Any) -> list[Tensor]:
    if isinstance(result, Tensor):
        return [result]
    parts: Any = result.values() if isinstance(result, dict) else result
    return [t for part in parts for t in tensors(part)]


def strides(tensor: Tensor) -> list[int]:
    """Those of dims that have more than one element: no program can tell the others."""
    return [s for s, n in zip(tensor.stride(), tensor.shape, strict=True) if n > 1]
