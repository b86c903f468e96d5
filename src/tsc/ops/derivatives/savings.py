"""Which operators' gradients need what the operators read or gave: that is let go once they are computed."""

from __future__ import annotations

from tsc.ops.definition import Operator

SHAPES_ALONE = frozenset((
    "add", "sub", "subtract", "rsub", "neg", "mean", "sum", "sum_to_size", "cumsum", "trace", "diff", "fill",
    "mul.Scalar", "div.Scalar", "divide.Scalar", "true_divide.Scalar", "remainder.Scalar", "fmod.Scalar",
    "lerp.Scalar", "frac", "floor", "round", "ceil", "trunc", "sign", "rad2deg", "deg2rad", "trapezoid.dx",
    "trapz.dx", "cumulative_trapezoid.dx", "bernoulli", "normal.Tensor_float", "normal.float_Tensor",
    "normal.Tensor_Tensor", "zero", "zeros_like", "copy", "clone", "contiguous", "to", "type_as",
    "cat", "concat", "concatenate", "stack", "hstack", "vstack", "dstack", "column_stack", "block_diag",
    "split", "split_with_sizes", "chunk", "tensor_split", "hsplit", "vsplit", "dsplit", "unbind",
    "unsafe_split", "unsafe_split_with_sizes", "unsafe_chunk", "meshgrid", "broadcast_tensors",
    "expand", "expand_as", "broadcast_to", "repeat", "repeat_interleave.self_int", "tile", "flip", "fliplr",
    "flipud", "roll", "rot90", "reshape", "reshape_as", "ravel", "flatten.using_ints", "unfold",
    "narrow.Tensor", "tril", "triu", "diag", "diagflat", "diag_embed", "linalg_diagonal", "atleast_1d",
    "atleast_2d", "atleast_3d", "mH", "adjoint", "matrix_H", "as_strided", "select_scatter",
    "slice_scatter", "diagonal_scatter", "narrow_copy", "view_copy", "permute_copy", "select_copy",
    "slice_copy", "squeeze_copy", "t_copy", "transpose_copy", "unsqueeze_copy", "expand_copy",
    "diagonal_copy", "unfold_copy", "as_strided_copy", "alias_copy", "split_copy", "split_with_sizes_copy",
    "unbind_copy", "constant_pad_nd", "pad", "im2col", "col2im", "pixel_shuffle", "pixel_unshuffle",
    "channel_shuffle", "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d",
    "_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d",
    "upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d", "upsample_bicubic2d",
    "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa", "_upsample_lanczos2d_aa", "__interpolate",
    "__upsample_nearest", "__upsample_bilinear", "fft_fftshift", "fft_ifftshift",
    "fft_hfft", "fft_hfft2", "fft_hfftn", "fft_irfft", "fft_irfft2", "fft_irfftn",
    "cartesian_prod", "lu_unpack", "affine_grid_generator", "gradient.scalarint", "gradient.scalararray",
    "gradient.scalarrayint", "gradient.scalarrayarray", "gradient.array",
))  # fmt: skip
"""By name, of all overloads or of one: gradients that follow from the shapes, and from numbers that were
given. (tests/ops/test_savings.py asks PyTorch.)
"""


def reads_elements(operator: Operator) -> bool:
    """Whether gradients through a call depend on elements of what it read or gave. As in PyTorch, they flow
    through such a call once, unless what it read is retained.
    """
    if operator.inverse is not None:
        return False
    name, _, overload = operator.name.partition("::")[2].partition(".")
    stem = name.rstrip("_")
    return stem not in SHAPES_ALONE and f"{stem}.{overload}" not in SHAPES_ALONE
