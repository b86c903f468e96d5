"""Where `tsc` differs from PyTorch, and why.

The tables are strict: a row that no longer fails is an error.
"""

from __future__ import annotations

_NO_COMPLEX32 = "tsc has no complex32"
_BRANCH = "the imaginary part is another branch of the same logarithm (2 pi apart)"
_GRID = "PyTorch computes coordinates in 16 bits; tsc in float32"
_ROUNDED_QUOTIENT = "PyTorch rounds the quotient to 16 bits before truncating"
_OVERFLOW = "PyTorch's powers overflow in 16 bits; tsc computes in float32"
_RESIZES = "PyTorch lets addbmm_ resize its target; tsc raises"

EXPECTED: dict[tuple[str, str], str] = {
    ("aten::complex", "float16"): _NO_COMPLEX32, ("aten::view_as_complex", "float16"): _NO_COMPLEX32,
    ("aten::logsumexp", "complex64"): _BRANCH, ("aten::logaddexp", "complex64"): _BRANCH,
    (
        "aten::logcumsumexp", "complex64",
    ): "complex logcumsumexp is not shifted element by element, and overflows",
    ("aten::div.Tensor_mode", "bfloat16"): _ROUNDED_QUOTIENT,
    ("aten::div_.Tensor_mode", "bfloat16"): _ROUNDED_QUOTIENT, ("aten::matrix_exp", "bfloat16"): _OVERFLOW,
    ("aten::matrix_exp", "float16"): _OVERFLOW,
    (
        "aten::hinge_embedding_loss", "bfloat16",
    ): "two sums that cancel, rounded to 16 bits at different places",
    ("aten::pow.int_to_int", "int64"): "PyTorch returns a float where its schema says int",
    ("aten::abs_", "complex64"): "PyTorch refuses abs_ of complex tensors; tsc drops the imaginary part",
    (
        "aten::_native_multi_head_attention", "handpicked",
    ): "weights not asked for are empty in tsc, undefined in PyTorch",
    **{
        (f"aten::{name}", "complex64"): "tsc conjugates at once, so the result is no view"
        for name in ("_conj", "mH", "matrix_H")
    },
    **{
        ("aten::addbmm_", d): _RESIZES
        for d in ("float32", "int64", "bfloat16", "float16", "complex64")
    },
    **{
        (f"aten::{name}", d): _GRID
        for name in ("grid_sampler", "grid_sampler_2d", "grid_sampler_3d")
        for d in ("bfloat16", "float16")
    },
}  # fmt: skip
"""By operator and where the call comes from (a dtype of PyTorch's samples, or ``handpicked``)."""

_OUT_DTYPE = "a result of another dtype of the same category is converted"
NO_ERROR: dict[str, str] = {
    "aten::aminmax.out": _OUT_DTYPE, "aten::complex.out": _OUT_DTYPE, "aten::gather.out": _OUT_DTYPE,
    "aten::multinomial.out": "a float tensor takes integers",
}  # fmt: skip
"""Operators that accept calls PyTorch refuses."""

RANDOM = frozenset({
    "bernoulli", "bernoulli_", "cauchy_", "empty", "empty_like", "empty_strided", "exponential_",
    "geometric_", "log_normal_", "multinomial", "new_empty", "new_empty_strided", "normal", "normal_",
    "poisson", "rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm", "random",
    "random_", "uniform", "uniform_",
})  # fmt: skip
"""Base names of operators whose values are random or undefined: only shapes and dtypes are compared."""

RANDOM_IN_TRAINING = frozenset(
    {"alpha_dropout", "dropout", "feature_alpha_dropout", "feature_dropout", "native_dropout", "rrelu"}
)

FIRST_ONLY = frozenset({"linalg_eigh", "linalg_eig", "embedding_bag"})
"""Only the first result is defined: eigenvectors have any phase, the others of a bag are for gradients."""

UNSTABLE = frozenset({"argsort", "kthvalue", "msort", "sort", "topk"})
"""Of these the indices are not unique where elements are equal."""
