# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""A random program as one that gives the gradients of its results by its arguments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from tests.fuzz.programs.program import Loaded, Program

WRAPPER = """

def given(value: Optional[Tensor]) -> Tensor:
    assert value is not None
    return value


make_subject = make


class Differentiated(torch.nn.Module):
    def __init__(self):
        super().__init__()
{held}
    def forward(self, {signature}):
{required}
        result = {called}({passed})
        outputs = [{outputs}]
        inputs = [{inputs}]
        seeds: List[Optional[Tensor]] = [{seeds}]
        return torch.autograd.grad(outputs, inputs, seeds, allow_unused=True)


def make():
    return Differentiated().eval()
"""


def differentiated(
    program: Program, given: Sequence[Any], results: Any, are_written: bool
) -> tuple[Loaded, list[torch.Tensor]] | None:
    """The program that differentiates those of its `results` that require gradients by the tensors of floats
    that it is `given`, and these results; None where TorchScript does not say where to find them. Its
    arguments are the program's, and of each result the gradient. Where arguments `are_written`, the
    program gets copies of what gradients are taken by, for PyTorch writes to no leaves.
    """
    loaded = program.load()
    subject = loaded.subject()
    is_module = isinstance(subject, torch.nn.Module)
    try:
        compiled: Any = torch.jit.script(subject)
    except Exception:  # PyTorch's frontend raises what it likes: such a program is not tried
        return None
    schema = (compiled.forward if is_module else compiled).schema
    parameters = [(a.name, a.type) for a in schema.arguments if a.name != "self"]
    places = list(_places(results, schema.returns[0].type, "result"))
    if any(place is None for place, _ in places):
        return None
    wanted = [(place, tensor) for place, tensor in places if tensor.requires_grad]
    seeds = [f"g{i}" for i in range(len(wanted))]
    required, passed, inputs = _requiring(parameters, given, ".clone()" if are_written else "")
    signature = [f"{name}: {_written(kind)}" for name, kind in parameters] + [f"{s}: Tensor" for s in seeds]
    text = WRAPPER.format(
        held="        self.subject = make_subject()\n" if is_module else "",
        signature=", ".join(signature),
        required="\n".join(f"        {line}" for line in required),
        called="self.subject" if is_module else "subject",
        passed=", ".join(passed),
        outputs=", ".join(str(place) for place, _ in wanted),
        inputs=", ".join(inputs),
        seeds=", ".join(seeds),
    )
    return Program(program.body + text).load(), [tensor for _, tensor in wanted]


def _written(kind: Any) -> str:
    return str(kind.annotation_str).replace("torch.Tensor", "Tensor").replace("NoneType", "None")


def _requiring(
    parameters: Sequence[tuple[str, Any]], given: Sequence[Any], copied: str
) -> tuple[list[str], list[str], list[str]]:
    """The lines that make leaves of the arguments, what the program is passed, and the leaves."""
    lines: list[str] = []
    passed: list[str] = []
    leaves: list[str] = []

    def leaf(text: str) -> str:
        name = f"leaf{len(leaves)}"
        lines.append(f"{name} = {text}.detach().requires_grad_(True)")
        leaves.append(name)
        return name + copied

    for (name, _), value in zip(parameters, given, strict=True):
        if is_leaf(value):
            passed.append(leaf(name))
        elif isinstance(value, list) and any(map(is_leaf, value)):
            each = [leaf(f"{name}[{i}]") if is_leaf(v) else f"{name}[{i}]" for i, v in enumerate(value)]
            passed.append(f"[{', '.join(each)}]")
        else:
            passed.append(name)
    return lines, passed, leaves


def is_leaf(value: Any) -> bool:
    """Whether gradients are taken by a value."""
    return isinstance(value, torch.Tensor) and (value.is_floating_point() or value.is_complex())


def _places(value: Any, kind: Any, text: str) -> Iterator[tuple[str | None, torch.Tensor]]:
    """The tensors that a result holds, each with the text that finds it; None where its type says too
    little.
    """
    if isinstance(value, torch.Tensor):
        is_optional = isinstance(kind, torch.OptionalType)
        inner = kind.getElementType() if is_optional else kind
        if not isinstance(inner, torch.TensorType):
            yield None, value
        else:
            yield f"given({text})" if is_optional else text, value
    elif isinstance(value, dict) and isinstance(kind, torch.DictType):
        for key, inner in value.items():
            yield from _places(inner, kind.getValueType(), f"{text}[{key!r}]")
    elif isinstance(value, tuple) and isinstance(kind, torch.TupleType):
        for i, (inner, of_inner) in enumerate(zip(value, kind.elements(), strict=True)):
            yield from _places(inner, of_inner, f"{text}[{i}]")
    elif isinstance(value, list) and isinstance(kind, torch.ListType):
        for i, inner in enumerate(value):
            yield from _places(inner, kind.getElementType(), f"{text}[{i}]")
    elif isinstance(value, (dict, tuple, list)):
        yield None, torch.empty(0)
