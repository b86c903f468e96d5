# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""The other end of `bare_worker`: one long-lived process, started again when it dies or hangs."""

from __future__ import annotations

import select
import subprocess
import sys
from typing import Any

import torch

from .memory import to_array
from .observing import Observation
from .transport import Packed, Request, receive, send

SECONDS = 150
"""By the clock, and before the whole program is taken to hang."""


class BareProcess:
    """Runs archives where there is no PyTorch."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, archive: bytes, is_optimized: bool, calls: list[list[Any]]) -> list[Observation]:
        """What calls of an archived program look like; a dead process is an observation too."""
        storages: dict[int, int] = {}
        contents: list[bytes] = []
        packed = [_packed(arguments, storages, contents, {}) for arguments in calls]
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            send(process.stdin, Request(archive, is_optimized, packed, contents))
            if not select.select([process.stdout], [], [], SECONDS)[0]:
                self.close()
                return [Observation(error="hang: no answer from the process without PyTorch")]
            return receive(process.stdout)
        except (EOFError, BrokenPipeError):
            status = process.wait()
            self.close()
            return [Observation(error=f"crash: the process without PyTorch ended with {status}")]
        except BaseException:
            self.close()  # it would answer the next request with what it owes of this one
            raise

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            command = [sys.executable, "-m", "tests.fuzz.programs.bare_worker"]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self._process

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _packed(value: Any, storages: dict[int, int], contents: list[bytes], made: dict[int, Packed]) -> Any:
    """`value` for the way there; a tensor that is given twice is one object (`made`, by identity)."""
    if isinstance(value, torch.Tensor):
        if id(value) in made:
            return made[id(value)]
        storage = value.untyped_storage()
        if storage.data_ptr() not in storages:
            storages[storage.data_ptr()] = len(contents)
            contents.append(bytes(torch.empty(0, dtype=torch.uint8).set_(storage).numpy().tobytes()))
        array = to_array(value)
        place = storages[storage.data_ptr()]
        offset = int(value.storage_offset()) * value.element_size()
        made[id(value)] = Packed(place, array.dtype.name, array.shape, offset, array.strides)
        return made[id(value)]
    if isinstance(value, (list, tuple)):
        return [_packed(v, storages, contents, made) for v in value]
    return value
