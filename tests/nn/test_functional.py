# pyright: reportUnknownMemberType=false
"""`tsc.nn.functional` beside `torch.nn.functional`, function by function."""

import inspect
import linecache
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as torch_functional
from torch import Tensor

import tsc
import tsc.nn.functional as F
from tests.nn.test_modules import assert_same, ours, refusal, seeded, theirs

HELPERS = {"assert_int_or_pair", "boolean_dispatch", "handle_torch_function"}
"""Functions of that module that are there for its own use."""
NAMES = [
    name
    for name, held in vars(torch_functional).items()
    if callable(held)
    and not name.startswith(("_", "has_torch_function"))
    and not inspect.isclass(held)
    and getattr(held, "__module__", "") != "typing"
    and name not in HELPERS
]
PYTHON_ONLY = {
    "triplet_margin_with_distance_loss", "upsample", "upsample_bilinear", "upsample_nearest",
}  # fmt: skip
"""Functions that PyTorch's TorchScript cannot call."""
r, u = torch.randn, torch.rand


def i(bound: int, *shape: int) -> Tensor:
    return torch.randint(0, bound, shape)


torch.manual_seed(0)
IMAGE, SIGNAL, VOLUME = r(2, 3, 8, 8), r(2, 3, 8), r(1, 2, 4, 4, 4)
ONE, TWO = r(4, 2, 6), r(5, 2, 6)
SIGNS = torch.tensor([1.0, -1.0, 1.0])
PROJECTIONS = [r(18, 6), r(18)]
MASK = torch.tensor([[True] + [False] * 4] * 2)


def places(pool: Callable[..., Any], x: Tensor) -> Any:
    return pool(x, 2, return_indices=True)


