"""LLVM modules on their way to objects, in threads beside the one that writes them."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType

from tsc.analysis.target import Target
from tsc.progress import step
from tsc.runtime.host import available_cores
from tsc.runtime.machine_code import Assembled, CompiledObject, ProcessModule, assembled, load_objects
from tsc.runtime.native import ENTRY, POOL_NAME
from tsc.runtime.threads import POOL

_OF_PROCESS = {ENTRY: "", POOL: f"@{POOL_NAME}"}
"""Modules that a process needs once, and the name that is in texts for which it does. Where preparing one
fails, who needs it tries again.
"""


@dataclass
class Assembly:
    """The modules of one program. It is made, added to and ended by a thread that holds the compile lock, and
    its own threads end with it: while there are any, nobody forks.
    """

    target: Target
    texts: list[str] = field(default_factory=list[str])
    _objects: list[Future[Assembled]] = field(default_factory=list[Future[Assembled]])
    _threads: ThreadPoolExecutor | None = None
    _prepared: set[ProcessModule] = field(default_factory=set[ProcessModule])

    def __enter__(self) -> Assembly:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)

    def add(self, text: str) -> None:
        """Have a module optimized and assembled, or taken from the cache."""
        for module, name in _OF_PROCESS.items():
            if module not in self._prepared and name in text:
                self._prepared.add(module)
                self._pool().submit(module.prepare)
        self.texts.append(text)
        self._objects.append(self._pool().submit(assembled, text, self.target))

    def _pool(self) -> ThreadPoolExecutor:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(available_cores(), "tsc-llvm")
        return self._threads

    def loaded(self, last: str) -> CompiledObject:
        """Machine code of all modules and of `last`, the one that calls the others.

        Raises:
            CodegenError: one is not valid LLVM IR, or calls what this process does not have.
        """
        if not self._objects:
            return load_objects([assembled(last, self.target)], self.target, [last])
        self.add(last)
        objects: list[Assembled] = []
        for done, pending in enumerate(reversed(self._objects)):
            step("LLVM", done, len(self._objects))
            objects.append(pending.result())
        return load_objects(objects, self.target, self.texts[::-1])
