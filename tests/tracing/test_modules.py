# pyright: reportUnknownMemberType=false, reportUnknownLambdaType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportPrivateImportUsage=false, reportPrivateUsage=false
"""Traced modules do what PyTorch's traced modules do."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tsc
from tsc import nn as own_nn
from tsc.tracing.modules import TopLevelTracedModule, TracedModule

from .comparing import operators, pytorchs, traced_alike


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


class ConvNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.act = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2))
        self.head = nn.Linear(8, 4)
        self.unused = nn.Linear(2, 2)
        self.untouched = 3

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.act(self.norm(self.conv(x))).mean((2, 3)))


class Cell(nn.Module):
    """An LSTM cell by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(12, 7))
        self.scale: Tensor
        self.register_buffer("scale", torch.tensor(0.5))

    def forward(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        h, c = state
        i, f, g, o = (torch.cat((x, h), 1) @ self.weight.t()).chunk(4, 1)
        c = torch.sigmoid(f) * c + i.sigmoid() * g.tanh() * self.scale
        h = o.sigmoid() * c.tanh()
        return h, (h, c)


class Shared(nn.Module):
    """One submodule called twice, its weight used outside it too."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.layer(x)) @ self.layer.weight

    def other(self, x: Tensor) -> Tensor:
        return self.layer(x) * 10


def conv_net() -> ConvNet:
    return ConvNet().eval()


def test_a_convolutional_net_takes_other_batches_and_sizes() -> None:
    traced_alike(conv_net(), torch.randn(1, 3, 8, 8), [torch.randn(4, 3, 12, 10)])


def test_the_traced_module_looks_like_the_module() -> None:
    module = conv_net()
    x = torch.randn(1, 3, 8, 8)
    ours, theirs = tsc.trace(module, x), pytorchs(module, x)
    assert list(ours.state_dict()) == list(module.state_dict())
    assert str(ours) == str(theirs)
    assert isinstance(ours, TopLevelTracedModule)
    assert isinstance(ours.conv, TracedModule)
    assert not isinstance(ours.conv, TopLevelTracedModule)
    assert (ours.original_name, ours.conv.original_name) == ("ConvNet", "Conv2d")
    assert (ours.training, ours.unused.training) == (False, False)
    assert ours.train().training
    with pytest.raises(AttributeError):
        _ = ours.untouched
    with pytest.raises(RuntimeError, match="Trace submodules cannot be called"):
        ours.conv(torch.randn(1, 3, 8, 8))


def test_submodules_have_methods_of_their_own() -> None:
    module = conv_net()
    x = torch.randn(1, 3, 8, 8)
    ours, theirs = tsc.trace(module, x), pytorchs(module, x)
    assert sorted(operators(ours.graph)) == sorted(operators(theirs.graph))
    assert operators(ours.act.graph)[-2:] == ["prim::CallMethod", "prim::CallMethod"]
    assert "aten::linear" in operators(ours.head.graph)


def test_a_submodule_called_twice_has_two_methods() -> None:
    traced = traced_alike(Shared(), torch.randn(2, 3), [torch.randn(5, 3)])
    assert [n for n in traced.layer._object.cls.methods] == ["forward", "forward1"]


def test_parameters_are_read_not_baked() -> None:
    module = Shared()
    traced = tsc.trace(module, torch.ones(2, 3))
    with torch.no_grad():
        module.layer.weight.fill_(0.0)
        module.layer.bias.fill_(0.0)
    assert traced(torch.ones(2, 3)).abs().sum() == 0


def test_an_lstm_cell_by_hand() -> None:
    def inputs(n: int) -> Any:
        return torch.randn(n, 4), (torch.randn(n, 3), torch.randn(n, 3))

    traced_alike(Cell(), inputs(2), [inputs(5)])


def test_recurrent_layers_of_pytorch() -> None:
    traced_alike(nn.LSTM(4, 3, batch_first=True), torch.randn(2, 3, 4), [torch.randn(5, 3, 4)])
    traced_alike(
        nn.GRUCell(4, 3), (torch.randn(2, 4), torch.randn(2, 3)), [(torch.randn(5, 4), torch.randn(5, 3))]
    )


def test_a_transformer_encoder_layer_takes_other_lengths() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    traced = tsc.trace(layer, torch.randn(2, 3, 8))
    for shape in ((2, 3, 8), (4, 7, 8)):
        x = torch.randn(*shape)
        torch.testing.assert_close(traced(x), layer(x), rtol=1e-4, atol=1e-5)


def test_attention_with_several_inputs() -> None:
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    traced_alike(layer, (torch.randn(2, 3, 8),) * 3, [(torch.randn(4, 5, 8),) * 3])


class Upsampler(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")
        return nn.functional.pad(x, (1, 1)).flatten(2)


def test_functions_of_torch_nn_functional_follow_the_size() -> None:
    traced_alike(Upsampler(), torch.randn(1, 2, 3, 4), [torch.randn(2, 2, 5, 6)])


def test_trace_module_traces_several_methods() -> None:
    module, x = Shared(), torch.randn(2, 3)
    traced = tsc.trace_module(module, {"forward": (x,), "other": x})
    torch.testing.assert_close(traced(x), module(x))
    torch.testing.assert_close(traced.other(x), module.other(x))


def test_trace_module_refuses_what_pytorch_refuses() -> None:
    with pytest.raises(AttributeError, match=r"expected torch\.nn\.Module as the first argument"):
        tsc.trace_module(3, {})
    with pytest.raises(AttributeError, match=r"expected a dictionary of \(method_name, input\) pairs"):
        tsc.trace_module(Shared(), [torch.ones(1)])  # pyright: ignore[reportArgumentType]
    with pytest.raises(AttributeError, match="Please use trace_module"):
        tsc.trace(Shared().other, torch.ones(2, 3))


def test_the_forward_of_a_module_is_the_module() -> None:
    module, x = Shared(), torch.randn(2, 3)
    torch.testing.assert_close(tsc.trace(module.forward, x)(x), module(x))


def test_keyword_inputs_of_a_module() -> None:
    module = Cell()
    given = {"state": (torch.randn(2, 3), torch.randn(2, 3)), "x": torch.randn(2, 4)}
    traced = tsc.trace(module, example_kwarg_inputs=given)
    torch.testing.assert_close(traced(**given), module(**given))
    with pytest.raises(NameError, match="'z' is not in forward"):
        tsc.trace(module, example_kwarg_inputs={"z": torch.ones(1)})


def test_freezing_and_optimizing_a_traced_module() -> None:
    module, x = conv_net(), torch.randn(2, 3, 8, 8)
    traced = tsc.trace(module, x)
    frozen = tsc.freeze(traced)
    torch.testing.assert_close(frozen(x), module(x), rtol=1e-4, atol=1e-5)
    assert "aten::batch_norm" not in str(frozen.graph)
    fast: Any = tsc.optimize_for_inference(traced)
    torch.testing.assert_close(fast(x), module(x), rtol=1e-4, atol=1e-5)
    assert fast._method("forward").last.is_native


def test_pytorch_loads_what_a_traced_module_saves() -> None:
    module, x = conv_net(), torch.randn(2, 3, 8, 8)
    buffer = io.BytesIO()
    tsc.save(tsc.trace(module, x), buffer)
    buffer.seek(0)
    loaded = torch.jit.load(buffer)
    torch.testing.assert_close(loaded(x), module(x))
    assert list(loaded.state_dict()) == list(module.state_dict())


class Host(nn.Module):
    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor, n: int) -> Tensor:
        for _ in range(n):
            x = self.inner(x)
        return x


def test_a_script_module_calls_a_traced_one() -> None:
    module = Shared()
    host = tsc.script(Host(tsc.trace(module, torch.ones(1, 3))))
    x = torch.randn(2, 3)
    torch.testing.assert_close(host(x, 2), module(module(x)))
    torch.testing.assert_close(host(x, 0), x)


class Clipper(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if bool(x.sum() > 0):
            return x
        return -x


class Outer(nn.Module):
    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(self.inner(x))


def test_a_script_module_inside_a_traced_one_keeps_its_control_flow() -> None:
    module = Outer(tsc.script(Clipper()))
    traced = tsc.trace(module, torch.ones(2, 3))
    x = -torch.ones(2, 3)
    torch.testing.assert_close(traced(x), module.layer(-x))


def test_tracing_a_script_module_returns_it_with_a_warning() -> None:
    scripted = tsc.script(Clipper())
    with pytest.warns(UserWarning, match="already a ScriptModule, tracing it is a no-op"):
        assert tsc.trace(scripted, torch.ones(1)) is scripted


class Own(own_nn.Module):
    """A module of `tsc.nn`, for programs without PyTorch."""

    def __init__(self) -> None:
        super().__init__()
        self.first = own_nn.Linear(4, 8)
        self.second = own_nn.Linear(8, 2)

    def forward(self, x: Any) -> Any:
        y = tsc.relu(self.first(x))
        return self.second(y).view(x.shape[0] * 2), y[0:1]


def test_modules_without_pytorch() -> None:
    module = Own()
    traced = tsc.trace(module, tsc.Tensor(np.ones((3, 4), np.float32)))
    x = tsc.Tensor(np.linspace(0, 1, 20, dtype=np.float32).reshape(5, 4))
    for ours, theirs in zip(traced(x), module(x), strict=True):
        np.testing.assert_allclose(ours.array, theirs.array, rtol=1e-5)
    assert list(traced.state_dict()) == ["first.weight", "first.bias", "second.weight", "second.bias"]
    assert "prim::CallMethod" in str(traced.graph)


def test_a_module_pytorch_scripted_inside_a_traced_one() -> None:
    module = nn.Sequential(torch.jit.script(nn.Linear(4, 4)), nn.ReLU())
    traced = tsc.trace(module, torch.randn(2, 4))
    x = torch.randn(5, 4)
    torch.testing.assert_close(traced(x), module(x))
    assert list(traced.state_dict()) == ["0.weight", "0.bias"]


def test_gradients_reach_the_modules_own_parameters() -> None:
    module = Shared()
    traced = tsc.trace(module, torch.randn(2, 3))
    assert traced.layer.weight is module.layer.weight
    traced(torch.randn(2, 3)).sum().backward()
    assert module.layer.weight.grad is not None


def test_a_check_leaves_no_classes_behind() -> None:
    from tsc.modules.scripting import live_program

    module = Shared()
    tsc.trace(module, torch.randn(2, 3), check_trace=False)
    classes = live_program()[0].unit.classes
    before = len(classes)
    tsc.trace(module, torch.randn(2, 3), check_inputs=[torch.randn(4, 3), torch.randn(5, 3)])
    assert len(classes) - before == 2  # the module and its submodule
