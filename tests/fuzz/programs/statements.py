# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Makes the statements of a random program, and keeps what they did to the values in `Scope`."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import torch

from . import templates
from .filling import Filler, is_undefined_cast
from .memory import shares_memory
from .profile import Profile
from .scope import TENSOR, Scope, UnsuitableError

TRIES = 12
"""How often a statement is tried with other choices before another is chosen."""
TABLES = [
    templates.VIEWS, templates.VIEWS, templates.POINTWISE, templates.POINTWISE, templates.REDUCTIONS,
    templates.PRODUCTS, templates.JOINING,
]  # fmt: skip


def expression(chooser: random.Random, scope: Scope) -> str:
    """An expression that is a tensor.

    Raises:
        UnsuitableError: after many tries.
    """
    for _ in range(TRIES):
        table = templates.DRAWS if scope.draws and chooser.random() < 0.15 else chooser.choice(TABLES)
        try:
            filler = Filler(chooser, scope)
            text = filler.fill(chooser.choice(table))
            if isinstance(scope.evaluate(text), torch.Tensor) and not is_undefined_cast(filler, text):
                return text
        except UnsuitableError:
            continue
    raise UnsuitableError("nothing fits")


def indented(lines: list[str]) -> list[str]:
    """Lines one level deeper."""
    return ["    " + line for line in lines]


