"""A model mapped over the blocks of a Dask array, by threads, by processes or by the workers of a cluster.

python examples/serving/dask_map.py model.pt processes
"""

import argparse
from pathlib import Path
from typing import Any

import dask
import dask.array
import numpy as np

import tsc

BATCH, CLASSES = 8, 10


def probabilities(images: np.ndarray[Any, Any], model: Any) -> np.ndarray[Any, Any]:
    """The probabilities of a block: what each task does, wherever it runs."""
    return model(np.ascontiguousarray(images))


def main() -> int:
    """Run the example; 0 when the result is that of one process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path)
    parser.add_argument("scheduler", choices=["threads", "processes", "cluster"])
    given = parser.parse_args()
    images = np.random.default_rng(0).standard_normal((64, 3, 64, 64), np.float32)

    model = tsc.optimize_for_inference(tsc.load(given.archive))
    expected = np.concatenate([model(images[at : at + BATCH]) for at in range(0, len(images), BATCH)])

    blocks: Any = dask.array.from_array(images, chunks=(BATCH, 3, 64, 64))
    mapped = blocks.map_blocks(
        probabilities, model, dtype=np.float32, chunks=(BATCH, CLASSES), drop_axis=[2, 3], meta=expected[:0]
    )
    if given.scheduler == "cluster":
        from dask.distributed import Client, LocalCluster

        cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
        with cluster, Client(cluster):
            result = mapped.compute()
    else:
        result = mapped.compute(scheduler=given.scheduler, num_workers=2)
    print(f"{given.scheduler}: {result.shape[0]} images in {blocks.numblocks[0]} blocks")
    return 0 if np.allclose(result, expected, atol=1e-6) else 1


if __name__ == "__main__":
    raise SystemExit(main())
