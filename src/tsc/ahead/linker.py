"""Objects into a shared library: by the system's linker, where there is one."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tsc.ahead.elf_linker import link_objects
from tsc.errors import ResourceError

_LIBRARIES = ("-lm", "-lpthread", "-ldl")
_PLAIN_LIBRARIES = (
    "-l:libm.so.6", "-l:libpthread.so.0", "-l:libdl.so.2", "-l:libc.so.6", "-l:ld-linux-x86-64.so.2",
)  # fmt: skip
"""For the linker alone, which finds no libraries of development files."""
_OPTIONS = ("--gc-sections", "-z,now", "-z,relro", "-z,noexecstack", "--no-undefined", "--as-needed")


def require_system() -> None:
    """Check that libraries can be made on this system.

    Raises:
        ResourceError: they cannot.
    """
    if not sys.platform.startswith("linux") or platform.machine() not in ("x86_64", "AMD64"):
        raise ResourceError(
            "compile: requires Linux on x86-64, the only system that libraries are made for; got "
            f"{sys.platform} on {platform.machine()}"
        )


def system_linker() -> str | None:
    """The command that links on this system; None: there is none."""
    found = (shutil.which(name) for name in ("cc", "gcc", "clang", "ld", "ld.lld", "ld.bfd"))
    return next((path for path in found if path is not None), None)


def link(objects: Sequence[bytes], prefix: str, output: Path) -> None:
    """Link objects into the library `output`, which exports the names that begin with `prefix`.

    Raises:
        ResourceError: the linker fails; what it says is in the message.
    """
    command = system_linker()
    if command is None:
        whole = output.with_name(f"{output.name}.part")
        whole.write_bytes(link_objects(objects, output.name, prefix))
        whole.chmod(0o755)
        whole.replace(output)
        return
    with tempfile.TemporaryDirectory(prefix="tsc-") as folder:
        paths = [Path(folder) / f"{number}.o" for number in range(len(objects))]
        for path, data in zip(paths, objects, strict=True):
            path.write_bytes(data)
        script = Path(folder) / "exported"
        script.write_text(f"{{ global: {prefix}*; local: *; }};\n", encoding="utf-8")
        _run(command, paths, script, output)


def _run(command: str, objects: Sequence[Path], script: Path, output: Path) -> None:
    options = [*_OPTIONS, f"--version-script={script}", f"-soname={output.name}"]
    if Path(command).name.startswith("ld"):
        given = [part for option in options for part in option.split(",")]
        libraries = _PLAIN_LIBRARIES
    else:
        given = [f"-Wl,{option.replace('-soname=', '-soname,')}" for option in options]
        libraries = _LIBRARIES
    files = [str(path) for path in objects]
    made = subprocess.run(
        [command, "-shared", "-o", str(output), *files, *given, *libraries],
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode:
        raise ResourceError(f"compile: {Path(command).name} failed: {_said(made.stderr)}")


def _said(text: str) -> str:
    """The line of a linker's messages that says most. GCC's own says only that the linker failed."""
    lines = [line for line in text.strip().splitlines() if not line.startswith("collect2:")]
    telling = [line for line in lines if "undefined reference" in line or "error" in line.lower()]
    return (telling or lines or ["it says nothing"])[0]
