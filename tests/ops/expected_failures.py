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
_SHRINKS = "PyTorch gives `out` fewer elements; others may see the memory of an array"

EXPECTED: dict[tuple[str, str], str] = {
    ("aten::complex", "float16"): _NO_COMPLEX32, ("aten::view_as_complex", "float16"): _NO_COMPLEX32,
    ("aten::logaddexp", "complex64"): _BRANCH,
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
    (
        "aten::_native_multi_head_attention", "handpicked",
    ): "weights not asked for are empty in tsc, undefined in PyTorch",
    **{
        ("aten::addbmm_", d): _RESIZES
        for d in ("float32", "int64", "bfloat16", "float16", "complex64")
    },
    **{
        (f"aten::{name}.unary_out", d): _SHRINKS
        for name in ("max", "min")
        for d in ("float32", "int64", "bool", "bfloat16", "float16")
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
}  # fmt: skip
"""Operators that accept calls PyTorch refuses."""

UNDEFINED = frozenset(
    {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided"}
)
"""Base names of operators whose values are undefined: only shapes and dtypes are compared."""

FIRST_ONLY = frozenset({"linalg_eigh", "linalg_eig", "embedding_bag"})
"""Only the first result is defined: eigenvectors have any phase, the others of a bag are for gradients."""

UNSTABLE = frozenset({"argsort", "kthvalue", "msort", "sort", "topk"})
"""Of these the indices are not unique where elements are equal."""

STRICTER: dict[str, str] = {
    "aten::resize_": "PyTorch gives the tensor more memory; that of an array cannot grow",
    **{f"aten::{n}_": "PyTorch writes one place several times, in no certain order" for n in (
        "addmv", "baddbmm", "embedding_renorm", "tril", "triu",
    )},
    **{f"aten::{n}_": "PyTorch refuses some of these calls and takes others" for n in (
        "alpha_dropout", "conj_physical", "dropout", "nan_to_num", "feature_alpha_dropout",
        "feature_dropout", "threshold",
    )},
}  # fmt: skip
"""In-place operators that refuse expanded memory where PyTorch writes to it."""

_LAPACK = "column-major, as LAPACK leaves it"
_FFT = "of expanded tensors, dims lie in another order (of those of `stft` and `ihfft2`, of others too)"
_FIRST = "follows the strides of the first argument in a way of its own"
STRIDES: dict[str, str] = {
    **{f"aten::{n}": _LAPACK for n in (
        "cholesky", "linalg_cholesky", "linalg_cholesky_ex", "linalg_eig", "linalg_eigh", "linalg_inv",
        "linalg_inv_ex", "linalg_lstsq", "linalg_qr", "linalg_solve", "linalg_solve_ex", "linalg_tensorinv",
        "qr",
    )},
    **{f"aten::{n}": _FFT for n in (
        "fft_fft", "fft_fft2", "fft_fftn", "fft_hfft", "fft_hfft2", "fft_hfftn", "fft_ifft", "fft_ifft2",
        "fft_ifftn", "fft_ihfft", "fft_ihfft2", "fft_ihfftn", "fft_irfft", "fft_irfft2", "fft_irfftn",
        "fft_rfft", "fft_rfft2", "fft_rfftn", "stft",
    )},
    "aten::as_strided_scatter": _FIRST,
    **{f"aten::{n}": _FIRST for n in (
        "adaptive_avg_pool1d", "adaptive_max_pool1d", "angle", "avg_pool1d",
        "feature_alpha_dropout", "feature_dropout",
        "max_pool1d_with_indices", "gru.input", "gru_cell", "lstm.input", "quantile", "rnn_relu.input",
        "rnn_tanh.input", "rot90",
    )},
}  # fmt: skip
"""Operators whose results have other strides than PyTorch's in some calls, and what PyTorch does."""
