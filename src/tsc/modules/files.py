"""`load` and `save`: archives of modules and functions; and values, as ``torch.save`` writes them."""

from __future__ import annotations

import io
import os
from typing import IO, TYPE_CHECKING, Any

from tsc.errors import ArgumentError, SavedValueError
from tsc.interop import torch as torch_interop
from tsc.modules.loaded_module import load_remembered
from tsc.tracebacks import with_short_tracebacks

if TYPE_CHECKING:
    from tsc.modules.script_modules import RecursiveScriptModule
    from tsc.programs.script_functions import ScriptFunction


@with_short_tracebacks
def load(
    f: str | os.PathLike[str] | IO[bytes] | bytes | bytearray | memoryview,
    map_location: object = None,
    _extra_files: dict[str, Any] | None = None,
    _restore_shapes: bool = False,
) -> RecursiveScriptModule:
    """Load a ``.pt`` archive written by ``torch.jit.save`` (or by `save`): from a path, an open file, or the
    bytes. PyTorch is not needed.

    Everything lies on the CPU: `map_location` may say so, and nothing else.
    `_extra_files` maps names to anything; the values become the contents of those files in the archive, empty
    for those it does not have. `_restore_shapes` is accepted, and means nothing.

    Raises:
        ValueError: `map_location` is no device.
        ArgumentError: `map_location` is another device.
        ArchiveError: the file is damaged, hostile, or not a TorchScript archive.
        FileNotFoundError: there is no such file.
    """
    _require_cpu(map_location)
    if not _extra_files:
        remembered = load_remembered(f)
        if remembered is not None:
            return remembered
    from tsc.archive.reader import Archive
    from tsc.frontend.archived import ArchiveProgram
    from tsc.modules.script_modules import loaded

    archive = Archive(f)
    program = ArchiveProgram(archive)
    if _extra_files is not None:
        _extra_files.update({name: archive.extra_file(name) or b"" for name in _extra_files})
    return loaded(program)


@with_short_tracebacks
def load_value(
    f: str | os.PathLike[str] | IO[bytes] | bytes | bytearray | memoryview,
    map_location: object = None,
    _extra_files: dict[str, Any] | None = None,
    _restore_shapes: bool = False,
    *,
    weights_only: bool = True,
    mmap: bool | None = None,
) -> Any:
    """``tsc.load``: the module of an archive, as `load` gives it, or the value of a file of ``torch.save`` or
    ``tsc.save``: tensors, numbers, texts, tuples, lists and dicts of them, so state dicts.

    >>> archive = io.BytesIO()
    >>> tsc.save(tsc.script(tsc.nn.Linear(3, 2)), archive)
    >>> tsc.load(archive.getvalue())(tsc.zeros(5, 3)).shape
    (5, 2)

    Nothing else is read, whatever `weights_only` says, and files are mapped, whatever `mmap` says.

    Raises:
        ArchiveError: the file is damaged, hostile, or has something else.
    """
    _require_cpu(map_location)
    source: Any = f
    if not isinstance(f, (str, os.PathLike)):
        data: Any = getattr(f, "read", lambda: f)()  # what is neither is refused where it is loaded
        is_bytes = isinstance(data, (bytes, bytearray, memoryview))
        source = io.BytesIO(data) if is_bytes else f  # pyright: ignore[reportUnknownArgumentType] - of a view
    try:
        return load(source, map_location, _extra_files, _restore_shapes)
    except SavedValueError:
        from tsc.nn.files import saved_value

        return saved_value(source)


def _require_cpu(map_location: object) -> None:
    """
    Raises:
        ValueError: `map_location` is no device.
        ArgumentError: it is another device than the CPU.
    """
    known = torch_interop.constant_of(map_location)
    is_device = map_location is None or isinstance(map_location, str) or (known or [""])[0] == "device"
    if not is_device:
        raise ValueError(
            f"map_location should be either None, string or torch.device, but got type: {type(map_location)}"
        )
    if map_location is not None and not torch_interop.is_cpu(map_location):
        raise ArgumentError(f"load: map_location: requires None or a CPU device; got {map_location!r}")


@with_short_tracebacks
def save(
    m: RecursiveScriptModule | ScriptFunction,
    f: str | os.PathLike[str] | IO[bytes],
    _extra_files: dict[str, Any] | None = None,
) -> None:
    """Write a module or function as an archive that ``torch.jit.load`` and `load` read.

    Raises:
        CompileError: a method that must be saved is not TorchScript.
        NotSupportedError: an archive cannot hold an attribute; its path is named.
        ArchiveError: the file cannot be written; what was there before is untouched.
    """
    from tsc.modules.script_modules import RecursiveScriptModule
    from tsc.programs.script_functions import ScriptFunction

    if not isinstance(m, (RecursiveScriptModule, ScriptFunction)):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ArgumentError(f"save: requires a script module or script function; got {type(m).__name__}")
    m.save(f, _extra_files)


@with_short_tracebacks
def save_value(
    obj: object, f: str | os.PathLike[str] | IO[bytes], _extra_files: dict[str, Any] | None = None
) -> None:
    """``tsc.save``: a script module or function as `save` writes it; a state dict, or another value of
    tensors, numbers, texts, tuples, lists and dicts, in a file that ``torch.load`` reads.

    >>> tsc.save(tsc.script(tsc.nn.ReLU()), os.path.join(tempfile.mkdtemp(), "model.pt"))

    Raises:
        NotSupportedError: a file cannot hold something in it; its place is named.
        ArchiveError: the file cannot be written; what was there before is untouched.
    """
    from tsc.modules.script_modules import RecursiveScriptModule
    from tsc.programs.script_functions import ScriptFunction

    if isinstance(obj, (RecursiveScriptModule, ScriptFunction)):
        save(obj, f, _extra_files)
        return
    from tsc.nn.files import save_value as saved

    saved(obj, f)
