# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportAttributeAccessIssue=false
"""The models people have: saved by PyTorch, run without it, in one native call, with PyTorch's results."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.models import MODELS, example_inputs, make

RUNNER = Path(__file__).parent / "models/run_without_torch.py"
CASES = [(name, kind) for name in MODELS for kind in ("script", "trace")]


@pytest.mark.parametrize(("name", "kind"), CASES, ids=[f"{n}-{k}" for n, k in CASES])
def test_a_saved_model_runs_natively_in_one_call_and_agrees_with_torch(
    name: str, kind: str, tmp_path: Path
) -> None:
    model, inputs = make(name), example_inputs(name)
    with torch.no_grad():
        expected = model(*inputs)
        saved = torch.jit.script(model) if kind == "script" else torch.jit.trace(model, inputs)
    saved.save(str(tmp_path / "model.pt"))
    np.savez(tmp_path / "inputs.npz", *[t.numpy() for t in inputs])
    arguments = [str(RUNNER), *(str(tmp_path / n) for n in ("model.pt", "inputs.npz", "outputs.npz"))]
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TSC_STRICT": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert not report["torch_imported"]
    assert report["is_native"], report["reason"]
    assert report["native_calls"] == 1
    outputs = expected if isinstance(expected, tuple) else (expected,)
    with np.load(tmp_path / "outputs.npz") as arrays:
        for i, reference in enumerate(outputs):
            array = reference.numpy()
            scale = np.abs(array).max()
            np.testing.assert_allclose(arrays[f"arr_{i}"], array, rtol=1e-4, atol=1e-5 * max(scale, 1.0))