class Statements:
    """The body of one function."""

    def __init__(self, chooser: random.Random, profile: Profile, scope: Scope) -> None:
        self.random = chooser
        self.profile = profile
        self.arguments = [scope.value(n) for n in scope.tensors()]
        self.scope = scope
        self.is_finished = False
        """A statement raised: what follows would never run."""

    def whole(self) -> list[str]:
        """All statements, the last of which returns."""
        lines = self.block(self.scope, self.profile.length, 2)
        if self.profile.returns_early:
            lines = self._with_early_return(lines)
        return [*lines, f"return {self._result(self.scope)}"]

    def block(self, scope: Scope, count: int, depth: int) -> list[str]:
        """Some statements; `depth` says how deep others may nest in them."""
        lines: list[str] = []
        for _ in range(count):
            if self.is_finished:
                break
            lines += self._statement(scope, depth)
        return lines or ["pass"]

    def _statement(self, scope: Scope, depth: int) -> list[str]:
        for _ in range(TRIES):
            try:
                return self._chosen(depth)(scope, depth)
            except UnsuitableError:
                continue
        return []

    def _chosen(self, depth: int) -> Callable[[Scope, int], list[str]]:
        draw = self.random.random()
        if depth and draw < self.profile.control:
            return self.random.choice([self._if, self._if, self._for, self._for, self._while, self._optional])
        if self.random.random() < self.profile.writes:
            return self._write
        if self.random.random() < self.profile.containers:
            return self._container
        return self.random.choice([self._define] * 8 + [self._assign, self._number])

    # --- statements without blocks ---

    def _define(self, scope: Scope, depth: int) -> list[str]:
        name, text = scope.fresh(TENSOR), expression(self.random, scope)
        return self._taken(scope, f"{name} = {text}", (name, TENSOR))

    def _assign(self, scope: Scope, depth: int) -> list[str]:
        names = [n for n in scope.tensors() if n not in scope.fixed]
        if not names:
            raise UnsuitableError("nothing to assign")
        names += [n for n in names if "." in n] * 4  # attributes: what later calls see
        name, text = self.random.choice(names), expression(self.random, scope)
        if "." in name and scope.evaluate(text).numel() > scope.value(name).numel():
            raise UnsuitableError("an attribute that grows with each call")
        return self._taken(scope, f"{name} = {text}", (name, TENSOR))

    def _number(self, scope: Scope, depth: int) -> list[str]:
        kind = self.random.choice(["int", "int", "float", "bool"])
        return self._of_kind(scope, kind)

    def _container(self, scope: Scope, depth: int) -> list[str]:
        kinds = [k for k in templates.BY_KIND if "[" in k]
        return self._of_kind(scope, self.random.choice(kinds))

    def _of_kind(self, scope: Scope, kind: str) -> list[str]:
        text = Filler(self.random, scope).fill(self.random.choice(templates.BY_KIND[kind]))
        names = [n for n in scope.of(kind) if n not in scope.fixed]
        name = self.random.choice(names) if names and self.random.random() < 0.3 else scope.fresh(kind)
        annotation = f": {kind}" if "[" in kind and name not in scope.kinds else ""
        return self._taken(scope, f"{name}{annotation} = {text}", (name, kind))

    def _write(self, scope: Scope, depth: int) -> list[str]:
        filler = Filler(self.random, scope)
        text = filler.fill(self.random.choice(templates.WRITES))
        if self.profile.keeps_arguments and filler.main is not None and self._is_of_an_argument(filler.main):
            raise UnsuitableError("writes to an argument")
        if filler.main is not None and _overlaps_itself(filler.main):
            raise UnsuitableError("which write comes last is not defined")
        head = text.split(" ")[0]
        if head in scope.fixed and " " in text and "self." not in head:
            raise UnsuitableError("assigns what may not be assigned")
        return self._taken(scope, text, None)

    def _is_of_an_argument(self, value: Any) -> bool:
        return any(shares_memory(value, a) for a in self.arguments)

    def _taken(self, scope: Scope, text: str, adds: tuple[str, str] | None) -> list[str]:
        """Run a statement; one that PyTorch refuses is rarely kept, as the last."""
        trial = scope.environment if adds is not None else scope.branch().environment
        try:
            Scope(scope.namespace, scope.kinds, trial).run(text)
        except UnsuitableError:
            if self.profile.may_raise and self.random.random() < 0.15:
                self.is_finished = True
                return [text]
            raise
        if adds is None:
            scope.run(text)
        else:
            scope.add(*adds)
        return [text]

    # --- control flow ---

    def _if(self, scope: Scope, depth: int) -> list[str]:
        condition = Filler(self.random, scope).fill(self.random.choice(templates.CONDITIONS))
        scope.evaluate(condition)
        then_scope, else_scope = scope.branch(), scope.branch()
        then = self.block(then_scope, self.random.randint(1, 3), depth - 1)
        other = (
            self.block(else_scope, self.random.randint(1, 2), depth - 1) if self.random.random() < 0.6 else []
        )
        joined: list[tuple[str, str]] = []
        if other and self.random.random() < 0.5:
            name = scope.fresh(TENSOR)
            then.append(f"{name} = {self.random.choice(then_scope.tensors())}")
            other.append(f"{name} = {self.random.choice(else_scope.tensors())}")
            joined.append((name, TENSOR))
        lines = [f"if {condition}:", *indented(then)]
        return self._nested(scope, lines + (["else:", *indented(other)] if other else []), joined)

    def _for(self, scope: Scope, depth: int) -> list[str]:
        inner = scope.branch()
        counter, head = self._head(inner)
        lines = [*head, *indented(self._loop_body(inner, depth, counter))]
        return self._nested(scope, lines, [])

    def _head(self, inner: Scope) -> tuple[str, list[str]]:
        """The line of a ``for``; its variables get their first values in `inner`."""
        counter, walked = inner.fresh("int"), inner.fresh(TENSOR)
        fill = Filler(self.random, inner)
        form = self.random.choice(["range", "range", "size", "list", "enumerate", "zip", "rows"])
        if form in ("range", "size"):
            limit = (
                self.random.choice(["2", "3", fill.fill("{n}")])
                if form == "range"
                else fill.fill("{x}.size({d})")
            )
            self._first(inner, counter, "int", "0")
            return counter, [f"for {counter} in range({limit}):"]
        many = fill.fill("{x}") if form == "rows" else fill.fill("{l}")
        self._first(inner, walked, TENSOR, f"{many}[0]")
        inner.fixed.add(many)
        if form == "enumerate":
            self._first(inner, counter, "int", "0")
            return counter, [f"for {counter}, {walked} in enumerate({many}):"]
        if form == "zip":
            self._first(inner, counter, "int", "0")
            return counter, [f"for {walked}, {counter} in zip({many}, range(9)):"]
        return counter, [f"for {walked} in {many}:"]

    @staticmethod
    def _first(inner: Scope, name: str, kind: str, value: str) -> None:
        inner.run(f"{name} = {value}")
        inner.add(name, kind)
        inner.fixed.add(name)

    def _loop_body(self, inner: Scope, depth: int, counter: str) -> list[str]:
        body = self.block(inner, self.random.randint(1, 3), depth - 1)
        if self.random.random() < 0.25:
            test = f"{counter} == 1" if counter in inner.kinds else Filler(self.random, inner).fill("{c}")
            leaving = [f"if {test}:", "    " + self.random.choice(["break", "continue"])]
            place = self.random.randint(0, len([line for line in body if not line.startswith(" ")]))
            body = _inserted(body, place, leaving)
        return body

    def _while(self, scope: Scope, depth: int) -> list[str]:
        inner, counter = scope.branch(), scope.fresh("int")
        limit = Filler(self.random, inner).fill("{n}")
        self._first(inner, counter, "int", "0")
        body = self.block(inner, self.random.randint(1, 2), depth - 1)
        lines = [f"{counter} = 0", f"while {counter} < {limit}:"]
        lines += [f"    {counter} += 1", *indented(body)]
        if limit not in inner.fixed and limit.isidentifier():
            raise UnsuitableError("the limit may grow")
        return self._nested(scope, lines, [(counter, "int")])

    def _optional(self, scope: Scope, depth: int) -> list[str]:
        name = Filler(self.random, scope).fill("{o}")
        inner = scope.branch()
        if inner.value(name) is None:
            self._first(inner, name, TENSOR, scope.tensors()[0])
        inner.kinds[name] = TENSOR
        inner.fixed.add(name)
        body = self.block(inner, self.random.randint(1, 2), depth - 1)
        return self._nested(scope, [f"if {name} is not None:", *indented(body)], [])

    def _nested(self, scope: Scope, lines: list[str], adds: list[tuple[str, str]]) -> list[str]:
        """Run a whole compound statement; first on a copy, since it may fail half way."""
        if self.is_finished:
            return lines
        text = "\n".join(lines)
        scope.branch().run(text)
        scope.run(text)
        for name, kind in adds:
            scope.add(name, kind)
        return lines

    # --- results ---

    def _result(self, scope: Scope) -> str:
        if self.profile.returns_early:
            return f"[{', '.join(self._tensors(scope))}]"
        parts = self._tensors(scope)
        if not self.profile.keeps_arguments:
            others = [n for n, k in scope.kinds.items() if k != TENSOR and n not in scope.fixed]
            parts += self.random.sample(others, self.random.randint(0, len(others)))
        return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"

    def _tensors(self, scope: Scope) -> list[str]:
        made = [n for n in scope.tensors() if self._may_be_returned(scope.value(n))]
        if not made:
            return [f"{scope.tensors()[-1]} + 1"]
        count = self.random.choice([1, 2, 3, len(made), len(made)])
        return made[-1:] + self.random.sample(made[:-1], min(count, len(made)) - 1)

    def _may_be_returned(self, value: Any) -> bool:
        return not (self.profile.keeps_arguments and self._is_of_an_argument(value))

    def _with_early_return(self, lines: list[str]) -> list[str]:
        starts = [n for n, line in enumerate(lines) if not line.startswith((" ", "else"))]
        names = [n for n in self.scope.tensors() if n[0] in "av"]
        condition = f"bool({names[0]}.sum() > {self.random.choice(['0', '1000', '-1000'])})"
        early = [f"if {condition}:", f"    return [{self.random.choice(names)}]"]
        return _inserted(lines, self.random.randint(0, len(starts)), early)


def _inserted(lines: list[str], place: int, new: list[str]) -> list[str]:
    """`lines` with others before the statement of that number."""
    starts = [n for n, line in enumerate(lines) if not line.startswith((" ", "else"))] + [len(lines)]
    at = starts[min(place, len(starts) - 1)]
    return lines[:at] + new + lines[at:]


def _overlaps_itself(value: Any) -> bool:
    """Whether two elements of a tensor lie at one address."""
    places = torch.zeros(value.shape, dtype=torch.int64)
    for d, (size, stride) in enumerate(zip(value.shape, value.stride(), strict=True)):
        places += (torch.arange(size) * stride).reshape([-1] + [1] * (value.dim() - d - 1))
    return len(set(places.reshape(-1).tolist())) < value.numel()
