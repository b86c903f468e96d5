"""LLVM IR text to machine code in memory: from the cache, or parsed, verified, optimized and assembled; then
loaded. LLVM is imported when something is compiled.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import NamedTuple, Protocol

from tsc.analysis.target import Target
from tsc.cache import is_enabled, store
from tsc.cache.keys import digest, key_of
from tsc.concurrency import serialized
from tsc.errors import CodegenError
from tsc.options import options
from tsc.runtime import perf_map
from tsc.runtime.elf import UnsupportedObjectError, symbols_of
from tsc.runtime.elf_loader import ElfImage
from tsc.runtime.host import host_target
from tsc.runtime.timings import Timings

LOG = logging.getLogger("tsc")
OBJECT = "object"
"""The kind of cache entry that holds an object file."""


class Image(Protocol):
    """An object in memory."""

    def address(self, name: str) -> int:
        """Where an exported name lies."""
        ...


class Assembled(NamedTuple):
    """A relocatable object file, and what making it took."""

    data: bytes
    timings: Timings = Timings()


@serialized
def assemble(text: str, target: Target) -> Assembled:
    """The relocatable object file of `text`: what the cache stores and `load_objects` takes.

    Raises:
        CodegenError: `text` is not valid LLVM IR.
    """
    from tsc.runtime import llvm

    return Assembled(*llvm.assemble(text, target))


def assembled(text: str, target: Target) -> Assembled:
    """The same, from the cache if it is there, and stored in it if not. It takes no lock: whoever calls it
    holds the compile lock, or works for a thread that does.
    """
    key = key_of(llvm=digest(text), target=target) if is_enabled() else ""
    stored = store.read(OBJECT, key) if key else None
    if stored is not None:
        return Assembled(bytes(stored))
    from tsc.runtime import llvm

    made = Assembled(*llvm.assemble(text, target))
    if key:
        store.write(OBJECT, key, made.data)
    return made


class CompiledObject:
    """Machine code in memory, of one object or several that call each other. Its memory is freed with this,
    so whoever holds an address holds this too.
    """

    def __init__(
        self, image: Image, objects: Sequence[bytes], texts: Sequence[str], target: Target, timings: Timings
    ):
        self._image = image
        self._texts = texts
        self._target = target
        self.objects = objects
        self.timings = timings
        self.symbols = frozenset(name for data in objects for name in symbols_of(data).defined)

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

        return "\n".join(llvm.optimized_text(text, self._target) for text in self._texts)

    @serialized
    def assembly(self) -> str:
        """The assembly text (computed again when asked)."""
        from tsc.runtime import llvm

        return "\n".join(llvm.assembly_text(text, self._target) for text in self._texts)


@serialized
def load_objects(parts: Sequence[Assembled], target: Target, texts: Sequence[str] = ()) -> CompiledObject:
    """Load object files made by `assemble`, which may call each other.

    Raises:
        CodegenError: one needs a symbol that neither another nor this process has.
    """
    start = time.perf_counter_ns()
    objects = [part.data for part in parts]
    try:
        image = _image(objects, target)
    except LookupError as error:
        raise CodegenError(f"jit: requires symbols of this process; got {error.args[0]}") from None
    total = Timings(*(sum(phase) for phase in zip(*(astuple(part.timings) for part in parts), strict=True)))
    elapsed = time.perf_counter_ns() - start
    return CompiledObject(image, objects, texts, target, replace(total, load_ns=elapsed))


def _image(objects: Sequence[bytes], target: Target) -> Image:
    """The objects in memory: by the loader of this package where it knows the format, else by LLVM's."""
    try:
        image = ElfImage(objects)
        if options().writes_perf_map:
            perf_map.note(image.functions())
        return image
    except (UnsupportedObjectError, OSError) as error:
        LOG.debug("LLVM's engine loads an object: %s", error)
    from tsc.runtime.llvm import EngineImage

    names = [symbols_of(data) for data in objects]
    defined = frozenset[str]().union(*(n.defined for n in names))
    return EngineImage(objects, frozenset[str]().union(*(n.undefined for n in names)) - defined, target)


@serialized
def compile_llvm(text: str, target: Target) -> CompiledObject:
    """Machine code of `text`, loaded.

    Raises:
        CodegenError: `text` is not valid LLVM IR, or calls what this process does not have.
    """
    return load_objects([assembled(text, target)], target, [text])


@dataclass(eq=False)
class ProcessModule:
    """A module that every program of a process uses, and that is the same for all: `text` makes it for a
    triple.
    """

    text: Callable[[str], str]
    _made: list[Assembled] = field(default_factory=list[Assembled])

    def prepare(self) -> None:
        """Have its object, beside something else, in a thread that works for one that compiles."""
        if not self._made:
            target = host_target()
            self._made.append(assembled(self.text(target.triple), target))

    @serialized
    def load(self) -> CompiledObject:
        """Its machine code."""
        self.prepare()
        target = host_target()
        return load_objects(self._made[:1], target, [self.text(target.triple)])
