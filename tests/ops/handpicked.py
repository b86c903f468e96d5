"""Calls chosen by hand, of operators that PyTorch's samples do not reach."""

from __future__ import annotations

import math
from functools import cache

import torch

from .edges import edges
from .random_tensors import Calls, ints, numbers


def _conversions() -> Calls:
    x, n = numbers(2, 3) * 5, ints(9, 4)
    layout = [None, None, None, False, False, None]
    return {
        "aten::to.dtype_layout": [[x, torch.int64, *layout], [n, torch.float16, *layout]],
        "aten::to.other": [[x, n, False, True, None], [n, x.double(), False, False, None]],
        "aten::to.prim_Device": [[x, "cpu", torch.float64, False, False], [x, "cpu", None, False, True]],
        "aten::to.prim_dtype": [[x, torch.float64, False, False]],
        "aten::type_as": [[x, n], [n, x]],
        "aten::contiguous": [[x.t(), torch.contiguous_format], [x, torch.contiguous_format]],
        "aten::view.dtype": [[x, torch.int32]],
        "aten::copy": [[x, torch.arange(3), False], [n, torch.tensor(2.7), False]],
        "aten::copy_": [[x, n[:3], False], [n.clone(), torch.tensor(1.5), False], [x, numbers(3, 3), False]],
        "aten::fill.Tensor": [[x, torch.tensor(2)], [n, torch.tensor(2.5)], [n, torch.ones(2)]],
        "aten::zero": [[x], [n]],
        "aten::cpu": [[x]],
        "aten::alias": [[x]],
        "aten::detach_copy": [[x]],
        "aten::requires_grad_": [[x, False]],
        "prim::data": [[x]],
        "aten::clone": [[x.t(), None], [x, torch.contiguous_format]],
    }


def _queries() -> Calls:
    tensors = [numbers(2, 3), ints(4, 5), torch.tensor(True), numbers(2, 3).t(), numbers(3, 4)[1:, ::2]]
    names = [
        "aten::size", "aten::dim", "aten::numel", "aten::is_floating_point", "aten::is_complex",
        "aten::is_signed", "aten::element_size", "aten::stride", "aten::storage_offset",
        "aten::is_contiguous",
    ]  # fmt: skip
    scalars = [torch.tensor(2.75), torch.tensor([3]), torch.tensor(True), numbers(2)]
    items = ["aten::item", "aten::is_nonzero"]
    return {
        **{name: [[t] for t in tensors] for name in names},
        **{name: [[t] for t in scalars] for name in items},
        "aten::size.int": [[tensors[0], -1], [tensors[0], 2]],
        "aten::stride.int": [[tensors[3], 0]],
        "aten::len.Tensor": [[tensors[0]], [tensors[2]]],
        "aten::is_contiguous.memory_format": [[numbers(1, 2, 3, 4), torch.channels_last]],
        "aten::equal": [
            [tensors[0], tensors[0]],
            [tensors[0], tensors[0] + 1],
            [tensors[0], numbers(3)],
            [tensors[0], tensors[0].double()],
            [ints(2, 4), ints(2, 4).bool()],
        ],
        "aten::allclose": [
            [tensors[0], tensors[0] + 1e-9, 1e-5, 1e-8, False],
            [tensors[0], -tensors[0], 1e-5, 1e-8, False],
        ],
    }


