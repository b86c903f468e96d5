"""Which operators' gradients need what the operators read or gave: that is let go once they are computed."""

from __future__ import annotations

from tsc.ops.definition import Operator

SHAPES_ALONE = frozenset((
    "add", "sub", "rsub", "neg", "mean", "sum", "cat", "concat", "concatenate", "stack", "hstack",
    "vstack", "dstack", "cumsum", "flip", "fliplr", "flipud", "roll", "pad", "constant_pad_nd", "to",
    "type_as", "floor", "round", "ceil", "trunc", "sign", "clone", "expand", "expand_as", "repeat",
    "tile", "diff", "lerp", "tril", "triu", "unbind", "trace", "fill", "copy", "contiguous", "reshape",
    "reshape_as", "zeros_like", "rot90", "upsample_nearest1d", "upsample_nearest2d",
    "upsample_bilinear2d", "upsample_linear1d", "broadcast_tensors", "diag_embed",
))  # fmt: skip
"""By name: gradients that follow from the shapes, and from numbers that were given."""


def reads_elements(operator: Operator) -> bool:
    """Whether gradients through a call depend on elements of what it read or gave. As in PyTorch, they flow
    through such a call once, unless what it read is retained.
    """
    if operator.inverse is not None:
        return False
    return operator.schema.name.partition("::")[2].rstrip("_") not in SHAPES_ALONE
