# pyright: reportUnknownMemberType=false
"""`tsc.nn` beside `torch.nn`, class by class: which there are, how they are made, what they compute."""

import inspect
import io
import warnings
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
import torch
from torch import Tensor

import tsc
from tests.nn import module_rows
from tests.nn.module_rows import ROWS, Row
from tsc.narrowing import is_list, is_tuple

CLASSES = [name for name in dir(torch.nn) if inspect.isclass(getattr(torch.nn, name))]
OURS = [name for name in CLASSES if name in tsc.nn.__all__]
VARIADIC = {"Buffer", "GRU", "LSTM", "Parameter", "RNN"}
"""PyTorch's constructors of these tell no arguments."""
ELSEWHERE = {
    "Buffer", "Module", "ModuleList", "Parameter", "ParameterDict", "ParameterList", "RNNBase",
    "RNNCellBase",
}  # fmt: skip
"""Classes that have no row: test_containers.py and the rows of others make them."""
MORE = (
    Row("nn.Conv2d(4, 6, (3, 2), bias=False, dtype=torch.float64)", "floats(1, 4, 5, 5).double()"),
    Row("nn.ConvTranspose2d(4, 2, 3, stride=2, groups=2)", "floats(1, 4, 3, 3), [8, 7]"),
    Row("nn.BatchNorm1d(3, momentum=None, bias=False)", "floats(4, 3)"),
    Row("nn.LSTM(3, 4, bias=False)", "floats(5, 3)"),
    Row("nn.GRU(3, 4, batch_first=True)", "floats(5, 3)"),
    Row("nn.LSTMCell(3, 4)", "floats(3), (floats(4), floats(4))"),
    Row("nn.MultiheadAttention(8, 2, bias=False)", "floats(5, 8), floats(4, 8), floats(4, 8)"),
    Row(
        "nn.TransformerEncoder("
        "nn.TransformerEncoderLayer(8, 2, 16, norm_first=True, bias=False), 2, nn.LayerNorm(8))",
        "floats(5, 2, 8), torch.ones(5, 5).triu(1).bool()",
    ),
    Row(
        "nn.TransformerEncoderLayer(8, 2, 16, activation=nn.GELU())",
        "floats(5, 2, 8), None, torch.tensor([[False] * 4 + [True], [False] * 5])",
    ),
    Row(
        "nn.Sequential(nn.ModuleDict({'a': nn.ReLU()})['a'], nn.Dropout2d(0.2, inplace=True))",
        "floats(1, 2, 3, 3)",
    ),
)
ALL = (*ROWS, *MORE)
ABSENT = [row for row in ALL if row.module[3:].partition("(")[0] in tsc.nn.ABSENT]
MADE = [row for row in ALL if row not in ABSENT]
NOT_IN_TORCHSCRIPT = (
    "nn.AdaptiveAvgPool2d((None",  # None in a list of ints
    "nn.TripletMarginWithDistanceLoss",  # a function as an argument
)


def ours(value: Any) -> Any:
    """PyTorch's tensors as ours, in copies."""
    if isinstance(value, Tensor):
        return tsc.from_numpy(value.detach().numpy().copy())
    if is_list(value):
        return [ours(v) for v in value]
    return tuple(map(ours, value)) if is_tuple(value) else value


def theirs(value: Any) -> Any:
    """A copy."""
    if isinstance(value, Tensor):
        return value.clone()
    if is_list(value):
        return [theirs(v) for v in value]
    return tuple(map(theirs, value)) if is_tuple(value) else value


def arrays(value: Any) -> Any:
    """Tensors, whoever's, as arrays."""
    if is_list(value) or is_tuple(value):
        return [arrays(v) for v in value]
    return value.detach().numpy() if isinstance(value, Tensor) else getattr(value, "array", value)


def assert_same(found: Any, wanted: Any) -> None:
    """Equal but for rounding, of one dtype and shape."""
    found, wanted = arrays(found), arrays(wanted)
    if is_list(wanted):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other)
    elif wanted is None:
        assert found is None
    else:
        assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-6)