def _creation() -> Calls:
    rest = [None, None, None, None]
    windows = ("bartlett_window", "blackman_window", "hamming_window", "hann_window", "kaiser_window")
    return {
        **{f"aten::{w}": [[n, *rest] for n in (0, 1, 7)] for w in windows},
        **{f"aten::{w}.periodic": [[8, True, *rest], [8, False, *rest]] for w in windows},
        "aten::hamming_window.periodic_alpha": [[7, True, 0.6, *rest]],
        "aten::hamming_window.periodic_alpha_beta": [[7, False, 0.6, 0.3, *rest]],
        "aten::kaiser_window.beta": [[7, True, 8.0, *rest]], "aten::range": [[1, 5, *rest], [0, 4.5, *rest]],
        "aten::range.step": [[1, 5, 2, *rest], [5, 1, -1.5, *rest]],
        "aten::tensor.int": [[3, None, None, False], [3, torch.float16, None, False]],
        "aten::tensor.float": [[3.5, None, None, False], [3.5, torch.int64, None, False]],
        "aten::tensor.bool": [[True, None, None, False], [True, torch.float32, None, False]],
        "aten::vander": [[numbers(3), None, False], [ints(4, 3), 2, True]],
        "aten::arange.start_step": [
            [5, -1, -2, *rest], [0, 1, 0.3, *rest], [0, 1, 0, *rest], [0, 7.9, 2, torch.int64, *rest[1:]],
        ],
        "aten::arange": [[-1, *rest], [3.5, *rest], [4, torch.float16, *rest[1:]]],
        "aten::linspace": [[0, 1, -1, *rest], [3, 3, 1, *rest], [0, 10, 4, torch.int64, *rest[1:]]],
        "aten::full": [
            [[2], 1, *rest], [[2, 1], True, *rest], [[], 1.5, *rest], [[2], 1.5, torch.int64, *rest[1:]],
            [[-1], 1, *rest],
        ],
        "aten::tril_indices": [
            [3, 4, 1, torch.int64, None, None, None], [3, 0, 0, torch.int32, None, None, None],
        ],
        "aten::fft_fftfreq": [[5, 0.5, *rest]], "aten::fft_rfftfreq": [[6, 2.0, *rest]],
    }  # fmt: skip


def _indexing() -> Calls:
    x, i = numbers(4, 5, 3), torch.tensor([[0, -1], [2, 1]])
    mask = x[:, :, 0] > 0
    grid = [
        [x, [i]], [x, [None, i]], [x, [i, None, i]], [x, [i, i]], [x, [None, i, torch.tensor([1, 2])]],
        [x, [mask]], [x, [mask, None]],
        [x, [None, torch.tensor([True, False, True, True, False]), torch.tensor([0, 2, 1])]],
        [x, [torch.tensor(2)]], [x, [torch.tensor([9])]],
        [x, [torch.tensor([0, 1]), torch.tensor([0, 1, 2])]], [x, [torch.tensor([True])]],
        [x, [torch.tensor([1], dtype=torch.int32)]], [x, [torch.empty(0, dtype=torch.int64)]],
        [x, [torch.tensor(1), None, torch.tensor(0)]],
    ]  # fmt: skip
    put = [
        [x, [i], numbers(3), False], [x, [i, i], torch.tensor(1.0), True],
        [x, [mask], torch.tensor(0.5), False], [x, [torch.tensor([7])], torch.tensor(1.0), False],
        [x, [i], numbers(7), False], [x, [torch.tensor([1])], numbers(1, 1, 5, 3), False],
        [x, [None, None, torch.tensor([0, 0])], torch.tensor(1.0), True],
    ]  # fmt: skip
    twin = [call for call in grid if None not in call[1]]
    return {
        "aten::index.Tensor": grid, "aten::_unsafe_index.Tensor": grid[:5],
        "aten::index.Tensor_hacked_twin": twin[:3], "aten::_unsafe_index.Tensor_hacked_twin": twin[:2],
        "aten::index_put": put, "aten::index_put_": put, "aten::index_put.hacked_twin": put[:2],
        "aten::_index_put_impl_": [[*p, False] for p in put[:2]],
        "aten::where": [[x > 1], [torch.tensor(True)]],
        "aten::nonzero": [[x > 1], [torch.tensor(0)], [torch.tensor(3)]],
        "aten::bucketize.Scalar": [[0.3, torch.tensor([0.0, 0.3, 1.0]), False, True]],
        "aten::searchsorted.Scalar": [[torch.tensor([0, 2, 4]), 2, True, False, None, None]],
        "aten::isin.Scalar_Tensor": [[2, ints(4, 5), False, False]],
        "aten::isin.Tensor_Scalar": [[ints(4, 5), 2, False, True]],
        "aten::repeat_interleave.Tensor": [[torch.tensor([2, 0, 3]), None], [torch.tensor([-1]), None]],
        "aten::scatter.value": [[x, 1, i.reshape(2, 2, 1).abs(), 2.5], [x, 1, torch.tensor([[[9]]]), 2.5]],
        "aten::scatter.value_reduce": [
            [x, 1, i.reshape(2, 2, 1).abs(), 2.5, "add"], [x, 0, i.reshape(2, 2, 1).abs(), 2.0, "multiply"],
        ],
        "aten::unique_dim": [[ints(2, 5, 2), 0, True, True, True], [ints(2, 2, 6), 1, True, False, True]],
        "aten::_unique": [[ints(5, 9), True, True]],
        "aten::embedding": [
            [numbers(5, 3), i.abs(), -1, False, False],
            [numbers(5, 3), torch.tensor([5]), -1, False, False],
            [numbers(5, 3), torch.tensor(2), -1, False, False],
        ],
        "aten::index_select": [[x, 1, torch.tensor([1, -1])], [x, 1, torch.tensor([5])]],
        "aten::gather": [[x, 1, torch.tensor([[[-1]]]), False], [x, 0, i, False]],
        "aten::one_hot": [[ints(4, 3), -1], [ints(4, 3), 2], [torch.tensor([-1]), 3]],
        "aten::nll_loss": [
            [numbers(3, 4), ints(4, 3), numbers(4).abs(), r, 1] for r in (0, 1, 2)
        ] + [[numbers(3, 4), torch.tensor([0, 1, 4]), None, 1, -100]],
        "aten::nll_loss2d": [[numbers(2, 4, 3, 2), ints(4, 2, 3, 2), None, 1, -100]],
        "aten::nll_loss_forward": [[numbers(3, 4), ints(4, 3), None, 1, -100]],
    }  # fmt: skip


