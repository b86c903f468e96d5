"""A model mapped over a data set by Ray's workers.

    python examples/serving/ray_map.py model.pt

The model goes into Ray's store once, as the path of its archive; each worker loads it from there.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import ray

import tsc

BATCH = 8


@ray.remote
class Worker:
    """A process that has the model: it is loaded once, and called for many batches."""

    def __init__(self, model: Any) -> None:
        tsc.set_num_threads(1)  # Ray gives a worker one core
        self.model = model

    def probabilities(self, images: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The probabilities of a batch, which lies in Ray's shared memory."""
        return self.model(images)


def main() -> int:
    """Run the example; 0 when the result is that of one process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path)
    given = parser.parse_args()
    images = np.random.default_rng(0).standard_normal((64, 3, 64, 64), np.float32)
    batches = [images[at : at + BATCH] for at in range(0, len(images), BATCH)]

    model = tsc.optimize_for_inference(tsc.load(given.archive))
    expected = np.concatenate([model(batch) for batch in batches])

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    held = ray.put(model)
    workers = ray.util.ActorPool([Worker.remote(held) for _ in range(2)])
    results = list(workers.map(lambda worker, batch: worker.probabilities.remote(batch), batches))
    ray.shutdown()
    print(f"ray: {len(images)} images in {len(batches)} batches")
    return 0 if np.allclose(np.concatenate(results), expected, atol=1e-6) else 1


if __name__ == "__main__":
    raise SystemExit(main())
