"""Tracing an assignment to a row whose values are random: the check warns, and the graph writes in place."""

import warnings

import torch


def replace_row(x):
    x[0] = torch.rand(*x.shape[1:2])
    return x


with warnings.catch_warnings(record=True) as given:
    warnings.simplefilter("always")
    traced = torch.jit.trace(replace_row, (torch.zeros(3, 4),))
told = [str(w.message) for w in given if w.category.__name__ == "TracerWarning"]
row = traced(torch.full((3, 4), 7.0))[0]
result = [
    any("Output nr 1. of the traced function does not match" in text for text in told),
    "aten::copy_" in str(traced.graph),
    bool((row < 1).all()),
]
