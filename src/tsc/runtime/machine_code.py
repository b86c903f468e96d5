"""LLVM IR text to machine code in memory: from the cache, or parsed, verified, optimized and assembled; then
loaded. LLVM is imported when something is compiled.
"""

import logging
import time
from dataclasses import replace
from typing import Protocol

from tsc.analysis.target import Target
from tsc.cache import is_enabled, store
from tsc.cache.keys import digest, key_of
from tsc.concurrency import serialized
from tsc.errors import CodegenError
from tsc.runtime.elf import UnsupportedObjectError, symbols_of
from tsc.runtime.elf_loader import ElfImage
from tsc.runtime.timings import Timings

LOG = logging.getLogger("tsc")
OBJECT = "object"
"""The kind of cache entry that holds an object file."""


class Image(Protocol):
    """An object in memory."""

    def address(self, name: str) -> int:
        """Where an exported name lies."""
        ...


@serialized
def assemble(text: str, target: Target) -> tuple[bytes, Timings]:
    """The relocatable object file of `text`: what the cache stores and `load_object` takes.

    Raises:
        CodegenError: `text` is not valid LLVM IR.
    """
    from tsc.runtime import llvm

    return llvm.assemble(text, target)


class CompiledObject:
    """Machine code in memory. Its memory is freed with this object, so whoever holds an address holds this
    too.
    """

    def __init__(self, image: Image, object_bytes: bytes, text: str, target: Target, timings: Timings):
        self._image = image
        self._text = text
        self._target = target
        self.object_bytes = object_bytes
        self.timings = timings
        self.symbols = symbols_of(object_bytes).defined

    def address(self, name: str) -> int:
        """Where the exported function or table `name` lies.

        Raises:
            CodegenError: the object exports no such name.
        """
        if name not in self.symbols:
            raise CodegenError(f"jit: requires one of {sorted(self.symbols)}; got {name}")
        return self._image.address(name)

    @serialized
    def llvm_ir(self) -> str:
        """The optimized LLVM IR (computed again when asked)."""
        from tsc.runtime import llvm

        return llvm.optimized_text(self._text, self._target)

    @serialized
    def assembly(self) -> str:
        """The assembly text (computed again when asked)."""
        from tsc.runtime import llvm

        return llvm.assembly_text(self._text, self._target)


@serialized
def load_object(
    data: bytes, target: Target, text: str = "", timings: Timings | None = None
) -> CompiledObject:
    """Load an object file made by `assemble`.

    Raises:
        CodegenError: the object needs a symbol this process does not have.
    """
    start = time.perf_counter_ns()
    try:
        image = _image(data, target)
    except LookupError as error:
        raise CodegenError(f"jit: requires symbols of this process; got {error.args[0]}") from None
    elapsed = time.perf_counter_ns() - start
    return CompiledObject(image, data, text, target, replace(timings or Timings(), load_ns=elapsed))


def _image(data: bytes, target: Target) -> Image:
    """The object in memory: by the loader of this package where it knows the format, else by LLVM's."""
    try:
        return ElfImage(data)
    except (UnsupportedObjectError, OSError) as error:
        LOG.debug("LLVM's engine loads an object: %s", error)
    from tsc.runtime.llvm import EngineImage

    return EngineImage(data, symbols_of(data).undefined, target)


def compile_llvm(text: str, target: Target) -> CompiledObject:
    """Machine code of `text`, loaded.

    Raises:
        CodegenError: `text` is not valid LLVM IR, or calls what this process does not have.
    """
    key = key_of(llvm=digest(text), target=target) if is_enabled() else ""
    stored = store.read(OBJECT, key) if key else None
    if stored is not None:
        return load_object(bytes(stored), target, text)
    data, timings = assemble(text, target)
    if key:
        store.write(OBJECT, key, data)
    return load_object(data, target, text, timings)