def _layers() -> Calls:
    image, volume = numbers(2, 4, 7, 6), numbers(1, 2, 5, 4, 6)
    k, k3 = numbers(6, 4, 3, 2), numbers(2, 1, 2, 3, 2)
    flags = [False, False, True, True]
    return {
        "aten::convolution": [
            [image, k, numbers(6), [2, 1], [1, 0], [1, 2], False, [0, 0], 1],
            [image, numbers(4, 2, 3, 3), None, [1, 1], [1, 1], [1, 1], False, [0, 0], 2],
            [image, numbers(4, 3, 3, 2), None, [2, 1], [1, 1], [1, 1], True, [1, 0], 2],
            [image, numbers(6, 3, 1, 1), None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1],
            [volume, k3, None, [1, 2, 1], [0, 1, 1], [2, 1, 1], False, [0, 0, 0], 2],
        ],
        "aten::_convolution": [[image, k, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, *flags]],
        "aten::_convolution.deprecated": [
            [image, k, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, *flags[:3]]
        ],
        "aten::_convolution_mode": [
            [image, k, None, [1, 1], "same", [1, 1], 1], [image, k, None, [1, 1], "valid", [1, 1], 1],
        ],
        "aten::conv2d.padding": [
            [image, k, numbers(6), [1, 1], "same", [1, 1], 1],
            [image, k, None, [1, 1], "nonsense", [1, 1], 1],
        ],
        "aten::col2im": [
            [numbers(2, 12, 20), [5, 6], [2, 2], [1, 1], [0, 0], [1, 1]],
            [numbers(8, 4), [3, 3], [2, 2], [1, 1], [0, 0], [1, 1]],
            [numbers(8, 5), [3, 3], [2, 2], [1, 1], [0, 0], [1, 1]],
        ],
        "aten::native_channel_shuffle": [[image, 2]],
        "aten::affine_grid_generator": [
            [numbers(2, 2, 3), [2, 1, 3, 4], a] for a in (True, False)
        ] + [[numbers(1, 3, 4), [1, 1, 2, 3, 2], False]],
        **{
            f"aten::{kind}_pad{n}d": [[x, p], [x[0], p], [x, [9] * len(p)]]
            for kind in ("reflection", "replication")
            for n, x, p in ((1, image[0], [1, 2]), (2, image, [1, 0, 2, 3]), (3, volume, [1, 0, 2, 1, 0, 1]))
        },
        "aten::_pad_circular": [[image, [1, 2, 0, 3]]],
        "aten::_pad_enum": [[image, [1, 2], 0, 1.5], [image, [1, 0, 2, 1], 2, None]],
        "aten::_softmax": [[image, 1, False]], "aten::_log_softmax": [[image, -1, False]],
        "aten::_adaptive_avg_pool2d": [[image, [3, 4]]], "aten::_adaptive_avg_pool3d": [[volume, [2, 3, 4]]],
        "aten::adaptive_max_pool2d": [[image, [3, 4]]], "aten::_prelu_kernel": [[image, numbers(4, 1, 1)]],
        "aten::max_pool2d": [
            [image, [2, 2], [], [0, 0], [1, 1], True], [image, [3, 3], [1, 1], [1, 1], [1, 1], False],
            [image, [3, 3], [1, 1], [2, 2], [1, 1], False],
        ],
        "aten::max_pool1d": [[image[0], [2], [2], [1], [1], True]],
        "aten::max_pool3d": [[volume, [2, 2, 2], [1, 2, 2], [1, 1, 0], [1, 1, 2], False]],
        "aten::_weight_norm": [
            [numbers(3, 4, 2), numbers(3, 1, 1), 0], [numbers(3, 4), numbers(1, 4), 1],
        ],
        "aten::batch_norm": [
            [image, numbers(4), numbers(4), numbers(4), numbers(4).abs(), t, 0.1, 1e-5, True]
            for t in (True, False)
        ],
        "aten::conv_tbc": [[numbers(5, 2, 3), numbers(2, 3, 4), numbers(4), 1]],
        "aten::instance_norm": [
            [image, numbers(4), numbers(4), None, None, True, 0.1, 1e-5, True],
            [image, numbers(4), numbers(4), numbers(4), numbers(4).abs(), True, 0.1, 1e-5, True],
        ],
        "aten::layer_norm": [[image, [7, 6], None, None, 1e-5, True], [image, [5], None, None, 1e-5, True]],
        "aten::chain_matmul": [[[numbers(2, 3), numbers(3, 4), numbers(4, 2)]]],
        "aten::linalg_lu_factor_ex": [[numbers(2, 4, 4), True, False]],
        "aten::linalg_matmul": [[numbers(2, 3), numbers(3, 4)]], "aten::ger": [[numbers(2), numbers(3)]],
        "aten::meshgrid": [[[numbers(2), numbers(3)]]],
        "aten::norm.Scalar": [[image, p] for p in (2, 1, 3.5, math.inf)],
        "aten::norm.ScalarOpt_dim": [[image, p, [1, 3], True] for p in (None, 1, 0, -math.inf)],
        "aten::native_dropout": [[image, 0.0, True], [image, 0.5, False]],
        "aten::quantile": [[numbers(4, 5), torch.tensor([0.1, 0.5]), 1, False, "linear"]],
        "aten::nanquantile": [[numbers(4, 5), torch.tensor([0.1, 0.5]), None, False, "linear"]],
        "aten::unsafe_split_with_sizes": [[image, [1, 3], 1]],
        "aten::split.sizes": [[image, [1, 3], 1], [image, [1, 1], 1]], "aten::split": [[image, [1, 3], 1]],
        "aten::movedim.int": [[image, 0, 2]], "aten::moveaxis.int": [[image, 0, -1]],
        "aten::moveaxis.intlist": [[image, [0, 1], [2, 3]]], "aten::swapaxes": [[image, 0, 1]],
        "aten::swapdims": [[image, 0, -1]], "aten::select_copy.int": [[image, 1, -1]],
        "aten::slice_copy.Tensor": [[image, 1, 1, 9, 2]], "aten::split_copy.Tensor": [[image, 3, 1]],
        "aten::squeeze_copy.dims": [[numbers(1, 2, 1), [0, 1]]],
        "aten::view_as_real_copy": [[torch.complex(image, image)]],
        "aten::view_as_complex_copy": [[numbers(3, 2)]], "aten::conj": [[image]], "aten::adjoint": [[image]],
        "aten::unsqueeze_": [[numbers(2, 3), 1]], "aten::squeeze_": [[numbers(1, 2, 1)]],
        "aten::squeeze_.dim": [[numbers(1, 2, 1), 0]],
        "aten::embedding_renorm_": [[numbers(4, 3) * 3, torch.tensor([1, 1, 3]), 1.0, 2.0]],
    }  # fmt: skip


