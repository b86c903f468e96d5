"""What no implementation needs to agree on with PyTorch, with reasons."""

from __future__ import annotations

UNDEFINED = {
    "attention": "of queries and keys that are NaN PyTorch makes 0 in one algorithm, and NaN in the other",
    "cast": "a float that no integer of the type is near becomes an integer: PyTorch leaves the value open",
    "gelu": "of what is infinite PyTorch makes NaN in float32 and bfloat16, and infinity in float64",
    "overlap": "an operator writes memory that it also reads, or writes twice: the order is left open",
    "padding": "weights that are not finite meet a padding's zeros, or do not: PyTorch has both algorithms",
    "squares": "the variance of numbers whose squares overflow: PyTorch has an algorithm with squares, too",
    "ties": "sort and topk leave the order of equal elements open",
}
"""What `conditioning` notices while a program runs again."""

REFUSED = {
    "requires a count of repetitions": (
        "TorchScript refuses it too, but drops it where nothing needs the list"
    ),
    "as_strided: requires": "NumPy keeps no place in memory for a view without elements",
    "setStorage: sizes": "of a tensor's memory tsc knows what the tensor shows, where PyTorch made it",
    "out= has shape": "tsc does not resize `out`: the memory of a NumPy array cannot grow",
}
"""What tsc refuses by a sentence, and why."""

RESIZED = "a module's tensor that a program resizes in place keeps its sizes in the module it was made of"
"""Of the scripted variant: our module is right, and the caller's tensor of PyTorch is another object."""

DROPPED = "an operator that nothing needs is dropped, although it would raise"

EXACT = frozenset({
    "_local_scalar_dense", "_to_copy", "_unique2", "abs", "abs_", "amax", "amin", "arange", "cat", "ceil",
    "clamp", "clamp_", "clamp_max", "clamp_min", "clone", "constant_pad_nd", "copy_", "copysign",
    "cummax", "fill_", "flip", "floor", "full", "full_like", "gather", "hardtanh", "index", "index_copy_",
    "index_fill_", "index_put", "index_put_", "index_select", "masked_fill", "masked_fill_",
    "masked_select", "max", "max_pool2d_with_indices", "maximum", "median", "min", "minimum",
    "nan_to_num", "neg", "neg_", "new_ones", "ones_like", "relu", "relu_", "repeat", "roll", "round",
    "scatter", "scatter_", "sign", "sort", "stack", "take", "threshold", "topk", "tril", "triu", "trunc",
    "unique2", "where", "zero_", "zeros_like",
})  # fmt: skip
"""Operators that only choose among elements: no rounding happens in them."""

OF_ZEROS = frozenset({"amax", "amin", "fmax", "fmin", "max", "maximum", "min", "minimum"})
"""Operators that choose one of two zeros, whatever their signs: which one PyTorch takes depends on its
vectors too.
"""

CANCELLING = frozenset({
    "addbmm", "addmm", "addmv", "baddbmm", "bmm", "convolution", "cumsum", "dot", "mean", "mm", "mv",
    "native_batch_norm", "native_group_norm", "native_layer_norm", "sum",
})  # fmt: skip
"""Operators that sum: an element that is small because terms cancel is off by rounding errors of the terms.
It may be exactly zero for one library and nearly for another.
"""
