# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownLambdaType=false, reportUnknownParameterType=false
"""`tsc.library`: operators of one's own, called in Python, in programs and in archives, without PyTorch."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

import tsc
from tsc.errors import ArgumentError, NotSupportedError, TscError

SPACE = "librarytests"


@pytest.fixture
def library() -> Any:
    made = tsc.library.Library(SPACE, "DEF")
    made.define("scaled(Tensor x, float by=2.0, *, bool negative=False) -> Tensor")
    made.impl("scaled", lambda x, by, *, negative: x * by * (-1 if negative else 1))
    made.define("waves(Tensor[] xs) -> (Tensor, Tensor)")
    made.impl("waves", lambda xs: (np.sin(xs[0]), np.cos(xs[-1])), arrays=True)
    return made


class Net(tsc.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = tsc.nn.Linear(4, 4)

    def forward(self, x: tsc.Tensor) -> tsc.Tensor:
        y = tsc.ops.librarytests.scaled(self.linear(x), negative=True)
        first, last = tsc.ops.librarytests.waves([x, y])
        return tsc.relu(first) + last


def wanted(net: Any, x: Any) -> Any:
    y = net.linear(x).numpy() * np.float32(-2)
    return np.maximum(np.sin(x.numpy()), 0) + np.cos(y)


def test_operators_are_called_in_python(library: Any) -> None:
    x = tsc.tensor([1.0, 2.0])
    assert tsc.ops.librarytests.scaled(x, 3.0).tolist() == [3, 6]
    assert tsc.ops.librarytests.scaled(x, negative=True).tolist() == [-2, -4]
    assert "librarytests::scaled(Tensor x" in tsc.ops.librarytests.scaled.__doc__
    assert library.ns == SPACE


def test_programs_call_them_in_every_form(library: Any) -> None:
    net, x = Net().eval(), tsc.ones(2, 4)
    script = tsc.script(net)
    loaded = tsc.load(io.BytesIO(script.save_to_buffer()))
    with tsc.no_grad():
        modules = net, script, tsc.optimize_for_inference(tsc.freeze(script)), loaded, tsc.trace(net, (x,))
        for module in modules:
            for _ in range(3):
                np.testing.assert_allclose(module(x).numpy(), wanted(net, x), rtol=1e-5)


def test_gradients_are_not_recorded_through_them(library: Any) -> None:
    net = Net()
    for module in (net, tsc.script(net)):
        with pytest.raises(NotSupportedError, match="scaled: gradients are not recorded through operators"):
            module(tsc.ones(2, 4))


def test_what_is_beside_them_is_native(library: Any) -> None:
    x = tsc.ones(2, 4)
    script = tsc.script(Net().eval().requires_grad_(False))
    for _ in range(3):
        script(x)
    runs = {row.operator: row.runs for row in tsc.explain(script, x).operators}
    assert runs[f"{SPACE}::scaled"] == "python"
    assert runs["aten::linear"] == runs["aten::relu"] == "native"


def test_an_operator_may_be_given_another_function_or_schema(library: Any) -> None:
    name = tsc.library.define(f"{SPACE}::other", "(Tensor x) -> Tensor")

    @tsc.library.impl(name, "cpu")
    def other(x: Any) -> Any:
        return x + 1

    assert other(1) == 2
    assert tsc.ops.librarytests.other(tsc.ones(1)).item() == 2
    tsc.library.impl(name, "cpu", lambda x: x + 2)
    assert tsc.ops.librarytests.other(tsc.ones(1)).item() == 3
    tsc.library.define(name, "(Tensor x, int by) -> Tensor")
    with pytest.raises(TscError, match="librarytests::other has no definition"):
        tsc.ops.librarytests.other(tsc.ones(1), 2)
    library.impl("other", lambda x, by: x * by)
    assert tsc.ops.librarytests.other(tsc.ones(1), 4).item() == 4


def test_mistakes_are_named(library: Any) -> None:
    with pytest.raises(ArgumentError, match="namespace of one's own; got 'aten'"):
        tsc.library.Library("aten")
    with pytest.raises(ArgumentError, match="kind in"):
        tsc.library.Library("x", "define")
    with pytest.raises(ArgumentError, match="define: schema: requires"):
        library.define("broken(Tensor")
    with pytest.raises(ArgumentError, match="a name like 'mine::twice'"):
        tsc.library.define("twice", "(Tensor x) -> Tensor")
    with pytest.raises(ArgumentError, match="the namespace 'views' is taken"):
        tsc.library.define("views::x", "(Tensor x) -> Tensor")
    with pytest.raises(ArgumentError, match=f"there is no '{SPACE}::nothing'"):
        library.impl("nothing", print)
    with pytest.raises(AttributeError, match=f"no operator '{SPACE}::nothing'"):
        _ = tsc.ops.librarytests.nothing
