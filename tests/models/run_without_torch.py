"""Runs an archive in a process without PyTorch: ``python run_without_torch.py model.pt inputs.npz
outputs.npz``.
"""

import json
import sys
from typing import Any, cast

import numpy as np

import tsc
from tsc.runtime import native_code as building


def main() -> None:
    archive, inputs_file, outputs_file = sys.argv[1:4]
    calls = 0
    make_native = building.native_function

    def counting(*arguments: Any, **keywords: Any) -> Any:
        native = make_native(*arguments, **keywords)

        def run(*arrays: Any) -> Any:
            nonlocal calls
            calls += 1
            return native(*arrays)

        return run

    building.native_function = counting
    with np.load(inputs_file) as arrays:
        inputs = [arrays[name] for name in arrays.files]
    model = tsc.optimize_for_inference(tsc.load(archive))
    model(*inputs)
    calls = 0
    result = model(*inputs)
    outputs = cast("tuple[Any, ...]", result) if isinstance(result, tuple) else (result,)
    last = model.forward.last
    assert last is not None
    np.savez(outputs_file, *outputs)
    print(
        json.dumps(
            {
                "torch_imported": "torch" in sys.modules,
                "native_calls": calls,
                "is_native": last.is_native,
                "reason": last.reason,
                "seconds": last.compilation.seconds,
            }
        )
    )


if __name__ == "__main__":
    main()
