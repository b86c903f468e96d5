"""Objects into a shared library, by the system's linker."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

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
    linker()


def linker() -> list[str]:
    """The command that links, as far as the options.

    Raises:
        ResourceError: there is none.
    """
    for name in ("cc", "gcc", "clang"):
        found = shutil.which(name)
        if found is not None:
            return [found, "-shared"]
    for name in ("ld", "ld.lld", "ld.bfd"):
        found = shutil.which(name)
        if found is not None:
            return [found, "-shared"]
    raise ResourceError(
        "compile: requires a linker: cc, gcc, clang or ld; got none in PATH. Install gcc or binutils "
        "(apt-get install binutils, dnf install binutils)"
    )


def link(objects: Sequence[Path], script: Path, output: Path) -> None:
    """Link `objects`; `script` says what is exported.

    Raises:
        ResourceError: there is no linker, or it fails; what it says is in the message.
    """
    command = linker()
    is_driver = not Path(command[0]).name.startswith("ld")
    options = [*_OPTIONS, f"--version-script={script}", f"-soname={output.name}"]
    if is_driver:
        given = [
            f"-Wl,{option.replace('=', ',', 1) if option[:7] == '-soname' else option}" for option in options
        ]
        libraries = _LIBRARIES
    else:
        given = [part for option in options for part in option.split(",")]
        libraries = _PLAIN_LIBRARIES
    files = [str(path) for path in objects]
    made = subprocess.run(
        [*command, "-o", str(output), *files, *given, *libraries], capture_output=True, text=True, check=False
    )
    if made.returncode:
        raise ResourceError(f"compile: {Path(command[0]).name} failed: {_said(made.stderr)}")


def _said(text: str) -> str:
    """The line of a linker's messages that says most."""
    lines = text.strip().splitlines() or ["it says nothing"]
    telling = [line for line in lines if "undefined reference" in line or "error" in line.lower()]
    return (telling or lines)[0]
