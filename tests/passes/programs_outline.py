# ruff: noqa
"""Programs of which native code can do a part."""

from typing import Dict, List

import torch
from torch import Tensor

State = Dict[str, Tensor]


def independent(state: State, x: Tensor) -> Tensor:
    y = torch.tanh(x)
    h = state["h"]
    z = torch.exp(x)
    return y + z + torch.relu(h)


def views(state: State, x: Tensor) -> Tensor:
    row = x[0]
    y = torch.tanh(row)
    state["row"] = row
    state["n"] = y
    return y


def writes(x: Tensor, y: Tensor) -> Tensor:
    a = torch.tanh(x)
    x.add_(1)
    return a + torch.tanh(x) * y


def read_again(x: Tensor, y: Tensor) -> Tensor:
    row = x[0]
    x.add_(1)
    return torch.tanh(row) * y


def number(x: Tensor, y: Tensor) -> Tensor:
    n = int(x.sum().item())
    return torch.tanh(y)[:n] + torch.exp(y)[:n]


def sizes(state: State, x: Tensor) -> Tensor:
    state["x"] = x
    return x.view(x.size(0) * x.size(1)) / x.size(0)


def branches(state: State, x: Tensor, more: bool) -> Tensor:
    y = torch.tanh(x)
    if more:
        y = y * 2
        y = torch.exp(y)
    state["y"] = y
    return y


def counts(state: State, x: Tensor, n: int) -> Tensor:
    y = torch.tanh(x)
    if n > 3:
        y = torch.exp(y * n)
    state["y"] = y
    return y


def gathers(state: State, x: Tensor) -> Tensor:
    found: List[Tensor] = []
    for i in range(3):
        found.append(torch.tanh(x[i]))
    n = torch.stack(found)
    state["all"] = x
    return n


def gathers_in_turn(state: State, x: Tensor) -> Tensor:
    found: List[Tensor] = []
    for i in range(3):
        found.append(torch.tanh(x[i]))
    y = state["y"]
    for i in range(3):
        found.append(torch.exp(y[i]))
    return torch.stack(found)


def loops(state: State, x: Tensor) -> Tensor:
    y = x
    for i in range(x.size(0)):
        y = torch.tanh(y) + x[i]
    state["y"] = y
    return y


def draws(x: Tensor) -> Tensor:
    y = torch.tanh(x)
    y = torch.dropout(y, 0.5, True)
    return torch.exp(y)


def prints(x: Tensor) -> Tensor:
    y = torch.tanh(x)
    print("here")
    return torch.exp(y)


def one_part(x: Tensor) -> Tensor:
    return torch.tanh(x) + 1


def steps(state: State, x: Tensor, n: int) -> List[Tensor]:
    found: List[Tensor] = []
    h = state["h"]
    for i in range(n):
        h = torch.tanh(h + x[i])
        if bool(h.sum() > 3.0):
            found.append(h)
    state["h"] = h
    return found


def resizes(state: State, x: Tensor, y: Tensor) -> Tensor:
    n = x.size(0)
    x.unsqueeze_(0)
    return torch.exp(torch.tanh(y).view(n, -1))


def holds(state: State, x: Tensor, y: Tensor) -> Tensor:
    n = x.size(0)
    state["x"] = x
    return torch.exp(torch.tanh(y).view(n, -1))


def writes_an_element(state: State, x: Tensor, more: bool) -> Tensor:
    state["x"] = x
    y = torch.tanh(x)
    if more:
        items = [y]
        n = len(items)
        items.append(x)
        items[n].add_(1)
    return torch.exp(y)


def writes_its_own(state: State, x: Tensor, more: bool) -> Tensor:
    y = x
    if more:
        made = torch.zeros_like(x)
        made[0].add_(2)
        y = made + x
    z = torch.exp(y)
    state["x"] = z
    return z


def gives_on(state: State, x: Tensor, more: bool) -> Tensor:
    made = torch.ones_like(x)
    if more:
        y = made
    else:
        y = torch.exp(x)
    state["y"] = y
    return made


def reads(state: State, x: Tensor) -> Tensor:
    made = torch.ones_like(x)
    state["y"] = torch.exp(x) + made
    return made
