"""Functions that are ignored, unused or exported; nothing calls the first two."""

import torch


@torch.jit.script
def compiled():
    return 2


@torch.jit.ignore
def ignored():
    return 3


@torch.jit.unused
def unused():
    import pdb

    pdb.set_trace()
    return 4


@torch.jit.export
def exported():
    return 5


@torch.jit.script
def calls_what_is_unused(flag: bool) -> int:
    if flag:
        return unused()
    return compiled()


result = [compiled(), ignored(), exported(), calls_what_is_unused(False)]
try:
    calls_what_is_unused(True)
except Exception as error:
    result.append(error.__class__.__name__)
