"""Calls with nothing, NaN, or no dims."""

from __future__ import annotations

import math

import torch

from .random_tensors import Calls, numbers


def edges() -> Calls:
    """Nothing, NaN, no dims: what an operator's definition is easily wrong about."""
    nan, none, scalar = torch.tensor([math.nan, -1.0, 0.0]), torch.zeros(0), torch.tensor(2.0)
    image, weight = torch.zeros(0, 3, 8, 8), numbers(4, 3, 3, 3)
    pair = [[1, 1], [0, 0], [1, 1], 1]
    padded, grouped = [[1], [1], [1], 1], [[1], [0], [1], 2]
    infinite = torch.tensor(
        [complex(math.inf, 0), complex(1, math.inf), complex(-math.inf, math.nan), 2 + 1j]
    )
    truths = torch.tensor([True, False])
    return {
        **{
            f"aten::{name}": [[infinite, infinite.flip(0), 1], [infinite, torch.ones(4), 1]]
            for name in ("add.Tensor", "sub.Tensor", "rsub.Tensor")
        },
        "aten::addcmul": [[infinite, infinite.flip(0), infinite, 1]],
        "aten::addr": [[truths, truths, truths, beta, alpha] for beta in (0, 1) for alpha in (0, 1)],
        "aten::expand": [[numbers(2, 3), size, False] for size in ([-1, 2, 3], [4, -1, 3], [2, -1])],
        "aten::scaled_dot_product_attention": [
            [
                torch.tensor([[-math.inf, 1.0], [0.5, -1.0]]),
                numbers(3, 2).abs() + 0.1,
                numbers(3, 2),
                None,
                0.0,
                is_causal,
                None,
                False,
            ]
            for is_causal in (False, True)
        ]
        + [
            [torch.zeros(rows, 4), torch.zeros(keys, 4), torch.zeros(keys, 3), None, 0.0, False, None, False]
            for rows, keys in ((0, 0), (2, 0), (0, 3))
        ],
        "aten::fft_irfft": [[torch.zeros(3, 0, dtype=torch.complex64), 6, -1, None]],
        "aten::max_unpool2d": [[torch.zeros(0, 2, 1, 1), torch.zeros(0, 2, 1, 1).long(), [2, 2]]],
        "aten::view_as_complex": [[torch.zeros(0, 2)]],
        "aten::matmul": [
            [torch.ones(a, dtype=torch.bool), torch.ones(b, dtype=torch.bool)]
            for a, b in (
                ([2, 3], [3, 2]),
                ([3], [3]),
                ([2, 3, 4], [4]),
                ([2, 0], [0, 3]),
                ([0, 3], [3, 2]),
                ([0], [0]),
                ([2, 2, 0], [2, 0, 3]),
                ([2, 0], [0]),
            )
        ],
        "aten::linear": [
            [torch.ones(2, 3, dtype=torch.bool), torch.ones(4, 3, dtype=torch.bool), None],
            [numbers(2, 4, 3), numbers(5, 3), numbers(8, 1)],
            [numbers(3), numbers(5, 3), numbers(1, 5)],
        ],
        "aten::heaviside": [[nan, torch.ones(3)], [torch.zeros(3), nan]],
        "aten::hstack": [[[none, none]], [[scalar, scalar]], [[none, numbers(2)]]],
        "aten::conv2d": [
            [torch.ones(1, 3, 4, 4, dtype=torch.bool), torch.ones(2, 3, 2, 2, dtype=torch.bool), None, *pair],
            [image, weight, None, *pair],
            [image, weight, numbers(4), *pair],
        ],
        "aten::conv1d": [
            [torch.zeros(2, 0, 3), torch.zeros(4, 0, 2), numbers(4), *padded],
            [torch.zeros(0, 0), torch.zeros(2, 0, 2), None, *padded],
            [torch.zeros(2, 0, 3), torch.zeros(4, 0, 2), None, *grouped],
            [torch.zeros(2, 3, 0), numbers(4, 3, 2), None, *padded],
            [torch.zeros(0, 3, 0), numbers(4, 3, 2), None, *padded],
            [numbers(2, 3, 4), torch.zeros(0, 3, 2), None, *padded],
        ],
        "aten::conv_transpose1d": [
            [torch.zeros(2, 0, 3), torch.zeros(0, 4, 2), None, [1], [0], [0], 1, [1]],
            [torch.zeros(0, 3, 4), numbers(3, 4, 2), None, [1], [0], [0], 1, [1]],
        ],
        "aten::einsum": [
            ["ii,i->i", [numbers(3, 3), numbers(3)], None],
            ["ij,ij->ij", [numbers(1, 3), numbers(2, 3)], None],
            ["ii", [numbers(1, 3)], None],
            ["bij,bkj->bik", [numbers(2, 2).t()[..., None], numbers(2, 2).t()[..., None]], None],
            ["...,...->...", [numbers(3), scalar], None],
        ],
        "aten::gather": [[scalar, 0, torch.tensor([0, 0]), False], [scalar, 0, torch.tensor(0), False]],
        "aten::squeeze": [[torch.ones(3)], [scalar], [torch.ones(1, 2)]],
        "aten::squeeze.dim": [[torch.ones(3), 0], [scalar, 0]],
        "aten::hypot": [
            [
                torch.tensor([1e30, 1e-30, 0.0, math.inf, math.nan, math.inf, -3.0]),
                torch.tensor([1e30, 1e-30, 0.0, -1.0, 1.0, math.nan, 4.0]),
            ],
        ],
        "aten::slice.Tensor": [[scalar, 0, 0, 1, 1]],
        "aten::masked_select": [[scalar, torch.tensor(True)], [scalar, torch.tensor(False)]],
        "aten::topk": [
            [torch.tensor([1.0, 3.0, 3.0, 1.0, 3.0]), 2, -1, True, True],
            [scalar, 1, -1, True, True],
        ],
    }