def seeded(seed: int, run: Callable[[], Any]) -> Any:
    """What `run` gives when random numbers begin from `seed`."""
    tsc.manual_seed(seed)
    torch.manual_seed(seed)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        return run()


def both(row: Row) -> tuple[Any, Any]:
    """PyTorch's module and ours, each made with the same random numbers."""
    made = seeded(1, lambda: eval(row.module, {"nn": torch.nn, "torch": torch}))
    return made, seeded(1, lambda: eval(row.module, {"nn": tsc.nn, "torch": tsc}))


def refusal(run: Callable[[], Any]) -> Exception:
    """What `run` raises."""
    try:
        run()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def inputs_of(row: Row) -> tuple[Any, ...]:
    """What a module is called with."""
    return seeded(2, lambda: eval(f"({row.inputs},)", dict(vars(module_rows))))


def arguments_of(cls: type) -> list[tuple[str, Any, Any]]:
    """Names, defaults and kinds of the arguments of a constructor; functions by their names."""
    return [
        (p.name, getattr(p.default, "__name__", p.default), p.kind)
        for p in inspect.signature(cls.__init__).parameters.values()
    ]


def test_every_class_of_torch_nn_is_here_or_says_why_not() -> None:
    assert set(CLASSES) == {*OURS, *tsc.nn.ABSENT}
    for name, reason in tsc.nn.ABSENT.items():
        with pytest.raises(AttributeError, match=f"{name}.*{reason[:20]}"):
            getattr(tsc.nn, name)


def test_every_class_is_made_by_a_row() -> None:
    used = {name for name in OURS if any(f"nn.{name}(" in row.module for row in MADE)}
    assert set(OURS) - used == ELSEWHERE


@pytest.mark.parametrize("name", [name for name in OURS if name not in VARIADIC])
def test_a_constructor_takes_what_pytorchs_takes(name: str) -> None:
    assert arguments_of(getattr(tsc.nn, name)) == arguments_of(getattr(torch.nn, name))


@pytest.mark.parametrize("row", MADE, ids=[row.title for row in MADE])
def test_a_module_is_made_as_pytorchs(row: Row) -> None:
    wanted, made = both(row)
    state, own = wanted.state_dict(), made.state_dict()
    assert list(own) == list(state)
    assert own._metadata == state._metadata
    for name, tensor in state.items():
        assert own[name].array.dtype == tensor.numpy().dtype
        assert own[name].array.tobytes() == tensor.numpy().tobytes(), name
    assert repr(made) == repr(wanted)
    assert [name for name, _ in made.named_parameters()] == [name for name, _ in wanted.named_parameters()]
    constants = {n for n in getattr(wanted, "__constants__", ()) if n in vars(wanted)}
    assert {n: getattr(made, n) for n in constants} == {n: getattr(wanted, n) for n in constants}


@pytest.mark.parametrize("row", MADE, ids=[row.title for row in MADE])
def test_a_module_computes_what_pytorchs_computes(row: Row) -> None:
    wanted, made = both(row)
    inputs = inputs_of(row)
    expected: Any = seeded(3, lambda: wanted.eval()(*theirs(inputs)))
    assert_same(seeded(3, lambda: made.eval()(*ours(inputs))), expected)
    if row.module.startswith(NOT_IN_TORCHSCRIPT):
        return
    scripted = tsc.script(made)
    found: Any = seeded(3, lambda: scripted(*ours(inputs)))
    assert_same(found, expected)
    file = io.BytesIO()
    scripted.save(file)
    file.seek(0)
    loaded = cast("Any", torch.jit.load(file))
    assert_same(seeded(3, lambda: loaded(*theirs(inputs))), expected)


