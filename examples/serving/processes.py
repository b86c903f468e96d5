"""A model mapped over a data set by several processes, which start by `spawn` or by `fork`.

    python examples/serving/processes.py model.pt spawn

The parent compiles; what it compiled lies in the cache, so no worker does. A spawned worker gets the model as
the path of its archive, a forked one has it.
"""

import argparse
import multiprocessing
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np

import tsc

WORKERS, BATCH = 2, 8
model: Any = None
"""The model of this process."""


def begin(given: Any) -> None:
    """Make a process a worker: what it has is a core, so its native code uses one thread."""
    global model
    model = given
    tsc.set_num_threads(1)


def classes(images: np.ndarray[Any, Any]) -> tuple[list[int], bool]:
    """The most probable class of each image, and whether this process has imported the compiler."""
    return model(images).argmax(-1).tolist(), "xdsl" in sys.modules


def main() -> int:
    """Run the example; 0 when the workers say what one process says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path)
    parser.add_argument("method", choices=["spawn", "fork"])
    given = parser.parse_args()
    images = np.random.default_rng(0).standard_normal((64, 3, 64, 64), np.float32)
    batches = [images[at : at + BATCH] for at in range(0, len(images), BATCH)]

    model = tsc.optimize_for_inference(tsc.load(given.archive))
    expected = [model(batch).argmax(-1).tolist() for batch in batches]
    print(f"pickled: {len(pickle.dumps(model))} bytes, for an archive of {given.archive.stat().st_size}")

    context = multiprocessing.get_context(given.method)
    with context.Pool(WORKERS, begin, (model,)) as pool:
        found = pool.map(classes, batches)
    compiling = any(has_compiler for _, has_compiler in found)
    print(f"{given.method}: {len(images)} images; workers {'have' if compiling else 'have not'} a compiler")
    return 0 if [labels for labels, _ in found] == expected else 1


if __name__ == "__main__":
    raise SystemExit(main())