CALLS: dict[str, list[tuple[Any, ...]]] = {
    "adaptive_avg_pool1d": [(SIGNAL, 3)],
    "adaptive_avg_pool2d": [(IMAGE, 3)],
    "adaptive_avg_pool3d": [(VOLUME, 2)],
    "adaptive_max_pool1d": [(SIGNAL, 3)],
    "adaptive_max_pool1d_with_indices": [(SIGNAL, 3)],
    "adaptive_max_pool2d": [(IMAGE, 3), (IMAGE, (2, 3), True)],
    "adaptive_max_pool2d_with_indices": [(IMAGE, 3)],
    "adaptive_max_pool3d": [(VOLUME, 2)],
    "adaptive_max_pool3d_with_indices": [(VOLUME, 2)],
    "affine_grid": [(r(2, 2, 3), [2, 3, 4, 4]), (r(1, 3, 4), [1, 2, 3, 4, 5], True)],
    "alpha_dropout": [(IMAGE, 0.5, True)],
    "avg_pool1d": [(SIGNAL, 2)],
    "avg_pool2d": [(IMAGE, 3, 2, 1)],
    "avg_pool3d": [(VOLUME, 2)],
    "batch_norm": [(IMAGE, r(3), u(3), r(3), r(3)), (IMAGE, None, None, None, None, True)],
    "bilinear": [(r(4, 3), r(4, 2), r(5, 3, 2))],
    "binary_cross_entropy": [(u(3, 4), u(3, 4)), (u(3, 4), u(3, 4), u(4))],
    "binary_cross_entropy_with_logits": [(r(3, 4), u(3, 4))],
    "celu": [(IMAGE,)],
    "celu_": [(IMAGE,)],
    "channel_shuffle": [(r(1, 4, 2, 2), 2)],
    "conv1d": [(SIGNAL, r(4, 3, 3))],
    "conv2d": [(IMAGE, r(4, 3, 3, 3), None, 2, 1)],
    "conv3d": [(VOLUME, r(3, 2, 2, 2, 2))],
    "conv_tbc": [(r(5, 2, 3), r(3, 3, 4), r(4))],
    "conv_transpose1d": [(SIGNAL, r(3, 4, 3))],
    "conv_transpose2d": [(IMAGE, r(3, 4, 3, 3))],
    "conv_transpose3d": [(VOLUME, r(2, 3, 2, 2, 2))],
    "cosine_embedding_loss": [(r(3, 4), r(3, 4), SIGNS)],
    "cosine_similarity": [(r(3, 4), r(3, 4))],
    "cross_entropy": [(r(3, 5), i(5, 3)), (r(3, 5), i(5, 3), u(5)), (r(3, 5), u(3, 5))],
    "ctc_loss": [(r(9, 2, 5).log_softmax(2), i(4, 2, 3) + 1, torch.tensor([9, 9]), torch.tensor([3, 2]))],
    "dropout": [(IMAGE, 0.5, False), (IMAGE, 0.5, True)],
    "dropout1d": [(SIGNAL, 0.5, True), (r(3, 8), 0.5, True)],
    "dropout2d": [(IMAGE, 0.5, True)],
    "dropout3d": [(VOLUME, 0.5, True), (r(3, 2, 2, 2), 0.5, True)],
    "elu": [(IMAGE,)],
    "elu_": [(IMAGE,)],
    "embedding": [(i(5, 3), r(5, 4)), (i(5, 3), r(5, 4), 2, 0.5)],
    "embedding_bag": [(i(5, 2, 3), r(5, 4)), (i(5, 6), r(5, 4), torch.tensor([0, 2]))],
    "feature_alpha_dropout": [(IMAGE, 0.5, True)],
    "fold": [(r(1, 12, 9), (4, 4), 2)],
    "fractional_max_pool2d": [(IMAGE, 2, (4, 4)), (IMAGE, 2, None, (0.5, 0.5), True)],
    "fractional_max_pool2d_with_indices": [(IMAGE, 2, (4, 4))],
    "fractional_max_pool3d": [(r(1, 2, 6, 6, 6), 2, (3, 3, 3))],
    "fractional_max_pool3d_with_indices": [(r(1, 2, 6, 6, 6), 2, None, (0.5, 0.5, 0.5))],
    "gaussian_nll_loss": [
        (r(4, 3), r(4, 3), u(4, 3)), (r(4, 3), r(4, 3), u(4)), (r(4, 3), r(4, 3), u(4, 1)),
        (r(4, 3), r(4, 3), 0.5, True),
    ],
    "gelu": [(IMAGE,)],
    "glu": [(r(2, 4),)],
    "grid_sample": [(IMAGE, r(2, 4, 4, 2) * 0.5), (IMAGE, r(2, 4, 4, 2), "nearest", "border", True)],
    "group_norm": [(r(2, 4, 3), 2)],
    "gumbel_softmax": [(r(3, 4),), (r(3, 4), 0.5, True)],
    "hardshrink": [(IMAGE,)],
    "hardsigmoid": [(IMAGE,)],
    "hardswish": [(IMAGE,)],
    "hardtanh": [(IMAGE,)],
    "hardtanh_": [(IMAGE,)],
    "hinge_embedding_loss": [(r(3), SIGNS)],
    "huber_loss": [(r(3), r(3)), (r(3), r(3), "mean", 1.0, u(3))],
    "instance_norm": [(IMAGE,)],
    "interpolate": [
        (IMAGE, 16), (IMAGE, None, 2.0), (IMAGE, (4, 6), None, "bilinear"), (IMAGE, 4, None, "area"),
        (IMAGE, None, [2.0, 1.5], "bicubic"), (SIGNAL, 7, None, "linear"), (VOLUME, None, 2.0, "trilinear"),
        (IMAGE, 5, None, "nearest-exact"), (IMAGE, 4, None, "bilinear", False, None, True),
        (IMAGE, None, 1.3, "bilinear", None, True),
    ],
    "kl_div": [(r(3, 4).log_softmax(1), u(3, 4), None, None, "batchmean")],
    "l1_loss": [(r(3), r(3)), (r(3), r(3), None, None, "mean", u(3))],
    "layer_norm": [(IMAGE, [8]), (IMAGE, [8, 8], r(8, 8), r(8, 8))],
    "leaky_relu": [(IMAGE,)],
    "leaky_relu_": [(IMAGE,)],
    "linear": [(r(2, 3), r(4, 3))],
    "local_response_norm": [(IMAGE, 3), (r(2, 4, 5), 2)],
    "log_softmax": [(IMAGE, 1)],
    "logsigmoid": [(IMAGE,)],
    "lp_pool1d": [(u(2, 3, 8), 2.0, 2)],
    "lp_pool2d": [(u(2, 3, 8, 8), 2.0, 2), (IMAGE, float("inf"), 2)],
    "lp_pool3d": [(u(1, 2, 4, 4, 4), 3.0, 2)],
    "margin_ranking_loss": [(r(3), r(3), SIGNS)],
    "max_pool1d": [(SIGNAL, 2), (SIGNAL, 3, 2, 1, 1, True)],
    "max_pool1d_with_indices": [(SIGNAL, 2)],
    "max_pool2d": [(IMAGE, (3, 2), (2, 1), 1), (IMAGE, 2, 2, 0, 1, False, True)],
    "max_pool2d_with_indices": [(IMAGE, 2)],
    "max_pool3d": [(VOLUME, 2)],
    "max_pool3d_with_indices": [(VOLUME, 2)],
    "max_unpool1d": [(*places(torch_functional.max_pool1d, SIGNAL), 2, 2, 0, [9])],
    "max_unpool2d": [(*places(torch_functional.max_pool2d, IMAGE), 2)],
    "max_unpool3d": [(*places(torch_functional.max_pool3d, VOLUME), 2)],
    "mish": [(IMAGE,)],
    "mse_loss": [(r(3), r(3)), (r(3), r(3), None, None, "sum", u(3))],
    "multi_head_attention_forward": [
        (ONE, ONE, ONE, 6, 2, *PROJECTIONS, None, None, False, 0.0, r(6, 6), r(6)),
        (ONE, TWO, TWO, 6, 2, *PROJECTIONS, r(1, 1, 6), r(1, 1, 6), True, 0.0, r(6, 6), r(6)),
        (ONE, TWO, TWO, 6, 2, r(18, 6), None, None, None, False, 0.0, r(6, 6), None, False, MASK, False),
    ],
    "multi_margin_loss": [(r(3, 5), i(5, 3))],
    "multilabel_margin_loss": [(r(1, 4), torch.tensor([[3, 0, -1, 1]]))],
    "multilabel_soft_margin_loss": [(r(3, 4), i(2, 3, 4).float())],
    "native_channel_shuffle": [(r(1, 4, 2, 2), 2)],
    "nll_loss": [(r(3, 5).log_softmax(1), i(5, 3), None, None, 2, None, "sum")],
    "normalize": [(IMAGE,)],
    "one_hot": [(i(4, 3), 4)],
    "pad": [(IMAGE, [1, 2]), (IMAGE, [1, 1, 1, 1], "reflect")],
    "pairwise_distance": [(r(3, 4), r(3, 4))],
    "pdist": [(r(4, 3),)],
    "pixel_shuffle": [(r(1, 4, 2, 2), 2)],
    "pixel_unshuffle": [(r(1, 1, 4, 4), 2)],
    "poisson_nll_loss": [(r(4), u(4) * 3)],
    "prelu": [(IMAGE, r(3))],
    "relu": [(IMAGE,), (IMAGE, True)],
    "relu6": [(IMAGE,)],
    "relu_": [(IMAGE,)],
    "rms_norm": [(IMAGE, [8])],
    "rrelu": [(IMAGE,), (IMAGE, 0.1, 0.3, True)],
    "rrelu_": [(IMAGE,)],
    "scaled_dot_product_attention": [(r(1, 2, 3, 4), r(1, 2, 5, 4), r(1, 2, 5, 4))],
    "selu": [(IMAGE,)],
    "selu_": [(IMAGE,)],
    "sigmoid": [(IMAGE,)],
    "silu": [(IMAGE,)],
    "smooth_l1_loss": [(r(3), r(3)), (r(3), r(3), None, None, "mean", 0.0)],
    "soft_margin_loss": [(r(3, 4), i(2, 3, 4).float() * 2 - 1)],
    "softmax": [(IMAGE, 1), (IMAGE, None)],
    "softmin": [(IMAGE, 1)],
    "softplus": [(IMAGE,)],
    "softshrink": [(IMAGE,)],
    "softsign": [(IMAGE,)],
    "tanh": [(IMAGE,)],
    "tanhshrink": [(IMAGE,)],
    "threshold": [(IMAGE, 0.1, 2.0)],
    "threshold_": [(IMAGE, 0.1, 2.0)],
    "triplet_margin_loss": [(r(3, 4), r(3, 4), r(3, 4))],
    "triplet_margin_with_distance_loss": [(r(3, 4), r(3, 4), r(3, 4))],
    "unfold": [(IMAGE, 3)],
    "upsample": [(IMAGE, 4)],
    "upsample_bilinear": [(IMAGE, 4)],
    "upsample_nearest": [(IMAGE, 4)],
}  # fmt: skip
CASES = [
    pytest.param(name, call, id=f"{name}-{k}")
    for name, calls in CALLS.items()
    for k, call in enumerate(calls)
]


