# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUntypedFunctionDecorator=false
# pyright: reportPrivateImportUsage=false, reportArgumentType=false, reportReturnType=false
"""Programs that fork, for `test_forks`."""

import threading

import torch
from torch import Tensor, nn

THREADS: list[str] = []
BARRIER = threading.Barrier(2)


@torch.jit.ignore
def meet() -> None:
    """Return when two threads are here."""
    BARRIER.wait(timeout=20)


@torch.jit.ignore
def note_thread() -> None:
    THREADS.append(threading.current_thread().name)


@torch.jit.ignore
def mode() -> bool:
    return torch.is_grad_enabled()


def heavy(x: Tensor) -> Tensor:
    for _ in range(3):
        x = torch.softmax(x @ x, -1)
    return x


def pair(x: Tensor) -> Tensor:
    a = torch.jit.fork(heavy, x)
    b = torch.jit.fork(heavy, x + 1)
    return torch.jit.wait(a) + torch.jit.wait(b)


def meets(x: Tensor) -> Tensor:
    meet()
    return x + 1


def together(x: Tensor) -> Tensor:
    a = torch.jit.fork(meets, x)
    b = torch.jit.fork(meets, x)
    return torch.jit.wait(a) + torch.jit.wait(b)


def leaf(x: Tensor, i: int) -> Tensor:
    return x * i


def branch(x: Tensor, n: int) -> Tensor:
    futures = [torch.jit.fork(leaf, x, i) for i in range(n)]
    total = x
    for future in futures:
        total = total + torch.jit.wait(future)
    return total


def tree(x: Tensor, n: int) -> Tensor:
    """More forks that wait for forks than there are threads."""
    futures = [torch.jit.fork(branch, x, n) for _ in range(n)]
    total = torch.zeros_like(x)
    for future in futures:
        total = total + torch.jit.wait(future)
    return total


def fails(x: Tensor) -> Tensor:
    if x.size(0) > 1:
        raise ValueError("too long")
    return x


def failing(x: Tensor) -> Tensor:
    future = torch.jit.fork(fails, x)
    return torch.jit.wait(future) + 1


def never_waits(x: Tensor) -> Tensor:
    torch.jit.fork(fails, x)
    return x + 1


def grad_mode(x: Tensor) -> bool:
    return mode()


def modes(x: Tensor) -> tuple[bool, bool]:
    a = torch.jit.fork(grad_mode, x)
    with torch.no_grad():
        b = torch.jit.fork(grad_mode, x)
    return torch.jit.wait(a), torch.jit.wait(b)


def write_row(x: Tensor, i: int) -> Tensor:
    x[i] = float(i + 1)
    return x


def rows(x: Tensor) -> Tensor:
    """Each fork writes to a row of its own of one tensor."""
    futures = [torch.jit.fork(write_row, x, i) for i in range(x.size(0))]
    for future in futures:
        torch.jit.wait(future)
    return x.clone()


def seen_after_wait(x: Tensor) -> tuple[Tensor, Tensor]:
    future = torch.jit.fork(write_row, x, 0)
    before = x[1] * 2
    torch.jit.wait(future)
    return before, x * 2


class Counter(nn.Module):
    """Attributes that a forked method assigns, and reads."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.register_buffer("total", torch.zeros(4))
        self.calls = 0

    def add(self, x: Tensor) -> Tensor:
        self.total = self.total + x.sum(0)
        self.calls += 1
        return self.linear(x)

    def forward(self, x: Tensor) -> Tensor:
        future = torch.jit.fork(self.add, x)
        y = self.linear(x)
        return y + torch.jit.wait(future)


def future_of(x: Tensor) -> torch.jit.Future[Tensor]:
    return torch.jit.fork(heavy, x)


def noting(x: Tensor) -> Tensor:
    note_thread()
    return x


def two_noted(x: Tensor) -> Tensor:
    a, b = torch.jit.fork(noting, x), torch.jit.fork(noting, x)
    return torch.jit.wait(a) + torch.jit.wait(b)
