# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Makes random programs: each statement runs in PyTorch when it is chosen, so nearly all are valid."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import torch

from .inputs import array_inputs, body_of_arguments, sizes_of
from .profile import Profile
from .program import PRELUDE, Program
from .scope import TENSOR, Scope, UnsuitableError
from .statements import Statements, expression

FIRST_THAT_DRAWS = 130_000_000_000
"""The first seed of which programs may draw random numbers: tests know earlier ones."""


def generate(seed: int) -> Program:
    """The program of a seed; the same in every process."""
    chooser = random.Random(seed)
    draws = seed >= FIRST_THAT_DRAWS and random.Random(~seed).random() < 0.25
    while True:
        torch.manual_seed(seed % 2**32)
        try:
            return _Maker(chooser, Profile.draw(chooser), draws).program()
        except UnsuitableError:
            continue


class _Maker:
    def __init__(self, chooser: random.Random, profile: Profile, draws: bool) -> None:
        self.random = chooser
        self.profile = profile
        namespace: dict[str, Any] = {"__name__": "tests.fuzz.generator"}
        exec(PRELUDE, namespace)
        self.scope = Scope(namespace, draws=draws)

    def program(self) -> Program:
        helpers = self._helper() if self.random.random() < 0.25 else ""
        sizes = sizes_of(self.random)
        inputs = array_inputs(self.random, self.profile.is_mixed, self.profile.has_special_values)
        attributes = self._attributes() if self.profile.is_module else []
        body_of = body_of_arguments(inputs)
        self.scope.run("A, B, C = " + str(sizes[0]) + "\n" + body_of)
        for given in inputs:
            if given.is_parameter:
                self.scope.add(given.name, given.kind)
        body = Statements(self.random, self.profile, self.scope).whole()
        signature = ", ".join(f"{i.name}: {i.kind}" for i in inputs if i.is_parameter)
        arguments = ", ".join(i.name for i in inputs if i.is_parameter)
        return Program(
            helpers
            + (_module(attributes, signature, body) if attributes else _function(signature, body))
            + f"\n\nSIZES = {sizes}\n\n\n"
            + "def arguments(sizes):\n    A, B, C = sizes\n"
            + "".join(f"    {line}\n" for line in body_of.splitlines())
            + f"    return [{arguments}]\n"
        )

    def _helper(self) -> str:
        namespace = self.scope.namespace
        scope = Scope(namespace, {"x": TENSOR, "n": "int"})
        scope.run("x, n = values([3, 4], torch.float32, 5), 2")
        lines: list[str] = []
        for _ in range(self.random.randint(1, 3)):
            name, text = scope.fresh(TENSOR), expression(self.random, scope)
            scope.run(f"{name} = {text}")
            scope.add(name, TENSOR)
            lines.append(f"    {name} = {text}")
        if self.random.random() < 0.3:
            lines.append("    x.add_(1)")
        text = (
            "def helper(x: Tensor, n: int) -> Tensor:\n"
            + "\n".join(lines)
            + f"\n    return {scope.tensors()[-1]}\n"
        )
        exec(text, namespace)
        return text + "\n\n"

    def _attributes(self) -> list[tuple[str, str, str]]:
        """Name, how it is made, and the kind of each attribute of the module."""
        made = [
            ("weight", "torch.nn.Parameter(values([4, 4], torch.float32, 8), False)", TENSOR),
            ("state", "values([3, 4], torch.float32, 9)", TENSOR),
            ("scale", "2", "int"),
        ]
        chosen = self.random.sample(made, self.random.randint(1, 3))
        held = SimpleNamespace()
        for name, text, kind in chosen:
            setattr(held, name, self.scope.evaluate(text))
            self.scope.add(f"self.{name}", kind)
            if name == "weight":
                self.scope.fixed.add(f"self.{name}")
        self.scope.environment["self"] = held
        return chosen


def _function(signature: str, body: list[str]) -> str:
    lines = "".join(f"    {line}\n" for line in body)
    return f"def subject({signature}):\n{lines}\n\ndef make():\n    return subject\n"


def _module(attributes: list[tuple[str, str, str]], signature: str, body: list[str]) -> str:
    lines = "".join(f"        {line}\n" for line in body)
    made = "".join(
        f'        self.register_buffer("{name}", {text})\n'
        if kind == TENSOR and "Parameter" not in text
        else f"        self.{name} = {text}\n"
        for name, text, kind in attributes
    )
    return (
        "class Subject(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        f"{made}\n    def forward(self, {signature}):\n{lines}\n\ndef make():\n    return Subject().eval()\n"
    )
