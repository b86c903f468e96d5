"""A model mapped over a data set by joblib's processes.

python examples/serving/joblib_map.py model.pt
"""

import argparse
from pathlib import Path

import joblib
import numpy as np

import tsc

BATCH = 8


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

    results = joblib.Parallel(n_jobs=2)(joblib.delayed(model)(batch) for batch in batches)
    print(f"joblib: {len(images)} images in {len(batches)} batches")
    return 0 if np.allclose(np.concatenate(results), expected, atol=1e-6) else 1


if __name__ == "__main__":
    raise SystemExit(main())
