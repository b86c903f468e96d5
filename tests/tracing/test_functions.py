# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false, reportPrivateUsage=false, reportArgumentType=false, reportCallIssue=false
"""Traced functions do what PyTorch's traced functions do."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor

import tsc

from .comparing import graph_text, operators, pytorchs, traced_alike


class Pair(NamedTuple):
    a: Tensor
    b: Tensor


def rand(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def test_a_function_of_two_tensors_returns_a_tuple() -> None:
    def f(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        z = x * 2 + y
        return z, z.sum(dim=0)

    traced_alike(f, (rand(2, 3), rand(2, 3)), [(rand(5, 3), rand(3))])


def test_sizes_follow_the_inputs() -> None:
    def f(x: Tensor) -> tuple[Tensor, ...]:
        b, c, h, w = x.shape
        flat = x.view(b, c * h * w)
        half = x.reshape(x.size(0), x.size(1) // 2, -1)
        return flat, half, torch.zeros(b, h + 1), x.new_ones((w, b)), x * x.size(-1), torch.arange(x.numel())

    traced_alike(f, rand(2, 4, 3, 5), [rand(3, 6, 2, 2), rand(1, 2, 7, 1)])


def test_a_slice_that_took_everything_still_slices_longer_inputs() -> None:
    traced = traced_alike(lambda x: (x[:2], x[0:2, 1:]), rand(2, 3), [rand(4, 5)])
    assert traced(rand(4, 5))[0].shape == (2, 5)


def test_indexing_with_ints_none_ellipsis_tensors_and_masks() -> None:
    def f(x: Tensor, i: Tensor) -> tuple[Tensor, ...]:
        return x[0], x[..., -1], x[None, 1], x[i], x[:, i], x[x > 0], x[1:, None, i], x[i[0]], x[[0, 1]]

    traced_alike(f, (rand(3, 4), torch.tensor([0, 2])), [(rand(5, 4), torch.tensor([1, 0, 2]))])


def test_loops_are_unrolled() -> None:
    def f(x: Tensor) -> Tensor:
        for i in range(x.size(0)):
            x = x + i
        return x

    traced_alike(f, torch.zeros(3), [torch.zeros(5)])


def test_an_in_place_write_to_a_row_reaches_the_input() -> None:
    def f(x: Tensor) -> Tensor:
        x[0] = x[1] * 5
        x[1:, 0] = 3
        x[torch.tensor([0])] = 7.0
        return x

    traced = tsc.trace(f, torch.ones(3, 2))
    expected: Any = torch.jit.trace(f, torch.ones(3, 2))
    ours, theirs = rand(3, 2), rand(3, 2)
    traced(ours)
    expected(theirs)
    torch.testing.assert_close(ours, theirs)


def _written_at(key: Any) -> Any:
    def write(x: Any, value: Any) -> Any:
        x[key] = value
        return x * 1

    return write


@pytest.mark.parametrize("key", [..., 0, slice(1, 3), torch.tensor([0, 2])], ids=str)
def test_values_that_are_written_lose_dims_of_one_element_in_front(key: Any) -> None:
    write, x = _written_at(key), torch.zeros(3, 4)
    value = torch.randn(1, 1, *x[key].shape)
    traced: Any = tsc.trace(write, (x.clone(), value), check_trace=False)
    assert torch.equal(traced(x.clone(), value), write(x.clone(), value))
    with pytest.raises(RuntimeError):
        tsc.trace(write, (x.clone(), torch.randn(2, 1, *x[key].shape)), check_trace=False)


def test_in_place_operators_stay_in_place() -> None:
    traced = traced_alike(lambda x: x.clone().add_(1).mul_(2), rand(3), [rand(4)])
    assert operators(traced.graph) == ["aten::clone", "aten::add_", "aten::mul_"]


def test_a_captured_tensor_shares_its_memory() -> None:
    weight = torch.tensor([1.0, 2.0])
    traced = tsc.trace(lambda x: x * weight, torch.ones(2))
    weight.mul_(100)
    assert traced(torch.ones(2)).tolist() == [100.0, 200.0]


def test_a_captured_tensor_that_requires_grad_is_refused() -> None:
    weight = torch.ones(2, requires_grad=True)
    with pytest.raises(
        RuntimeError, match=r"Cannot insert a Tensor that requires grad as a constant\. Consider"
    ):
        tsc.trace(lambda x: x * weight, torch.ones(2))


def test_python_numbers_do_not_promote() -> None:
    def f(x: Tensor) -> tuple[Tensor, ...]:
        return x * 1.5, x.sum() * 0.1, 2 - x, 2**x, x / 2, x // 2, x % 2, x > 1, 2 / x, -x

    for dtype in (torch.int64, torch.float16, torch.float64):
        traced_alike(f, torch.tensor([1, 2], dtype=dtype))


def test_containers_as_inputs_and_outputs() -> None:
    def f(pair: Any, several: Any, named: Any) -> Any:
        return {"a": pair[0][0] + several[1], "b": named["x"] * named["y"] - pair[1]}

    x = rand(2)
    example = (((x, x + 1), x), [x, x * 3], {"x": x, "y": x})
    traced = tsc.trace(f, example, strict=False)
    expected: Any = torch.jit.trace(f, example, strict=False)
    y = rand(3)
    given = (((y, y + 2), y), [y, y * 2], {"x": y + 5, "y": y})
    torch.testing.assert_close(traced(*given), expected(*given))


def test_a_named_tuple_comes_in_whole_and_goes_out_as_a_tuple() -> None:
    def f(p: Pair) -> Pair:
        return Pair(p.a + p.b, p.a)

    traced = tsc.trace(f, (Pair(rand(2), rand(2)),))
    result = traced(Pair(torch.ones(3), torch.ones(3)))
    assert type(result) is tuple
    assert result[0].tolist() == [2.0, 2.0, 2.0]


def test_keyword_inputs() -> None:
    def f(x: Tensor, y: Tensor, z: int = 3) -> Tensor:
        return x * z - y

    traced = tsc.trace(f, example_kwarg_inputs={"y": rand(2), "x": rand(2)})
    assert traced(y=torch.ones(2), x=torch.ones(2)).tolist() == [2.0, 2.0]
    assert [p.name for p in traced.function.parameters] == ["x", "y"]


def test_one_tensor_given_twice_is_two_inputs() -> None:
    x = torch.ones(2)
    traced = tsc.trace(lambda a, b: a * 2 + b, (x, x))
    assert traced(torch.ones(2), torch.zeros(2)).tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    ("function", "example", "message"),
    [
        (lambda x, n: x + n, (torch.ones(1), 3), r"Type 'Tuple\[Tensor, int\]' cannot be traced"),
        (lambda x: None, torch.ones(1), "The traced function didn't return any values!"),
        (
            lambda x: (x, 3),
            torch.ones(1),
            "Only tensors, lists, tuples of tensors, or dictionary of tensors can",
        ),
        (
            lambda x: {"a": x},
            torch.ones(1),
            "Encountering a dict at the output of the tracer might cause the",
        ),
        (lambda x: x + 1, ([torch.ones(1), (torch.ones(1),)],), "List inputs to traced functions must have"),
    ],
)
def test_what_cannot_be_traced_is_refused_as_pytorch_does(function: Any, example: Any, message: str) -> None:
    for trace in (tsc.trace, torch.jit.trace):
        with pytest.raises(RuntimeError, match=message):
            trace(function, example)


def test_views_factories_and_no_ops_are_recorded() -> None:
    def f(x: Tensor) -> Tensor:
        y = x.data.contiguous().detach() + torch.ones_like(x)
        y = torch.cat([y, torch.full((1, x.shape[1]), 2.0)]).expand(2, -1, -1)
        a, b = y.chunk(2, dim=2)
        return torch.stack(a.unbind(0)).to(torch.float64).type_as(x) + b.max(1)[0].unsqueeze(1)

    traced = tsc.trace(f, rand(3, 4))
    for x in (rand(3, 4), rand(2, 6)):  # PyTorch's own trace takes `x.data` for a constant
        torch.testing.assert_close(traced(x), f(x))


def test_script_functions_keep_their_control_flow() -> None:
    traced = tsc.trace(
        lambda x, y, z: scripted_larger(x, y) + z, (torch.ones(3), torch.zeros(3), torch.zeros(3))
    )
    assert traced(torch.zeros(3), torch.ones(3), torch.zeros(3)).tolist() == [1.0, 1.0, 1.0]
    assert "prim::CallFunction" in str(traced.graph)


def larger(x: Tensor, y: Tensor) -> Tensor:
    if bool(x.max() > y.max()):
        r = x
    else:
        r = y
    return r


scripted_larger = tsc.script(larger)


def add_twice(x: Tensor, y: Tensor) -> Tensor:
    return 2 * x + y


traced_add_twice = tsc.trace(add_twice, (torch.ones(3), torch.ones(3)))


def calls_traced(x: Tensor) -> Tensor:
    return traced_add_twice(x, x)


def test_a_script_function_calls_a_traced_one() -> None:
    assert tsc.script(calls_traced)(torch.ones(4)).tolist() == [3.0] * 4


def rows(x: Tensor) -> Tensor:
    total = torch.zeros(x.size(1))
    for i in range(x.size(0)):
        total = total + x[i]
    return total


def test_script_if_tracing_compiles_inside_traces_only() -> None:
    wrapped = tsc.script_if_tracing(rows)
    traced = tsc.trace(lambda x: wrapped(x), torch.ones(2, 3))
    assert traced(torch.ones(5, 3)).tolist() == [5.0] * 3
    assert wrapped(torch.ones(4, 3)).tolist() == [4.0] * 3


def test_is_tracing_is_true_inside_alone() -> None:
    seen: list[Any] = []

    def f(x: Tensor) -> Tensor:
        seen.append((tsc.is_tracing(), torch.jit.is_tracing(), torch.jit.is_scripting()))
        return x * 2

    tsc.trace(f, torch.ones(1), check_trace=False)
    assert seen == [(True, True, False)]
    assert not tsc.is_tracing()
    assert not torch.jit.is_tracing()


def test_everything_replaced_for_a_trace_is_put_back_even_after_an_error() -> None:
    before = dict(vars(torch.Tensor)), torch.tensor, torch.nn.Module.__call__
    with pytest.raises(ZeroDivisionError):
        tsc.trace(lambda x: x / (1 // 0), torch.ones(1))
    assert (dict(vars(torch.Tensor)), torch.tensor, torch.nn.Module.__call__) == before
    assert type(torch.ones(2).size(0)) is int


def test_the_trace_of_a_tensor_is_the_operator() -> None:
    assert tsc.trace(tsc.Tensor([[1.0, 2.0], [3.0, 4.0]])).tolist() == 5.0


def test_disabled_compilation_returns_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    from tsc.options import options

    monkeypatch.setattr(options(), "is_jit_enabled", False)
    assert tsc.trace(add_twice, (torch.ones(1), torch.ones(1))) is add_twice


def test_the_operators_are_pytorchs() -> None:
    def f(x: Tensor) -> Tensor:
        y = torch.relu(x).transpose(0, 1)
        return torch.matmul(y, x[0:2]).softmax(-1).view(x.size(1), -1)

    ours, theirs = tsc.trace(f, rand(2, 3)), pytorchs(f, rand(2, 3))
    assert operators(ours.graph) == operators(theirs.graph)


def test_the_text_of_the_graph_is_pytorchs() -> None:
    def f(x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        z = torch.relu(x) + y
        for i in range(2):
            z = z.transpose(0, 1).pow(i)
        return z.sum(dim=0), x.view(x.size(0), 1, x.shape[1], -1), x[0], x[:, 1:], torch.cat([z, z])

    example = rand(4, 4), rand(4, 4)
    ours, theirs = tsc.trace(f, example), pytorchs(f, example)
    assert graph_text(ours.graph) == graph_text(theirs.graph)


def test_a_traced_function_compiles_to_native_code() -> None:
    traced = tsc.trace(lambda x: (x * 2 + 1).view(x.size(0), -1).relu(), rand(2, 3, 4))
    traced(rand(2, 3, 4))
    assert traced.last is not None
    assert traced.last.is_native


def test_a_tensor_given_where_an_int_is_wanted_stays_one() -> None:
    def f(x: Tensor, n: Tensor) -> tuple[Tensor, ...]:
        return (
            torch.zeros(1, n, 2),
            x.reshape(n, -1),
            x[:n],
            torch.arange(n),
            x.repeat(n, 1),
            x.narrow(0, 0, n),
        )

    traced_alike(f, (rand(2, 2), torch.tensor(2)), [(rand(2, 4), torch.tensor(1))])


def test_example_arguments_by_unknown_names_are_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        tsc.trace(lambda x: x, example_kwarg_inputs={"x": rand(2), "z": rand(2)})


def written(x: Tensor) -> tuple[Tensor, Tensor]:
    y = x.clone()
    y.add_(1)
    y[0] = 5
    y.relu_()
    z = y.view(-1)
    z.mul_(2)
    return y, z


def refilled(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    x = x + 1
    x += y
    x.fill_(3)
    y = y * 2
    y.zero_()
    return x, y


@pytest.mark.parametrize(("function", "count"), [(written, 1), (refilled, 2)])
def test_operators_that_write_are_recorded_as_those_that_make_tensors(function: Any, count: int) -> None:
    given = (torch.tensor([-3.0, 1.0]),) * count
    ours, theirs = (
        jit.trace(function, given, check_trace=False, _force_outplace=True) for jit in (tsc, torch.jit)
    )
    torch.testing.assert_close(ours(*given), theirs(*given))
    assert "add_" not in ours.code + theirs.code


def test_arguments_of_pytorchs_exporters_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="_module_class"):
        tsc.trace(lambda x: x + 1, (torch.ones(2),), _module_class=object)
