# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""The variables alive at a place of a program that is being made, with the values they have in PyTorch."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

import torch

LARGEST = 1500
"""Elements of a tensor, and of a list, beyond which a statement is not taken."""
TENSOR = "Tensor"


class UnsuitableError(Exception):
    """A statement that PyTorch refuses, or whose values would make comparing hard."""


@dataclass
class Scope:
    """`kinds` by name; `environment` holds the values, and beside them what the program's text sees."""

    namespace: dict[str, Any]
    kinds: dict[str, str] = field(default_factory=dict[str, str])
    environment: dict[str, Any] = field(default_factory=dict[str, Any])
    fixed: set[str] = field(default_factory=set[str])
    """Names that may not be assigned or grown: loop counters, lists being walked."""
    next_name: list[int] = field(default_factory=lambda: [0])
    draws: bool = False
    """Whether expressions may draw random numbers."""

    def branch(self) -> Scope:
        """A copy to try statements in: tensors that share memory share it in the copy."""
        return Scope(
            self.namespace,
            dict(self.kinds),
            copy.deepcopy(self.environment),
            set(self.fixed),
            self.next_name,
            self.draws,
        )

    def of(self, kind: str) -> list[str]:
        """The names of a kind, newest last."""
        return [name for name, k in self.kinds.items() if k == kind]

    def tensors(self) -> list[str]:
        """The names of tensors."""
        return self.of(TENSOR)

    def fresh(self, kind: str) -> str:
        """A name not used before."""
        self.next_name[0] += 1
        letter = {"Tensor": "t", "int": "n", "float": "s", "bool": "b"}.get(kind, kind[0].lower())
        return f"{letter}{self.next_name[0]}"

    def evaluate(self, expression: str) -> Any:
        """The value of an expression.

        Raises:
            UnsuitableError: PyTorch refuses it, or it is too large.
        """
        try:
            value = eval(expression, {**self.namespace, **self.environment})
        except Exception as error:
            raise UnsuitableError(str(error)) from None
        check_suitable(value)
        return value

    def run(self, statements: str) -> None:
        """Run statements on the values.

        Raises:
            UnsuitableError: PyTorch refuses them, or they make a value too large.
        """
        try:
            exec(compile(statements, "<statements>", "exec"), self.namespace, self.environment)
        except Exception as error:
            raise UnsuitableError(str(error)) from None
        for name in self.kinds:
            check_suitable(self.value(name))

    def value(self, name: str) -> Any:
        """The value of a name, which may be an attribute of self."""
        head, _, rest = name.partition(".")
        found = self.environment[head]
        return getattr(found, rest) if rest else found

    def add(self, name: str, kind: str) -> None:
        """From now on a name is alive."""
        self.kinds[name] = kind


def check_suitable(value: Any) -> None:
    """Refuse what is too large to compare well.

    Raises:
        UnsuitableError: it is.
    """
    if isinstance(value, torch.Tensor):
        _check_tensor(value)
    elif isinstance(value, (list, tuple)):
        if len(value) > 8:
            raise UnsuitableError("a long list")
        for part in value:
            check_suitable(part)
    elif isinstance(value, dict):
        check_suitable(list(value.values()))
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and not abs(value) < 1e4:
        raise UnsuitableError("a large number")


def _check_tensor(value: torch.Tensor) -> None:
    if value.dtype == torch.complex32:
        raise UnsuitableError("NumPy has no such dtype")
    if value.numel() > LARGEST or value.dim() > 5:
        raise UnsuitableError("a large tensor")
    if value.numel() == 0 or value.dtype == torch.bool:
        return
    finite = torch.nan_to_num(
        value.detach().double() if not value.is_complex() else value.abs(), 0.0, 0.0, 0.0
    )
    if float(finite.abs().max()) > (1e5 if value.dtype not in (torch.float16, torch.bfloat16) else 500):
        raise UnsuitableError("large elements")