def _upsampling() -> Calls:
    calls: Calls = {}
    inputs = {1: numbers(1, 2, 5), 2: numbers(1, 2, 5, 4), 3: numbers(1, 1, 3, 4, 5)}
    sizes = {1: ([8], [3]), 2: ([8, 3], [2, 9]), 3: ([2, 6, 7], [5, 4, 3])}
    for prefix in ("upsample_nearest", "_upsample_nearest_exact"):
        for n, x in inputs.items():
            calls[f"aten::{prefix}{n}d"] = [[x, s, *[None] * n] for s in sizes[n]] + [
                [x, sizes[n][0], *[1.7] * n]
            ]
            calls[f"aten::{prefix}{n}d.vec"] = [[x, None, [1.7] * n], [x, sizes[n][1], None], [x, None, None]]
    smooth = {
        "upsample_linear1d": 1,
        "upsample_bilinear2d": 2,
        "upsample_trilinear3d": 3,
        "upsample_bicubic2d": 2,
    }
    smooth |= {f"_upsample_{k}2d_aa": 2 for k in ("bilinear", "bicubic", "lanczos")}
    for name, n in smooth.items():
        x = inputs[n]
        calls[f"aten::{name}"] = [[x, s, a, *[None] * n] for s in sizes[n] for a in (True, False)]
        calls[f"aten::{name}.vec"] = [[x, None, False, [0.6] * n], [x, sizes[n][0], True, None]]
    x = inputs[2]
    calls["aten::__interpolate"] = [
        [x, None, 2.0, m, a, r, False] for m, a, r in (("nearest", None, None), ("bilinear", False, True))
    ]
    calls["aten::__interpolate.size_list"] = [
        [x, [7, 3], None, "bicubic", False, None, False],
        [x, [3, 2], None, "area", None, None, False],
    ]
    calls["aten::__interpolate.scale_list"] = [[x, None, [1.5, 2.0], "bilinear", True, None, False]]
    calls["aten::__upsample_nearest"] = [[x, None, 2]]
    calls["aten::__upsample_bilinear.size_list"] = [[x, [7, 6], None]]
    return calls


