"""What is wrong with the arguments of a call from Python, in PyTorch's words."""

from __future__ import annotations

from tsc.frontend.unit import Function


def missing_argument(function: Function, name: str) -> str:
    """A parameter without a default that got nothing."""
    return f"{function.short_name}() is missing value for argument '{name}'. Declaration: {function.schema()}"


def surplus_keyword(function: Function, name: str) -> str:
    """A keyword that no parameter is left for."""
    schema = f"Schema: {function.schema()}"
    if any(parameter.name == name for parameter in function.parameters):
        return f"Argument '{name}' specified both as positional and keyword argument. {schema}"
    return f"Unknown keyword argument '{name}' for operator '{function.short_name}'. {schema}"


def surplus_arguments(function: Function, given: int) -> str:
    """More arguments than parameters. The object of a method counts."""
    itself = function.self_type is not None
    most, received = len(function.parameters) + itself, given + itself
    return (
        f"{function.short_name}() expected at most {most} argument(s) but received {received} argument(s). "
        f"Declaration: {function.schema()}"
    )
