# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownParameterType=false
"""Programs over tensors of which two sizes differ from call to call, and arguments for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Tuple  # noqa: UP035

import torch
import torch.nn.functional as F
from torch import Tensor

SHAPES = [(4, 5), (6, 9), (3, 17), (8, 33), (5, 2), (2, 64), (17, 31), (1, 7), (7, 1), (1, 1), (33, 100)]
"""Of the calls of each program: small and large, odd and even, ones."""


@dataclass(frozen=True)
class Program:
    """A program, and what makes its arguments of two sizes."""

    function: Callable[..., Any]
    arguments: tuple[Callable[[int, int], Any], ...]
    guards: tuple[str, ...] = ()
    """What it asks of its sizes."""


PROGRAMS: dict[str, Program] = {}


def program(*arguments: Callable[[int, int], Any], guards: tuple[str, ...] = ()) -> Callable[..., Any]:
    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        PROGRAMS[function.__name__] = Program(function, arguments, guards)
        return function

    return register


def matrix(a: int, b: int) -> Tensor:
    return torch.randn(a, b)


def image(a: int, b: int) -> Tensor:
    return torch.randn(a, 2, b + 3, b + 2)


@program(matrix)
def sums(x: Tensor):
    return x.sum(), x.sum(0), x.sum(1), x.mean(), x.mean(-1), x.amax(0), x.argmax(1)


@program(lambda a, b: torch.randn(a, b, 4))
def concatenates(x: Tensor):
    return torch.cat([x, x * 2, x[:, :1]], 1)


@program(matrix)
def turns_what_it_counts(x: Tensor):
    counted = torch.arange(x.numel())
    return counted.flip(0) * 2


@program(matrix)
def transposes(x: Tensor):
    return x.t().relu() + 1, x.t() @ x, x @ x.t()


@program(matrix, lambda a, b: torch.randn(b, a))
def products(x: Tensor, y: Tensor):
    return x @ y, torch.relu(y @ x)


@program(lambda a, b: torch.randn(a, 3, b + 1), guards=("(s2 // 2) >= 1",))
def convolves_lines(x: Tensor):
    return F.conv1d(x, torch.ones(5, 3, 3), padding=1), F.avg_pool1d(x, 2), F.max_pool1d(x, 3, 2, 1)


@program(lambda a, b: torch.randn(a + 1, b + 1), guards=("s0 >= 2", "s1 >= 2"))
def slices(x: Tensor):
    return x[1:] * 2, x[:-1] * 2, x[-1] + 0, x[:, ::2] + 1, x[:, -2:].exp()


@program(matrix)
def computes_with_sizes(x: Tensor):
    n = x.size(0) * x.size(1)
    wide = x.unsqueeze(1).expand(x.size(0), 3, x.size(1)).sum(1) * x.size(0)
    return (x * 2).view(n), x.reshape(n, 1) / n, wide, n, x.size(1) // 2


@program(lambda a, b: torch.randint(0, 7, (a, b)))
def embeds(i: Tensor):
    w = torch.arange(28).view(7, 4).float()
    return F.embedding(i, w), w[i].sum(1)


@program(matrix, guards=("s1 <= 16384",))
def masks(x: Tensor):
    m = torch.tril(torch.ones(x.size(1), x.size(1)))
    return (
        (x.unsqueeze(1) * m).softmax(-1),
        x.masked_fill(x > 0, -1.0),
        torch.where(x > 0, x, torch.zeros_like(x)),
    )


@program(matrix)
def scans(x: Tensor):
    return x.cumsum(1), x.cumsum(0), x.cumprod(-1)


@program(matrix, guards=("s0 >= 4",))
def branches(x: Tensor):
    if x.size(0) > 3:
        return x * 2
    return x - 1


@program(matrix)
def loops(x: Tensor):
    y = torch.zeros_like(x[:, 0])
    for i in range(x.size(1)):
        y = y * 0.5 + x[:, i]
    return y


@program(matrix)
def appends(x: Tensor):
    out: List[Tensor] = []  # noqa: UP006
    h = torch.zeros(x.size(0))
    for i in range(x.size(1)):
        h = torch.tanh(h + x[:, i])
        out.append(h)
    return torch.stack(out, 1)


@program(lambda a, b: torch.randn(a, b, 8))
def attends(x: Tensor):
    q = x.view(x.size(0), x.size(1), 2, 4).transpose(1, 2)
    scores = torch.matmul(q, q.transpose(-1, -2)).softmax(-1)
    return scores.matmul(q).transpose(1, 2).reshape(x.size(0), x.size(1), 8)


@program(lambda a, b: torch.randn(a, b, 8), guards=("s1 <= 16384",))
def attends_causally(x: Tensor):
    y = x.unsqueeze(1)
    return F.scaled_dot_product_attention(x, x, x), F.scaled_dot_product_attention(y, y, y, is_causal=True)


@program(image)
def pools(x: Tensor):
    near = F.interpolate(x, scale_factor=2.0, mode="nearest")
    return F.max_pool2d(x, 3, 1, 1), F.avg_pool2d(x, 3, 1, 1), F.adaptive_avg_pool2d(x, 1), near


@program(image)
def convolves(x: Tensor):
    grouped = F.conv2d(x, torch.ones(2, 1, 3, 3), padding=1, groups=2)
    turned = F.conv_transpose2d(x, torch.ones(2, 3, 2, 2), stride=2)
    return F.conv2d(x, torch.ones(4, 2, 3, 3), stride=2, padding=1), turned, grouped


@program(matrix)
def normalizes(x: Tensor):
    return (
        F.normalize(x, dim=1),
        x.norm(),
        F.layer_norm(x, [x.size(1)]),
        x / x.size(1),
        x.var(0, unbiased=False),
    )


@program(matrix, lambda a, b: torch.randn(a, 1), lambda a, b: torch.randn(b))
def broadcasts(x: Tensor, y: Tensor, z: Tensor):
    return x + y, x * z, y * z, x - y.expand_as(x)


@program(matrix, lambda a, b: torch.randn(3, b))
def keeps_a_cache(x: Tensor, cache: Tensor):
    k = torch.cat([cache, x], 0)
    return k, (x @ k.t()).relu() @ k


@program(matrix, guards=("s0 >= 2", "s1 >= 2"))
def writes(x: Tensor):
    y = x.clone()
    y[:, 0] = 1.0
    y[0] += 2
    y.mul_(2)
    return y


@program(matrix)
def returns_several(x: Tensor):
    h = x * 2
    return h, h[-1], {"sum": h.sum()}, x.size(0)


@program(lambda a, b: (torch.randn(a, b), torch.randn(a, b + 1)))
def takes_a_tuple(p: Tuple[Tensor, Tensor]):  # noqa: UP006
    return torch.cat([p[0], p[1]], 1)


@program(lambda a, b: [torch.randn(a, b), torch.randn(a, b)])
def takes_a_list(p: List[Tensor]):  # noqa: UP006
    return torch.stack(p)


@program(lambda a, b: {"x": torch.randn(a, b), "y": torch.randn(b)}, lambda a, b: None)
def takes_a_dict(p: Dict[str, Tensor], bias: Optional[Tensor]):  # noqa: UP006, UP045
    z = p["x"] * p["y"]
    return z if bias is None else z + bias


@program(matrix)
def pads(x: Tensor):
    edges = F.pad(x.unsqueeze(0), [1, 1], mode="replicate")
    return F.pad(x, [1, 2]), F.pad(x, [0, 0, 3, 1], value=2.0), edges


@program(matrix, lambda a, b: torch.randint(0, a, (b,)), guards=("s1 >= s2",))
def gathers(x: Tensor, i: Tensor):
    return x[i], x.index_select(0, i), x.gather(0, i.unsqueeze(0))


@program(matrix)
def repeats(x: Tensor):
    a, b = x.repeat(1, 2).chunk(2, 1)
    return a * b, x.repeat(2, 3), torch.arange(x.size(0))[:, None] * x


@program(lambda a, b: torch.randn(a, b).half())
def halves(x: Tensor):
    return x * 2 + 1, (x.float() @ x.float().t()).half()


@program(matrix, lambda a, b: torch.randn(b, b))
def batches(x: Tensor, w: Tensor):
    wide = w.expand(x.size(0), w.size(0), w.size(1))
    return torch.bmm(x.unsqueeze(1), wide), F.linear(x, w)


@program(matrix, guards=("s1 <= 16384",))
def losses(x: Tensor):
    return F.log_softmax(x, 0), F.softmax(x, 1), F.mse_loss(x, x * 2), x.logsumexp(0)


@program(lambda a, b: torch.randn(a))
def multiplies_what_is_expanded(x: Tensor):
    wide = x.unsqueeze(1).expand(x.size(0), x.size(0))
    return wide @ wide.t()


@program(lambda a, b: torch.randn(a, 9, b))
def orders(x: Tensor):
    return x.sort(1)[0], x.topk(3, dim=1)[0], x.median(1)[0]


@program(image, guards=("(s3 // 2) >= 1",))
def resizes(x: Tensor):
    return (
        F.interpolate(x, scale_factor=2.0, mode="nearest") * 2,
        F.interpolate(x, scale_factor=1.5, mode="bilinear", align_corners=False),
        F.interpolate(x, size=[7, 9], mode="bilinear", align_corners=True),
        F.interpolate(x, size=[x.size(2) + 3, 5], mode="nearest-exact"),
        F.interpolate(x[:, 0], scale_factor=0.5, mode="linear"),
    )


@program(matrix, guards=("s1 != 200", "s1 <= 200"))
def divides_sizes(x: Tensor):
    n, m = x.size(0), x.size(1)
    return x * (n // -3) + m % -4, torch.zeros(2) + n // (m - 200), torch.zeros(2) + n % (m - 200), -n // m
