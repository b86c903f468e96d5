# pyright: reportPossiblyUnboundVariable=false, reportReturnType=false, reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportUnknownParameterType=false, reportMissingParameterType=false
"""Programs that are mostly loops, branches and early exits."""

import torch
from torch import Tensor


def early_return(x: Tensor, n: int) -> Tensor:
    if n == 0:
        return x
    for i in range(n):
        if i == 3:
            break
        if i == 1:
            continue
        x = x + i + 1
    return x * 2


def collatz(n: int) -> int:
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
        else:
            n = 3 * n + 1
        steps += 1
    return steps


def list_of_dicts(xs: list[int]) -> dict[str, list[int]]:
    result: dict[str, list[int]] = {}
    evens: list[int] = []
    for x in xs:
        if x % 2 == 0:
            evens.append(x)  # noqa: PERF401 - a program under test
    result["evens"] = evens
    result["squares"] = [x * x for x in xs]
    result["evens"].append(-1)
    return result


def carried_optional(n: int) -> int:
    best: int | None = None
    for i in range(n):
        if i % 3 == 2:
            best = i
    if best is None:
        return -1
    return best


def nested_loops(n: int) -> int:
    total = 0
    for i in range(n):
        for j in range(i, 10, 2):
            if j % 3 == 0:
                continue
            total += j
    return total


def while_true(n: int) -> int:
    i = 0
    while True:
        i += 1
        if i > n:
            break
    return i


def fibonacci(n: int) -> int:
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def carried_tuple(n: int) -> tuple[int, Tensor]:
    t = (1, torch.zeros(2))
    for i in range(n):
        t = (t[0] + i, t[1] + 1)
    return t


def return_in_nested_loops(xs: list[int], k: int) -> int:
    for i, x in enumerate(xs):
        for y in xs:
            if x + y == k:
                return i
    return -1
