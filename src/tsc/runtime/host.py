"""The machine this process runs on, as a `Target`."""

import os
from functools import cache
from pathlib import Path

from tsc.analysis.target import Target
from tsc.cache import is_enabled, store
from tsc.cache.keys import digest, key_of, processor

HOST = "host"
"""The kind of cache entry that holds what LLVM says of a processor."""

UNLIMITED_CORES = 1 << 20
"""What `granted_cores` says where nothing is said."""


@cache
def host_target() -> Target:
    """The host. Decisions follow the feature list: the CPU name can be wrong in a virtual machine."""
    triple, cpu, features = _described()
    enabled = {name[1:] for name in features.split(",") if name.startswith("+")}
    bits, registers = _vectors(enabled, triple)
    return Target(
        name="cpu",
        triple=triple,
        cpu=cpu,
        features=features,
        vector_bits=bits,
        vector_registers=registers,
        has_fma="fma" in enabled or not _is_x86(triple),
        l2_bytes=_cache_bytes(2, 512 << 10),
    )


def _described() -> list[str]:
    """Triple, name and features, as LLVM says them; from the cache, where it has said so before."""
    described = processor() if is_enabled() else None
    key = "" if described is None else key_of(processor=described)
    stored = store.read(HOST, key) if key else None
    if stored is not None:
        return bytes(stored).decode().split("\n")
    from tsc.runtime.llvm import host_description

    found = host_description()
    if key:
        store.write(HOST, key, "\n".join(found).encode())
    return found


def host_key() -> str:
    """The machine, for keys of the cache: all that schedules and code generation know of it."""
    return digest(repr(host_target()))


def _is_x86(triple: str) -> bool:
    return triple.startswith(("x86_64", "i686"))


def _vectors(enabled: set[str], triple: str) -> tuple[int, int]:
    if not _is_x86(triple):
        return 128, 32
    if {"avx512f", "avx512vl", "avx512bw", "avx512dq"} <= enabled:
        return 512, 32
    return (256, 16) if "avx2" in enabled else (128, 16)


def _cache_bytes(level: int, default: int) -> int:
    """The data cache of `level`, from sysfs; `default` where that says nothing."""
    for index in range(4):
        folder = f"/sys/devices/system/cpu/cpu0/cache/index{index}"
        try:
            found, kind, size = (_text_of(f"{folder}/{name}") for name in ("level", "type", "size"))
        except OSError:
            continue
        if found == str(level) and kind != "Instruction" and size.endswith("K"):
            return int(size[:-1]) << 10
    return default


def _text_of(path: str) -> str:
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def available_cores() -> int:
    """Cores this process may use: those it may run on, and no more than its control group has time for."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, granted_cores(Path("/"))))


def granted_cores(root: Path) -> int:
    """How many cores' time Linux's control groups give this process, rounded up.

    Source: the kernel's "Control Group v2", ``cpu.max``; ``cpu.cfs_quota_us`` of version 1.
    """
    granted = UNLIMITED_CORES
    for folder in _control_groups(root):
        try:
            if (folder / "cpu.max").exists():
                quota, period = (folder / "cpu.max").read_text().split()
            else:
                quota, period = ((folder / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
            if quota != "max" and int(quota) > 0:
                granted = min(granted, -(-int(quota) // int(period)))
        except (OSError, ValueError):
            continue
    return granted


def _control_groups(root: Path) -> list[Path]:
    """The folders of this process's control groups and of those around them."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    found: list[Path] = []
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / "sys/fs/cgroup" / ("cpu" if controllers else "")
        inner = top / group.strip("/")
        found += [top, *(p for p in (inner, *inner.parents) if top in p.parents)]
    return found
