"""Which calls PyTorch records: of which results gradients can be asked, and by which arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from tsc.dtypes import DType

T = TypeVar("T")
CUTS = frozenset(("aten::detach", "aten::data", "prim::data"))
"""What gives the memory of a tensor without its gradients."""
UNRECORDED = frozenset((
    "detach", "data",
    "zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like",
    "new_zeros", "new_ones", "new_full", "new_empty", "new_empty_strided", "histc",
    "special_airy_ai", "special_bessel_j0", "special_bessel_j1", "special_bessel_y0", "special_bessel_y1",
    "special_chebyshev_polynomial_t", "special_chebyshev_polynomial_u", "special_chebyshev_polynomial_v",
    "special_chebyshev_polynomial_w", "special_hermite_polynomial_h", "special_hermite_polynomial_he",
    "special_laguerre_polynomial_l", "special_legendre_polynomial_p", "special_modified_bessel_i0",
    "special_modified_bessel_i1", "special_modified_bessel_k0", "special_modified_bessel_k1",
    "special_scaled_modified_bessel_k0", "special_scaled_modified_bessel_k1",
    "special_shifted_chebyshev_polynomial_t", "special_shifted_chebyshev_polynomial_u",
    "special_shifted_chebyshev_polynomial_v", "special_shifted_chebyshev_polynomial_w",
    "special_spherical_bessel_j0",
))  # fmt: skip
"""By name, of all overloads: what gives nothing that gradients could be asked of. (tests/ops/test_recorded.py
asks PyTorch.)
"""
LIKENESSES = frozenset(("type_as", "to.other", "to.prim_other", "expand_as", "reshape_as", "view_as"))
"""What reads of its second argument the shape or the dtype alone."""
RECORDED_RESULTS = {
    "_native_batch_norm_legit": (0,),
    "native_batch_norm": (0,),
    "native_layer_norm": (0,),
    "linalg_lstsq": (0, 1),
    "linalg_lu": (1, 2),
    "lu_unpack": (1, 2),
    "nll_loss_forward": (0,),
}
"""Of operators that give several tensors of floats, those that have gradients."""


def is_differentiable(dtype: DType) -> bool:
    """Whether tensors of a dtype have gradients."""
    return dtype.is_floating or dtype.is_complex


def _is_among(name: str, names: frozenset[str]) -> bool:
    stem, _, overload = name.partition("::")[2].partition(".")
    return stem in names or f"{stem}.{overload}" in names


def is_recorded(name: str) -> bool:
    """Whether gradients flow through an operator to anything."""
    return not _is_among(name, UNRECORDED)


def is_likeness(name: str) -> bool:
    """Whether an operator reads of its second argument the shape or the dtype alone."""
    return _is_among(name, LIKENESSES)


def recorded_arguments(name: str, arguments: Sequence[T]) -> Sequence[T]:
    """Those of a call's arguments that gradients may flow to."""
    if not is_recorded(name):
        return ()
    return arguments[:1] if is_likeness(name) else arguments


def recorded_results(name: str, results: Sequence[T]) -> Sequence[T]:
    """Those of a call's results, of which gradients can be asked where they are of floats."""
    found = RECORDED_RESULTS.get(name.partition("::")[2].partition(".")[0])
    return results if found is None else [result for i, result in enumerate(results) if i in found]