def _recurrent() -> Calls:
    calls: Calls = {}
    for name, gates, states in (("lstm", 4, 2), ("gru", 3, 1), ("rnn_tanh", 1, 1), ("rnn_relu", 1, 1)):
        cell = [
            numbers(gates * 5, 3),
            numbers(gates * 5, 5),
            numbers(gates * 5),
            numbers(gates * 5, seed=1),
        ]
        h = numbers(2, 5)
        calls[f"aten::{name}_cell"] = [[numbers(2, 3), [h, h + 1] if states == 2 else h, *cell]]
        layers = getattr(torch.nn, {"lstm": "LSTM", "gru": "GRU"}.get(name, "RNN"))
        options = {"nonlinearity": name[4:]} if name.startswith("rnn") else {}
        for bidirectional, batch_first in ((False, False), (True, True)):
            torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
            module = layers(3, 5, 2, bidirectional=bidirectional, batch_first=batch_first, **options)
            weights = [p.detach() for p in module.parameters()]
            initial = numbers(2 + 2 * bidirectional, 4, 5)
            state = [initial, initial + 1] if states == 2 else initial
            x = numbers(4, 6, 3) if batch_first else numbers(6, 4, 3)
            tail = [True, 2, 0.0, False, bidirectional]
            calls.setdefault(f"aten::{name}.input", []).append([x, state, weights, *tail, batch_first])
            calls.setdefault(f"aten::{name}.data", []).append(
                [numbers(9, 3), torch.tensor([4, 3, 2]), state, weights, *tail]
            )
    calls["aten::_pack_padded_sequence"] = [
        [numbers(4, 3, 2), torch.tensor([4, 3, 1]), False],
        [numbers(3, 4, 2), torch.tensor([3, 3, 1]), True],
        [numbers(3, 2, 2), torch.tensor([1, 2]), False],
    ]
    calls["aten::_pad_packed_sequence"] = [
        [numbers(8, 2), torch.tensor([3, 2, 2, 1]), b, -1.0, t] for b, t in ((False, 0), (True, 6))
    ]
    return calls


