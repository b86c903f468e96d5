"""The examples of docs/serving.md run: a web service, and a model mapped over a data set by processes."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import IO, Any

import numpy as np
import pytest

import tsc

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples/serving"
ARCHIVE = ROOT / "examples/demo/model.pt"
SECONDS = 300


def environment(folder: Path) -> dict[str, str]:
    """That of a process whose cache, and whose home, is a folder."""
    return {**os.environ, "TSC_CACHE": "1", "TSC_CACHE_DIR": str(folder / "cache"), "HOME": str(folder)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("serving")


def run(folder: Path, example: str, *arguments: str) -> str:
    """What an example prints; it fails if its results are not those of one process."""
    command = [sys.executable, str(EXAMPLES / example), str(ARCHIVE), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=environment(folder), timeout=SECONDS
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout


@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_processes_get_the_model_and_compile_nothing(method: str, folder: Path) -> None:
    said = run(folder, "processes.py", method)
    assert f"{method}: 64 images; workers have not a compiler" in said
    pickled = re.search(r"pickled: (\d+) bytes", said)
    assert pickled is not None
    assert int(pickled[1]) < 500


@pytest.mark.parametrize("scheduler", ["threads", "processes", "cluster"])
def test_dask_maps_a_model(scheduler: str, folder: Path) -> None:
    pytest.importorskip("dask.array", reason="requires Dask: the extra `serving`")
    if scheduler == "cluster":
        pytest.importorskip("distributed", reason="requires Dask's distributed: the extra `serving`")
    assert "64 images in 8 blocks" in run(folder, "dask_map.py", scheduler)


def test_ray_maps_a_model(folder: Path) -> None:
    pytest.importorskip("ray", reason="requires Ray: the extra `serving`")
    assert "64 images in 8 batches" in run(folder, "ray_map.py")


def test_joblib_maps_a_model(folder: Path) -> None:
    pytest.importorskip("joblib", reason="requires joblib: the extra `serving`")
    assert "64 images in 8 batches" in run(folder, "joblib_map.py")


# --- the web service ---


@dataclass
class Service:
    """The service of the example, in a process of its own."""

    address: str
    log: list[str] = field(default_factory=list[str])
    """What it said before it took requests."""

    def ask(self, body: bytes) -> Any:
        """The answer to a request.

        Raises:
            HTTPError: it is an error.
        """
        with urllib.request.urlopen(f"{self.address}/probabilities", body, timeout=60) as answer:
            return json.load(answer)

    def refusal(self, body: bytes) -> str:
        """Why a request is refused."""
        with pytest.raises(urllib.error.HTTPError) as caught:
            self.ask(body)
        assert caught.value.code == 422
        return json.load(caught.value)["detail"]


def started(lines: IO[str]) -> Service:
    """The service whose log this is, when it takes requests."""
    said: list[str] = []
    for line in lines:
        found = re.search(r"running on (http://[\d.:]+)", line)
        if found is not None:
            Thread(target=lines.read, daemon=True).start()  # so that it never waits for a reader
            return Service(found[1], said)
        said.append(line)
    raise AssertionError("".join(said))


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[Service]:
    for package in ("fastapi", "uvicorn"):
        pytest.importorskip(package, reason=f"requires {package}: the extra `serving`")
    command = [sys.executable, str(EXAMPLES / "service.py"), str(ARCHIVE), "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment(folder))
    assert process.stderr is not None
    try:
        yield started(process.stderr)
    finally:
        process.terminate()
        assert process.wait(30) in (0, -15)


def body_of(array: np.ndarray[Any, Any]) -> bytes:
    """An array as a request."""
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_the_model_is_loaded_once_and_compiled_before_the_first_request(service: Service) -> None:
    assert sum("model ready" in line for line in service.log) == 1


def test_many_clients_at_once_get_their_own_answers(service: Service) -> None:
    model = tsc.load(ARCHIVE)
    rng = np.random.default_rng(1)
    images = [rng.standard_normal((1 + k % 9, 3, 64, 64), np.float32) for k in range(24)]
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(service.ask, map(body_of, images)))
    for image, answer in zip(images, answers, strict=True):
        np.testing.assert_allclose(answer, model(image), rtol=1e-4, atol=1e-6)


def test_bad_input_is_an_error_that_says_why_and_the_service_goes_on(service: Service) -> None:
    assert "numpy.save" in service.refusal(b"no array")
    assert "numpy.save" in service.refusal(body_of(np.zeros((1, 3, 64, 64), np.float32))[:-1])
    assert "got (1, 3, 64, 64) of float64" in service.refusal(body_of(np.zeros((1, 3, 64, 64))))
    assert "got (1, 3, 32, 64) of float32" in service.refusal(body_of(np.zeros((1, 3, 32, 64), np.float32)))
    assert "got (0, 3, 64, 64)" in service.refusal(body_of(np.zeros((0, 3, 64, 64), np.float32)))
    assert len(service.ask(body_of(np.zeros((2, 3, 64, 64), np.float32)))) == 2


def test_the_page_shows_what_the_examples_are() -> None:
    shown = re.findall(r"```python\n(.*?)```", (ROOT / "docs/serving.md").read_text(), re.DOTALL)
    programs = [textwrap.dedent(file.read_text()) for file in EXAMPLES.glob("*.py")]
    indented = [textwrap.indent(text, "    ") for text in shown]
    assert shown
    for text, deeper in zip(shown, indented, strict=True):
        assert any(text in program or deeper in program for program in programs), text
