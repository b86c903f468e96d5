# pyright: reportUnknownMemberType=false, reportUninitializedInstanceVariable=false
"""Modules that keep dicts from call to call, for `test_state_in_dicts`; their arguments are 2x3."""

import torch
from torch import Tensor, nn


class Kept(nn.Module):
    """Has a dict of tensors."""

    s: dict[str, Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.s = {}


class ByDevice(Kept):
    """Keeps what is computed from weights alone, as vision transformers do with their biases."""

    s: dict[str, Tensor]
    w: Tensor
    rows: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("w", torch.arange(12.0).reshape(4, 3))
        self.register_buffer("rows", torch.tensor([2, 0]))

    def biases(self, device: torch.device) -> Tensor:
        key = str(device)
        if key not in self.s:
            self.s[key] = self.w[self.rows]
        return self.s[key]

    def forward(self, x: Tensor) -> Tensor:
        return x * 2 + self.biases(x.device)


class Replaces(Kept):
    """Reads and writes entries that are there."""

    def __init__(self) -> None:
        super().__init__()
        self.s = {"b": torch.zeros(2, 3), "a": torch.ones(2, 3)}

    def forward(self, x: Tensor) -> Tensor:
        self.s["a"], self.s["b"] = self.s["b"] + x, self.s["a"]
        return self.s["b"] * x


class Adds(Kept):
    """Puts keys behind those that are there, in an order of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.s = {"z": torch.zeros(2, 3)}

    def forward(self, x: Tensor) -> Tensor:
        self.s["n"] = x
        self.s["b.c[0]'\""] = x + 1
        self.s["a"] = self.s["n"] * 2
        self.s["n"] = self.s["a"] + self.s["z"]
        return self.s["a"] + self.s["b.c[0]'\""]


class InPlace(Replaces):
    """Writes into the memory of an entry."""

    def forward(self, x: Tensor) -> Tensor:
        self.s["a"].add_(x)
        self.s["b"][0] = x[1]
        return self.s["a"] + self.s["b"]


class Counts(nn.Module):
    """Counts in a dict of numbers, under numbers."""

    s: dict[int, int]

    def __init__(self) -> None:
        super().__init__()
        self.s = {-1: 3}

    def forward(self, x: Tensor) -> Tensor:
        if 2 in self.s:
            self.s[2] += 1
        else:
            self.s[2] = 0
        return x * self.s[2] + self.s[-1]


class Decides(Replaces):
    """What the elements are decides which entry is written."""

    def forward(self, x: Tensor) -> Tensor:
        if bool(x.sum() > 0):
            self.s["a"] = x + 1
        else:
            self.s["b"] = self.s["a"] - x
        return self.s["a"] + self.s["b"]


class InRounds(Replaces):
    """Writes in a loop that elements end."""

    def forward(self, x: Tensor) -> Tensor:
        n = 0
        while n < 3 and bool(self.s["a"].sum() < 40):
            self.s["a"] = self.s["a"] * 2 + x.abs()
            n += 1
        return self.s["a"]


class Pairs(nn.Module):
    """The values are tuples."""

    s: dict[str, tuple[Tensor, int]]

    def __init__(self) -> None:
        super().__init__()
        self.s = {"a": (torch.zeros(2, 3), 1)}

    def forward(self, x: Tensor) -> Tensor:
        h, n = self.s["a"]
        self.s["a"] = (h + x, n + 1)
        return h * n


class Asks(Kept):
    """Takes what is there, or something else."""

    def forward(self, x: Tensor) -> Tensor:
        found = self.s.get("a")
        if found is None:
            self.s["a"] = x * 3
            return x
        return found + x


class Raises(Kept):
    """Reads a key that is not there, when it has written another."""

    def forward(self, x: Tensor) -> Tensor:
        self.s["a"] = x + 1
        return self.s["missing"] + x


class RaisesHalfway(Replaces):
    """An operator raises between two writes."""

    def forward(self, x: Tensor) -> Tensor:
        self.s["a"] = self.s["a"] + x
        y = x[:, :2] + self.s["b"]
        self.s["b"] = y
        return y


class Chain(nn.Module):
    """Several objects with a dict each."""

    def __init__(self) -> None:
        super().__init__()
        self.rest = nn.Sequential(ByDevice(), ByDevice())
        self.first = Adds()

    def forward(self, x: Tensor) -> Tensor:
        return self.first(self.rest(x))


class Methods(Kept):
    """Methods that share a dict."""

    def forward(self, x: Tensor) -> Tensor:
        if "h" not in self.s:
            self.s["h"] = torch.zeros(2, 3)
        self.s["h"] = self.s["h"] + x
        return self.s["h"] * 2

    @torch.jit.export
    def reset(self) -> None:
        self.s.clear()

    @torch.jit.export
    def observe(self, x: Tensor) -> Tensor:
        return self.s["h"] - x


class Scales(Counts):
    """A method reads a number that another one changes."""

    @torch.jit.export
    def scaled(self, x: Tensor) -> Tensor:
        return x * self.s[2]


class OneDictTwice(nn.Module):
    """Two attributes that a method may make one dict."""

    s: dict[str, Tensor]
    r: dict[str, Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.s = {"a": torch.zeros(2, 3)}
        self.r = {"a": torch.ones(2, 3)}

    def forward(self, x: Tensor) -> Tensor:
        self.s["a"] = self.s["a"] + x
        return self.r["a"] * 2

    @torch.jit.export
    def join(self) -> None:
        self.r = self.s


# --- dicts that stay objects ---


class Length(Replaces):
    def forward(self, x: Tensor) -> Tensor:
        return x * len(self.s) + self.s["a"]


class Returned(Kept):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        self.s["b"] = self.s["a"] = x + 1
        return self.s


class Walked(Replaces):
    def forward(self, x: Tensor) -> Tensor:
        for value in self.s.values():
            x = x + value
        return x


class Named(Replaces):
    def forward(self, x: Tensor, key: str = "a") -> Tensor:
        return x + self.s[key]


class Deletes(Replaces):
    def forward(self, x: Tensor) -> Tensor:
        if "a" in self.s:
            del self.s["a"]
        return x * 2 + self.s["b"]


class OrderIsDecided(Kept):
    """Which key comes first depends on elements."""

    def forward(self, x: Tensor) -> Tensor:
        if bool(x.sum() > 0):
            self.s["a"] = x
        self.s["b"] = x * 2
        self.s["a"] = x * 3
        return x


class PresenceIsDecided(Kept):
    """Whether a key is there depends on elements."""

    def forward(self, x: Tensor) -> Tensor:
        if bool(x.sum() > 0):
            self.s["a"] = x * 2
        if "a" in self.s:
            return self.s["a"] + x
        return x - 1
