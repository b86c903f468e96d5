"""Goal: modules that are not frozen run as frozen ones do, and keep their state as PyTorch does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

import tsc
from tools.bench_programs.measuring import TORCH, Finding, assert_same, frozen, in_turn, own, tiers, told
from tools.bench_programs.programs import live

MOST_SLOWER = 1.15
THREADS = 8

KINDS: dict[str, tuple[Callable[[], torch.nn.Module], Callable[[], torch.Tensor]]] = {
    "MLP, batch 1": (live.mlp, lambda: torch.randn(1, 64)),
    "MLP, batch 32": (live.mlp, lambda: torch.randn(32, 64)),
    "conv net": (live.ConvNet, lambda: torch.randn(2, 3, 32, 32)),
    "transformer block": (live.TransformerBlock, lambda: torch.randn(2, 16, 64)),
    "GRU loop": (live.GruLoop, lambda: torch.randn(50, 2, 32)),
}
STATEFUL: dict[str, Callable[[], torch.nn.Module]] = {
    "cell": live.StatefulCell,
    "ring": live.StatefulRing,
    "norm": live.StatefulNorm,
}


def findings(calls: int) -> Iterator[Finding]:
    """Speed of all kinds; state after `calls` calls, after exceptions, and from threads."""
    for name, (make, inputs) in KINDS.items():
        yield _speed(name, make, inputs)
    for name, make in STATEFUL.items():
        TORCH.manual_seed(0)
        module = make().requires_grad_(False)
        stream = [torch.randn(2, 16) * (200 if i % 97 == 96 else 1) for i in range(calls)]
        want = _ends([TORCH.jit.script(own(module))], [stream])
        yield _difference(f"{name}: state", _ends([tsc.jit.script(own(module))], [stream]), want, calls)
        yield _from_threads(name, module, stream)
        yield _shared(name, module, stream, want)


def _speed(name: str, make: Callable[[], torch.nn.Module], inputs: Callable[[], torch.Tensor]) -> Finding:
    TORCH.manual_seed(0)
    module = make().eval().requires_grad_(False)
    given = inputs()
    loose, fixed = tsc.jit.script(own(module)), frozen(module)
    peer = TORCH.jit.script(own(module))
    for _ in range(3):
        assert_same(loose(given), peer(given))
    mine, best, other = in_turn([lambda: loose(given), lambda: fixed(given), lambda: peer(given)], rounds=31)
    note = f"{told(mine)}, frozen {told(best)}, torch.jit {told(other)}; {tiers(loose)}"
    return Finding(name, "live / frozen", mine / best, MOST_SLOWER, note=note)


def _called(module: Any, stream: Sequence[torch.Tensor]) -> None:
    for given in stream:
        try:
            module(given)
        except Exception as error:  # whatever the module raises: what it leaves behind is looked at
            if "too large" not in str(error):
                raise


def _ends(modules: Sequence[Any], streams: Sequence[Sequence[torch.Tensor]]) -> list[dict[str, Any]]:
    """The state of each module after its stream, each in a thread of its own."""
    threads = [threading.Thread(target=_called, args=pair) for pair in zip(modules, streams, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [_state(module) for module in modules]


def _state(module: Any) -> dict[str, Any]:
    numbers = {n: getattr(module, n) for n in ("calls", "scale", "at") if hasattr(module, n)}
    return {**{n: torch.as_tensor(t).clone() for n, t in module.state_dict().items()}, **numbers,
            **({"hidden": module.hidden} if hasattr(module, "hidden") else {})}  # fmt: skip


def _from_threads(name: str, module: torch.nn.Module, stream: Sequence[torch.Tensor]) -> Finding:
    """Each thread has its own module."""
    streams = [stream[i :: THREADS + 1] for i in range(THREADS)]
    want = _ends([TORCH.jit.script(own(module)) for _ in streams], streams)
    got = _ends([tsc.jit.script(own(module)) for _ in streams], streams)
    return _difference(f"{name}: {THREADS} threads", got, want, sum(map(len, streams)))


def _shared(
    name: str, module: torch.nn.Module, stream: Sequence[torch.Tensor], want: Sequence[dict[str, Any]]
) -> Finding:
    """All threads call one module in order, each holding a lock."""
    shared = tsc.jit.script(own(module))
    lock, rest = threading.Lock(), iter(stream)

    def work() -> None:
        while True:
            with lock:
                given = next(rest, None)
                if given is None:
                    return
                _called(shared, [given])

    threads = [threading.Thread(target=work) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return _difference(f"{name}: shared, a lock", [_state(shared)], want, len(stream))


def _difference(
    what: str, got: Sequence[dict[str, Any]], want: Sequence[dict[str, Any]], calls: int
) -> Finding:
    """The largest difference of state, relative to PyTorch's."""
    largest = 0.0
    for one, other in zip(got, want, strict=True):
        assert one.keys() == other.keys(), (one.keys(), other.keys())
        for name, value in other.items():
            wanted = torch.as_tensor(value).double()
            error = (torch.as_tensor(one[name]).double() - wanted).abs().max()
            largest = max(largest, float(error / (1 + wanted.abs().max())))
    return Finding(what, "largest difference", largest, 1e-4, note=f"{calls} calls, some raise")
