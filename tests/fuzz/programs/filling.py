# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Fills the holes of a template with what is alive at a place of the program."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import torch

from .scope import Scope, UnsuitableError
from .templates import CONDITIONS

HOLE = re.compile(r"\{(\w+)\}")
DTYPES = (
    ["torch.float32"] * 6
    + ["torch.float64", "torch.float16", "torch.bfloat16", "torch.int64", "torch.int32", "torch.uint8"]
    + ["torch.int8", "torch.bool"]
)
CASTS = re.compile(r"\.(long|int)\(\)|\.to\((torch\.u?int\d+|\w+\.dtype)\)|type_as")


class Filler:
    """Fills one template: the tensor of ``{x}`` decides what dims and sizes mean."""

    def __init__(self, chooser: random.Random, scope: Scope, depth: int = 0) -> None:
        self.random = chooser
        self.scope = scope
        self.depth = depth
        self.main: Any = None
        self.main_name = ""
        self.dim = 0

    def fill(self, template: str) -> str:
        """The template with all holes filled.

        Raises:
            UnsuitableError: nothing alive fits a hole.
        """
        return HOLE.sub(lambda match: self._hole(match[1]), template)

    def _hole(self, name: str) -> str:
        fill: Callable[[], str] | None = getattr(self, f"_fill_{name}", None)
        if fill is None:
            raise KeyError(f"no hole {name}")
        return fill()

    # --- tensors ---

    def _pick(self, accepts: Callable[[Any], bool]) -> str:
        names = [n for n in self.scope.tensors() if accepts(self.scope.value(n))]
        if not names:
            raise UnsuitableError("no such tensor")
        newest = names[-3:]
        return self.random.choice(newest if self.random.random() < 0.5 else names)

    def _main(self, accepts: Callable[[Any], bool]) -> str:
        name = self._pick(accepts)
        if self.main is None:
            self.main, self.main_name = self.scope.value(name), name
        return name

    def _fill_x(self) -> str:
        if self.main is not None:
            return self.main_name
        return self._main(lambda t: True)

    def _fill_f(self) -> str:
        return self._main(lambda t: t.is_floating_point())

    def _fill_k(self) -> str:
        return self._main(
            lambda t: not t.is_floating_point() and not t.is_complex() and t.dtype != torch.bool
        )

    def _fill_m(self) -> str:
        try:
            return self._pick(lambda t: t.dtype == torch.bool)
        except UnsuitableError:
            return f"({self._main(lambda t: not t.is_complex())} > {self._fill_n()})"

    def _fill_y(self) -> str:
        if self.main is None or self.random.random() < 0.1:
            return self._main(lambda t: True)
        return self._pick(lambda t: _broadcasts(t.shape, self.main.shape))

    def _fill_z(self) -> str:
        return self._pick(lambda t: t.shape == self.main.shape and t.dtype == self.main.dtype)

    def _fill_index(self) -> str:
        size = self.main.size(self.dim) if self.main is not None and self.main.dim() else 3
        named = [
            n for n in self.scope.tensors()
            if self.scope.value(n).dtype == torch.int64 and self.scope.value(n).dim() == 1
        ]  # fmt: skip
        if named and self.random.random() < 0.6:
            return self.random.choice(named)
        if size == 0:
            raise UnsuitableError("no index")
        count = self.random.randint(1, min(size, 3))
        return f"torch.tensor({self.random.sample(range(size), count)})"

    # --- dims and sizes ---

    def _fill_d(self) -> str:
        ndim = 0 if self.main is None else self.main.dim()
        self.dim = self.random.randrange(ndim) if ndim else 0
        return str(self.dim - ndim if ndim and self.random.random() < 0.4 else self.dim)

    def _fill_e(self) -> str:
        ndim = 0 if self.main is None else self.main.dim()
        others = [d for d in range(ndim) if d != self.dim] or [self.dim]
        return str(self.random.choice(others))

    def _fill_i(self) -> str:
        size = self.main.size(self.dim) if self.main is not None and self.main.dim() else 1
        if size == 0:
            raise UnsuitableError("no index")
        counters = [n for n in self.scope.of("int") if -size <= self.scope.value(n) < size]
        if counters and self.random.random() < 0.4:
            return self.random.choice(counters)
        return str(self.random.choice([0, -1, self.random.randrange(size)]))

    def _fill_v(self) -> str:
        count = self.random.choice(self.scope.of("int") or ["2"])
        return self.random.choice(["1:", ":-1", "::2", "1::2", ":2", "0:1", ":", "-2:", "1:3", f":{count}"])

    def _fill_shape(self) -> str:
        count = self.main.numel()
        divisors = [n for n in range(1, min(count, 12) + 1) if count % n == 0] or [1]
        first = self.random.choice(divisors)
        return self.random.choice([f"[{first}, -1]", f"[-1, {first}]", f"[{count}]", f"[1, {first}, -1]"])

    def _fill_perm(self) -> str:
        order = list(range(self.main.dim()))
        self.random.shuffle(order)
        return str(order)

    # --- numbers ---

    def _fill_n(self) -> str:
        names = self.scope.of("int")
        if names and self.random.random() < 0.6:
            return self.random.choice(names)
        return str(self.random.randint(0, 3))

    def _fill_s(self) -> str:
        names = self.scope.of("float") + self.scope.of("int")
        if names and self.random.random() < 0.4:
            return self.random.choice(names)
        return self.random.choice(["2", "0.5", "1.5", "-1", "3", "0.25", "1", "-0.5", "2.0"])

    def _fill_b(self) -> str:
        return self.random.choice([*self.scope.of("bool"), "True", "False"])

    def _fill_t(self) -> str:
        return self.random.choice(DTYPES)

    # --- containers, helpers, conditions ---

    def _one_of(self, kind: str) -> str:
        names = self.scope.of(kind)
        if not names:
            raise UnsuitableError(f"no {kind}")
        return self.random.choice(names)

    def _fill_l(self) -> str:
        return self._one_of("List[Tensor]")

    def _fill_L(self) -> str:
        walked = [self.scope.value(n) for n in self.scope.fixed if n in self.scope.environment]
        name = self._fill_l()
        if any(self.scope.value(name) is value for value in walked):
            raise UnsuitableError("a list being walked")
        return name

    def _fill_q(self) -> str:
        return self._one_of("List[int]")

    def _fill_D(self) -> str:
        return self._one_of("Dict[str, Tensor]")

    def _fill_T(self) -> str:
        return self._one_of("Tuple[Tensor, Tensor]")

    def _fill_o(self) -> str:
        return self._one_of("Optional[Tensor]")

    def _fill_h(self) -> str:
        names = [n for n in self.scope.namespace if n.startswith("helper")]
        if not names:
            raise UnsuitableError("no helper")
        return self.random.choice(names)

    def _fill_c(self) -> str:
        return Filler(self.random, self.scope).fill(self.random.choice(CONDITIONS))


def _broadcasts(one: Any, other: Any) -> bool:
    pairs = zip(reversed(one), reversed(other), strict=False)
    return len(one) <= len(other) and all(a in (1, b) for a, b in pairs)


def is_undefined_cast(filler: Filler, text: str) -> bool:
    """Whether a conversion to integers would meet values that have none."""
    if CASTS.search(text) is None or filler.main is None or not filler.main.is_floating_point():
        return False
    value = filler.main
    low = 0 if "uint8" in text else -100
    return bool(value.numel()) and not all(low <= v <= 100 for v in value.double().reshape(-1).tolist())