def _attention() -> Calls:
    x = numbers(2, 5, 8)
    projections = [numbers(24, 8), numbers(24), numbers(8, 8), numbers(8)]
    tail = [
        numbers(8),
        numbers(8),
        numbers(8, seed=1),
        numbers(8, seed=2),
        numbers(12, 8),
        numbers(12),
        numbers(8, 12),
        numbers(8, seed=3),
    ]
    padding = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
    causal = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
    heads = numbers(1, 4, 3, 6), numbers(1, 2, 5, 6), numbers(1, 2, 5, 6, seed=1)
    equal = (heads[0], numbers(1, 4, 5, 6), numbers(1, 4, 5, 6, seed=1))
    return {
        "aten::_native_multi_head_attention": [
            [x, x, x, 8, 2, *projections, m, w, a, k]
            for m, w, a, k in (
                (None, True, True, None), (None, False, True, None), (padding, True, False, 1),
                (causal, True, True, 0),
            )
        ],
        "aten::_transformer_encoder_layer_fwd": [
            [x, 8, 2, *projections, g, f, 1e-5, *tail, m, k]
            for g, f, m, k in (
                (True, False, None, None), (False, True, None, None), (False, False, padding, 1),
            )
        ],
        "aten::scaled_dot_product_attention": [
            [*equal, None, 0.0, True, None, False], [*equal, None, 0.0, False, 0.3, False],
            [*heads, None, 0.0, False, None, True], [*equal, numbers(3, 5), 0.0, False, None, False],
            [
                *equal, torch.tensor([[True] * 5, [False] * 5, [True, False] * 2 + [True]]), 0.0, False, None,
                False,
            ],
            [*equal, torch.full((3, 5), -math.inf), 0.0, False, None, False],
            [*equal, numbers(3, 5), 0.0, True, None, False],
        ],
    }  # fmt: skip


def _rounding() -> Calls:
    x = torch.tensor([[-2.5, -0.0, 1.5], [math.nan, math.inf, 1e-3]])
    n = torch.tensor([-7, 0, 3, 8])
    return {
        "aten::clamp": [[x, -1, 1.5], [x, None, 0], [n, -2, 2.5], [x, None, None], [x, 2, 1]],
        "aten::clip": [[n, 0, 5]], "aten::clamp_max": [[n, 2.5]], "aten::clamp_min": [[x, 0]],
        "aten::floor_divide.Scalar": [[n, 2], [n, -2.0], [n, 0]],
        "aten::floor_divide": [[n, torch.tensor([2, -3, 0, 1])]],
        "aten::remainder.Scalar": [[n, 3], [x, -2.0]], "aten::remainder.Scalar_Tensor": [[5, n + 1]],
        "aten::fmod.Scalar": [[n, 3], [x, -2.0]], "aten::pow.Scalar": [[2, n], [2.0, x], [-1, x]],
        "aten::pow.Tensor_Scalar": [[n, 2], [n, -1], [x, 0.5], [n, 2.5]],
        "aten::div.Scalar_mode": [[n, 2, m] for m in ("floor", "trunc", None)],
        "aten::where.ScalarOther": [[x > 0, x, 0], [n > 0, n, 0.5]],
        "aten::where.ScalarSelf": [[x > 0, 1, x]],
        "aten::where.Scalar": [[x > 0, 1, 2.5], [x > 0, True, False]],
        "aten::bitwise_not": [[n], [n > 0], [x]], "aten::neg": [[n > 0]],
        "aten::sub.Tensor": [[n > 0, n > 1, 1]], "aten::round.decimals": [[x, 1], [x * 100, -1]],
        "aten::mul.Tensor": [
            [n, torch.tensor(0.5)], [n.to(torch.uint8), torch.tensor(300)], [x, numbers(2, 2)],
        ],
        "aten::add.Tensor": [
            [n, n, 2], [n, n, 1.5], [torch.tensor(1), x.half(), 1], [n.int(), torch.tensor(5), 1],
            [n.to(torch.int8), n.to(torch.uint8), 1],
        ],
        "aten::rsub.Scalar": [[x, 1, 2]], "aten::cumsum": [[n, 0, torch.float32], [n, 1, None]],
        "aten::true_divide.Tensor": [[n, n]],
        "aten::mean.dim": [[n, [0], False, None], [x, [0, 0], False, None]],
        "aten::sum.dim_IntList": [[x, [2], False, None]],
        "aten::max.dim": [[x, 1, True], [torch.tensor(3), 0, False]],
        "aten::argmax": [[x, None, False], [x, 1, True]], "aten::max": [[torch.empty(0)]],
        "aten::all.dims": [[n > 0, [0], True]], "aten::any.dim": [[x, 1, False]],
        "aten::prod.dim_int": [[n, 0, False, None]],
    }  # fmt: skip


@cache
def handpicked() -> Calls:
    """Calls by full name, each with one value per argument."""
    merged: Calls = {}
    for part in (
        _conversions,
        edges,
        _queries,
        _creation,
        _indexing,
        _layers,
        _upsampling,
        _recurrent,
        _attention,
        _rounding,
    ):
        for name, calls in part().items():
            merged.setdefault(name, []).extend(calls)
    return merged
