"""Runs a sample without PyTorch and prints its ``result`` as JSON: tensors with their dtypes."""

import json
import runpy
import sys
from typing import Any

from tsc.narrowing import is_dict, is_sequence


def plain(value: Any) -> Any:
    """A result as JSON can hold it, types included."""
    if hasattr(value, "tolist"):
        return {"dtype": str(value.dtype).rpartition(".")[2], "elements": value.tolist()}
    if is_sequence(value):
        return ["tuple" if isinstance(value, tuple) else "list", *(plain(v) for v in value)]
    if is_dict(value):
        return [[plain(k), plain(v)] for k, v in value.items()]
    return value


if __name__ == "__main__":
    sys.modules["torch"] = None  # pyright: ignore[reportArgumentType] - importing PyTorch fails from here on
    print(json.dumps(plain(runpy.run_path(sys.argv[1])["result"])))