FROZEN = (
    "nn.Conv2d(3, 4, 3, stride=2, padding=1)",
    "nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1)",
    "nn.MaxPool2d(3, stride=2, padding=1)", "nn.BatchNorm2d(3)", "nn.LayerNorm(4)", "nn.GELU()",
    "nn.Embedding(10, 3, padding_idx=0)", "nn.LSTM(3, 4, num_layers=2)", "nn.CrossEntropyLoss()",
    "nn.TransformerEncoderLayer(8, 2, 16)", "nn.Upsample(scale_factor=1.5, mode='bilinear')",
)  # fmt: skip


@pytest.mark.parametrize("row", [row for row in MADE if row.module in FROZEN], ids=lambda row: row.title)
def test_a_frozen_module_computes_the_same(row: Row) -> None:
    _, made = both(row)
    inputs = ours(inputs_of(row))
    expected = made.eval()(*inputs)
    frozen = tsc.optimize_for_inference(tsc.script(made))
    assert_same(frozen(*inputs), expected)
    file = io.BytesIO()
    frozen.save(file)
    file.seek(0)
    assert_same(tsc.load(file)(*inputs), expected)


@pytest.mark.parametrize(
    "module",
    [
        "nn.BatchNorm2d(3)", "nn.BatchNorm2d(3, momentum=None)",
        "nn.InstanceNorm2d(3, track_running_stats=True)", "nn.Dropout(0.3)", "nn.Dropout2d(0.3)",
        "nn.RReLU()", "nn.AlphaDropout()",
    ],
)  # fmt: skip
def test_a_module_trains_as_pytorchs(module: str) -> None:
    wanted, made = both(Row(module, ""))
    scripted = tsc.script(both(Row(module, ""))[1])
    image = module_rows.floats(2, 3, 4, 4)
    for _ in range(2):
        expected = seeded(5, lambda: wanted.train()(image.clone()))
        assert_same(seeded(5, lambda: made.train()(ours(image))), expected)
        assert_same(seeded(5, lambda: scripted.train()(ours(image))), expected)
    for name, tensor in wanted.state_dict().items():
        assert_same(made.state_dict()[name], tensor)
        assert_same(scripted.state_dict()[name], tensor)


REFUSED = {
    "groups that do not divide": "nn.Conv2d(3, 4, 3, groups=2)",
    "no groups": "nn.Conv1d(4, 4, 3, groups=0)",
    "a step with same": "nn.Conv2d(3, 4, 3, stride=2, padding='same')",
    "padding of transposed": "nn.ConvTranspose1d(3, 4, 3, padding_mode='reflect')",
    "probability": "nn.Dropout(1.5)",
    "groups of channels": "nn.GroupNorm(3, 4)",
    "padding row": "nn.Embedding(3, 2, padding_idx=3)",
    "heads": "nn.MultiheadAttention(7, 2)",
    "no heads": "nn.MultiheadAttention(8, 0)",
    "mode": "nn.RNN(3, 4, nonlinearity='sine')",
    "hidden size": "nn.LSTM(3, 0)",
    "bias": "nn.GRU(3, 4, bias=1)",
    "dropout": "nn.LSTM(3, 4, dropout=2)",
    "projection": "nn.LSTM(3, 4, proj_size=4)",
    "margin": "nn.TripletMarginLoss(margin=0)",
    "power": "nn.MultiMarginLoss(p=3)",
    "sizes": "nn.Unflatten(1, (2, 'a'))",
    "two sizes": "nn.FractionalMaxPool2d(2, 3, 0.5)",
    "no size": "nn.FractionalMaxPool3d(2)",
    "activation": "nn.TransformerEncoderLayer(8, 2, activation='sine')",
    "argument": "nn.Sigmoid(3)",
    "keyword": "nn.Tanh(inplace=True)",
}


@pytest.mark.parametrize("module", REFUSED.values(), ids=REFUSED)
def test_bad_arguments_are_refused_as_pytorch_refuses_them(module: str) -> None:
    expected = refusal(lambda: eval(module, {"nn": torch.nn}))
    found = refusal(lambda: eval(module, {"nn": tsc.nn}))
    assert type(found) is type(expected)
    assert str(found).lower() == str(expected).lower()