def in_torchscript(name: str, call: tuple[Any, ...]) -> Any:
    """A script function of the tensors of a call; what else it is given stands in it."""
    names = [f"x{k}" if isinstance(value, Tensor) else _literal(value) for k, value in enumerate(call)]
    parameters = ", ".join(f"{n}: Tensor" for n, v in zip(names, call, strict=True) if isinstance(v, Tensor))
    text = f"def call({parameters}):\n    return F.{name}({', '.join(names)})\n"
    file = f"<{name} {len(linecache.cache)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(True), file)
    scope: dict[str, Any] = {"F": F, "Tensor": tsc.Tensor}
    exec(compile(text, file, "exec"), scope)
    return tsc.script(scope["call"])


def _literal(value: object) -> str:
    return 'float("inf")' if value == float("inf") else repr(value)


def test_every_function_of_pytorch_is_here_or_says_why_not() -> None:
    assert set(NAMES) == {*CALLS, *F.ABSENT}
    for name, reason in F.ABSENT.items():
        with pytest.raises(AttributeError, match=f"{name}.*{reason[:20]}"):
            getattr(F, name)


@pytest.mark.parametrize("name", F.__all__)
def test_a_function_takes_what_pytorchs_takes(name: str) -> None:
    wanted = inspect.signature(getattr(torch_functional, name))
    if any(p.kind is p.VAR_KEYWORD for p in wanted.parameters.values()):
        wanted = inspect.signature(getattr(torch_functional, f"{name}_with_indices"))
    found = inspect.signature(getattr(F, name))
    assert [(p.name, p.default, p.kind) for p in found.parameters.values()] == [
        (p.name, p.default, p.kind) for p in wanted.parameters.values()
    ]


