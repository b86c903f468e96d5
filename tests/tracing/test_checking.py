# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false, reportPrivateUsage=false
"""What the tracer warns of, and what its checks find: PyTorch's texts, at the user's line."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

import tsc

from .comparing import warned


def kept(message: str) -> str:
    """A warning without the figures that the check computes."""
    return message.split("Detailed error")[0]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x if x.sum() > 0 else -x,
        lambda x: x * int(x[0]),
        lambda x: x * float(x[0]),
        lambda x: x * x[0].item(),
        lambda x: x + x.tolist()[0],
        lambda x: x + len(x),
        lambda x: x + sum([r for r in x]),
        lambda x: x + torch.tensor([1.0, 2.0]),
        lambda x: x + torch.as_tensor([1.0, 2.0]),
        lambda x: x + torch.from_numpy(x.numpy()),
        lambda x: [x, x + 1],
        lambda x: x + x.size(0) ** 0.5 if x.size(0) > 1 else x,
    ],
)
def test_the_warnings_are_pytorchs(function: Any) -> None:
    example = torch.tensor([1.0, 2.0])
    ours = warned(lambda: tsc.trace(function, example, check_trace=False))
    theirs = warned(lambda: torch.jit.trace(function, example, check_trace=False))
    assert [str(w.message) for w in ours] == [str(w.message) for w in theirs]
    assert ours


def test_a_warning_points_at_the_line_of_the_user() -> None:
    def f(x: Tensor) -> Tensor:
        return x * int(x[0])

    (given,) = warned(lambda: tsc.trace(f, torch.ones(1), check_trace=False))
    assert (given.filename, given.lineno) == (__file__, f.__code__.co_firstlineno + 1)
    assert given.category is tsc.TracerWarning


def multiplied(x: Tensor) -> Tensor:
    result = x[0]
    for i in range(x.size(0)):
        result = result * x[i]
    return result


def test_check_inputs_find_a_loop_that_depends_on_the_shape() -> None:
    with pytest.raises(tsc.TracingCheckError) as failure:
        tsc.trace(multiplied, (torch.rand(3, 4),), check_inputs=[(torch.rand(4, 5),), (torch.rand(2, 3),)])
    text = str(failure.value)
    assert text.startswith(
        "Tracing failed sanity checks!\nERROR: Graphs differed across invocations!\n\tGraph diff:\n"
    )
    assert "\t\t+   %" in text
    assert "First diverging operator:\n\tNode diff:\n" in text


def test_check_inputs_that_agree_pass() -> None:
    traced = tsc.trace(lambda x: x * 2, torch.ones(2), check_inputs=[(torch.ones(3),), torch.ones(4, 1)])
    assert traced(torch.ones(1)).tolist() == [2.0]


def test_a_random_row_is_reported() -> None:
    def f(x: Tensor) -> Tensor:
        x[0] = torch.rand(*x.shape[1:2])
        return x

    given = [kept(str(w.message)) for w in warned(lambda: tsc.trace(f, torch.rand(3, 4)))]
    theirs = [kept(str(w.message)) for w in warned(lambda: torch.jit.trace(f, torch.rand(3, 4)))]
    assert given[-1] == theirs[-1]
    assert given[-1].startswith(
        "Output nr 1. of the traced function does not match the corresponding output of the"
    )
    assert given[0].startswith(
        "Trace had nondeterministic nodes. Did you forget call .eval() on your model? Nodes:"
    )


def test_constants_that_change_are_reported() -> None:
    count = [0.0]

    def f(x: Tensor) -> Tensor:
        count[0] += 1
        return x + torch.full((2,), count[0]).numpy().sum() * torch.tensor([count[0], 1.0])

    with pytest.raises(
        tsc.TracingCheckError, match="ERROR: Tensor-valued Constant nodes differed in value across"
    ):
        tsc.trace(f, torch.ones(2))


def test_a_failing_rerun_is_reported_with_its_error() -> None:
    calls: list[int] = []

    def f(x: Tensor) -> Tensor:
        calls.append(1)
        if len(calls) == 3:
            raise ValueError("third time unlucky")
        return x + 1

    with pytest.raises(tsc.TracingCheckError) as failure:
        tsc.trace(f, torch.ones(2))
    assert "encountered an exception while running the Python function with test inputs." in str(
        failure.value
    )
    assert "\tthird time unlucky" in str(failure.value)


def test_the_tolerance_decides() -> None:
    calls: list[int] = []

    def f(x: Tensor) -> Tensor:
        calls.append(1)
        return x + (0.001 if len(calls) % 3 == 0 and torch.jit.is_tracing() is False else 0.0)

    assert any("Output nr 1." in str(w.message) for w in warned(lambda: tsc.trace(f, torch.ones(2))))
    calls.clear()
    assert not warned(lambda: tsc.trace(f, torch.ones(2), check_tolerance=0.1))


def test_resizing_is_not_recorded() -> None:
    def f(x: Tensor) -> Tensor:
        return x.clone().resize_(2, 3) + x.sum()

    example = torch.ones(3, 2)
    ours = warned(lambda: tsc.trace(f, example, check_trace=False))
    theirs = warned(lambda: torch.jit.trace(f, example, check_trace=False))
    assert [str(w.message) for w in ours] == [str(w.message) for w in theirs]
    assert str(ours[0].message).startswith("resize_ can't be represented in the JIT at the moment")


def test_optimize_is_refused_with_a_warning() -> None:
    with pytest.warns(FutureWarning, match="`optimize` is deprecated and has no effect"):
        tsc.trace(lambda x: x + 1, torch.ones(1), True)


def test_tensors_of_tsc_warn_too() -> None:
    def f(x: Any) -> Any:
        return x * float(x[0]) if bool(x[0] > 0) else x

    texts = [str(w.message) for w in warned(lambda: tsc.trace(f, tsc.Tensor([1.0, 2.0]), check_trace=False))]
    assert [t.split(" might")[0] for t in texts] == [
        "Converting a tensor to a Python boolean",
        "Converting a tensor to a Python float",
    ]


def test_printing_a_tensor_records_nothing_and_warns_of_nothing() -> None:
    def f(x: Tensor) -> Tensor:
        text = f"{x} {x.shape[0]} {x!r}"
        return x + len(text) * 0

    assert warned(lambda: tsc.trace(f, torch.ones(2), check_trace=False)) == []
