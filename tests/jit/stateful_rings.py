# pyright: reportUnknownMemberType=false, reportUninitializedInstanceVariable=false
"""Modules that write into the memory of their buffers, for `test_state_in_place`; their arguments have 3
elements.
"""

import torch
from torch import Tensor, nn


class Buffered(nn.Module):
    """Has a buffer, and a place in it."""

    h: Tensor
    n: int

    def __init__(self, rows: int = 4, columns: int = 3) -> None:
        super().__init__()
        self.register_buffer("h", torch.arange(float(rows * columns)).reshape(rows, columns))
        self.n = 0


class Ring(Buffered):
    def forward(self, x: Tensor) -> Tensor:
        self.h[self.n % 4] = x
        self.n += 1
        return self.h.sum(0)


class FromTheEnd(Buffered):
    def forward(self, x: Tensor) -> Tensor:
        self.n = (self.n + 1) % 4
        self.h[-self.n] = x * 2
        return self.h[self.n // 2] + self.h[-1]


class Columns(Buffered):
    def forward(self, x: Tensor) -> Tensor:
        self.h[:3, self.n].copy_(x)
        self.n = min(self.n + 1, 2)
        return self.h[:, max(self.n, 1)] * 2


class Ends(Buffered):
    """The place is out of range in the fifth call, when something was written."""

    def forward(self, x: Tensor) -> Tensor:
        self.h += 1
        self.h[self.n] = x
        self.n += 1
        return self.h * (self.n / 2)


class Adds(Buffered):
    def forward(self, x: Tensor) -> Tensor:
        self.h[self.n % 4] += x
        self.n += 3
        return self.h[self.n % 4] * 2


class Totals(Buffered):
    def forward(self, x: Tensor) -> Tensor:
        self.h += x
        self.h.mul_(0.5)
        return self.h.mean()


class LargeRing(Buffered):
    """More than what is copied in order to write a part of it."""

    def __init__(self) -> None:
        super().__init__(20_000, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.h[self.n % 20_000] = x
        self.n += 1
        return self.h[0] + self.h[1]


class ReadsLargeRing(LargeRing):
    """All of it is read: it would be copied for that."""

    def forward(self, x: Tensor) -> Tensor:
        self.h[self.n % 20_000] = x
        self.n += 1
        return self.h.amax(0)


class LargePlaces(Buffered):
    """Writes to places that it is given, which may count from the end, and reads some."""

    def __init__(self) -> None:
        super().__init__(20_000, 3)

    def forward(self, x: Tensor) -> Tensor:
        places = (x * 2).to(torch.int64)
        self.h[places] = torch.stack([x, x + 1, x + 2])
        self.h.index_copy_(0, places.abs() + 1, torch.stack([x * 2, x * 3, x * 4]))
        return self.h[:5] + self.h[-1] + self.h[1:3, 1:].sum()


class LargeColumns(Buffered):
    """Writes known columns, over one another, and reads what was written, beside it, and both."""

    def __init__(self) -> None:
        super().__init__(3, 20_000)

    def forward(self, x: Tensor) -> Tensor:
        self.h[:, 2:4] = x.unsqueeze(1)
        self.h[:, 3] = x * 2
        self.h[:, -1] += x
        self.n += 1
        return self.h[:, :6] + self.h[1:2, 3:9] + self.h[:, 3:4] * self.h[:, -1:]


class LargeAtCounter(Buffered):
    """Writes a column at a counter, and reads that one, those before it, and rows of it."""

    def __init__(self) -> None:
        super().__init__(3, 20_000)

    def forward(self, x: Tensor) -> Tensor:
        self.h[:, self.n] = x
        y = self.h[:, self.n] * 2 + self.h[:, max(self.n - 1, 0)]
        self.n += 1
        return y + self.h[:, 1:4].sum(1) + self.h[1, 2]


class SlicesAtCounter(Buffered):
    """Writes a slice at a counter, and reads slices before and around it; in the sixth call it is at the end,
    where the slice is smaller.
    """

    def forward(self, x: Tensor) -> Tensor:
        self.h[:, self.n : self.n + 1] = x.sum()
        begin = max(0, self.n - 1)
        y = self.h[:3, begin : begin + 2] * 2 + self.h[1, begin + 1 : 2 + begin]
        self.n = (self.n + 1) % 3
        return y + x[:2]


class LargeSlices(Buffered):
    """As keys of attention are kept: two rows at a counter, and a window that is read."""

    def __init__(self) -> None:
        super().__init__(4, 20_000)
        self.register_buffer("h", torch.arange(2.0 * 4 * 9_000 * 3).reshape(2, 4, 9_000, 3) / 1000)

    def forward(self, x: Tensor) -> Tensor:
        at = self.n
        self.h[:, :, at : at + 2] = torch.stack([x, x * 2])
        self.h[:, :, 2 + at] += x
        begin = max(0, at - 3)
        keys = self.h[:, :, begin : begin + 6]
        self.n = at + 2
        return torch.softmax((keys * x).sum(-1), -1) + self.h[:, :, 2:8, 0]


class BeyondTheEnd(Buffered):
    """A slice that reaches beyond the end takes one row less, which does not fit what is written."""

    def forward(self, x: Tensor) -> Tensor:
        self.h[self.n : self.n + 2] = torch.stack([x, x + 1])
        self.n += 1
        return self.h[self.n - 3 : self.n - 1] + 1


class Overwrites(Buffered):
    """Nobody reads what is assigned first: its sums raise in the second call, its row may be missing."""

    def forward(self, at: Tensor) -> Tensor:
        self.h = self.h.cumsum(-2)
        self.h = self.h.relu().index_select(0, at)
        self.h = at.sum()
        return at + 1