@pytest.mark.parametrize(("name", "call"), CASES)
def test_a_function_computes_what_pytorchs_computes(name: str, call: tuple[Any, ...]) -> None:
    expected = seeded(7, lambda: getattr(torch_functional, name)(*theirs(call)))
    assert_same(seeded(7, lambda: getattr(F, name)(*ours(call))), expected)
    if name not in PYTHON_ONLY:
        scripted, tensors = in_torchscript(name, call), [x for x in call if isinstance(x, Tensor)]
        assert_same(seeded(7, lambda: scripted(*ours(tensors))), expected)


REFUSED: dict[str, tuple[Any, ...]] = {
    "affine_grid": (r(2, 2, 2), [2, 3, 4, 4]),
    "dropout": (IMAGE, 2.0),
    "dropout1d": (IMAGE,),
    "embedding": (i(3, 2), r(3, 4), 3),
    "embedding_bag": (i(3, 2), r(3, 4)),
    "glu": (torch.tensor(1.0),),
    "grid_sample": (IMAGE, r(2, 4, 4, 2), "cubic"),
    "group_norm": (r(4), 2),
    "hardtanh": (IMAGE, 1.0, -1.0),
    "interpolate": (IMAGE, 4, 2.0),
    "local_response_norm": (r(2, 3), 2),
    "max_unpool2d": (*places(torch_functional.max_pool2d, IMAGE), 2, 2, 0, [9, 20]),
    "mse_loss": (r(3), r(3), None, None, "mean", r(2)),
    "multi_head_attention_forward": (
        ONE,
        TWO,
        ONE,
        6,
        2,
        *PROJECTIONS,
        None,
        None,
        False,
        0.0,
        r(6, 6),
        r(6),
    ),
    "multi_margin_loss": (r(3, 5), i(5, 3), 3),
    "nll_loss": (r(3, 5), i(5, 3), None, None, -100, None, "median"),
    "triplet_margin_loss": (r(3, 4), r(3, 4), r(3, 4), 0.0),
    "upsample": (IMAGE, None, None),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.filterwarnings("ignore")
def test_bad_arguments_are_refused_as_pytorch_refuses_them(name: str) -> None:
    expected = refusal(lambda: getattr(torch_functional, name)(*REFUSED[name]))
    found = refusal(lambda: getattr(F, name)(*ours(REFUSED[name])))
    assert isinstance(found, type(expected))
    assert _words(found) == _words(expected)


def _words(error: Exception) -> str:
    """A message without what tells sizes from lists, and how lines are broken."""
    text = str(error).replace("torch.Size(", "(").translate(str.maketrans("", "", "()[]"))
    return " ".join(text.replace("torch.Size", "").split())
