"""A web service around one archive (FastAPI, uvicorn): images in, probabilities out.

    python examples/serving/service.py model.pt --port 8000

A request is an array as `numpy.save` writes it; the answer is JSON. The model is loaded once, and compiled
before the first request; requests run in as many threads as there are cores.
"""

import argparse
import asyncio
import io
import logging
import os
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from fastapi import FastAPI, HTTPException, Request

import tsc

IMAGE = (3, 64, 64)
LARGEST_BATCH = 32
COMPILED_BATCHES = (1, 8, 3)
"""The first two sizes get code of their own, the third one code that is for any size."""
log = logging.getLogger("uvicorn.error")


def ready_model(path: Path) -> Any:
    """The model of an archive, compiled for all batches that requests may have."""
    begin = time.perf_counter()
    model = tsc.optimize_for_inference(tsc.load(path))
    for batch in COMPILED_BATCHES:
        model(np.zeros((batch, *IMAGE), np.float32))
    log.info("model ready in %.1f s", time.perf_counter() - begin)
    return model


def images_of(body: bytes) -> np.ndarray[Any, Any]:
    """The array of a request.

    Raises:
        HTTPException: it is none that the model takes.
    """
    try:
        images = np.load(io.BytesIO(body), allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise HTTPException(422, f"requires an array as numpy.save writes it: {error}") from None
    shape = " x ".join(map(str, IMAGE))
    if images.dtype != np.float32 or images.shape[1:] != IMAGE or not 1 <= len(images) <= LARGEST_BATCH:
        raise HTTPException(
            422,
            f"requires 1 to {LARGEST_BATCH} images {shape} of float32; got {images.shape} of {images.dtype}",
        )
    return np.ascontiguousarray(images)


def service(path: Path) -> FastAPI:
    """The application; the model is there when its first request comes."""
    threads = ThreadPoolExecutor(len(os.sched_getaffinity(0)), "model")
    models: list[Any] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        models.append(ready_model(path))
        yield
        threads.shutdown()

    app = FastAPI(lifespan=lifespan)

    @app.post("/probabilities")
    async def probabilities(request: Request) -> list[list[float]]:
        """Probabilities of each image, in a thread: native code does not hold the interpreter's lock."""
        images = images_of(await request.body())
        try:
            result = await asyncio.get_running_loop().run_in_executor(threads, models[0], images)
        except tsc.errors.TscError as error:  # what the model itself refuses
            raise HTTPException(422, str(error)) from None
        return result.tolist()

    return app


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("archive", type=Path)
    parser.add_argument("--port", type=int, default=8000, help="0: any that is free")
    given = parser.parse_args()
    uvicorn.run(service(given.archive), host="127.0.0.1", port=given.port)
