"""The machine this process runs on, as a `Target`."""

import os
from functools import cache
from pathlib import Path

import llvmlite.binding as llvm

from tsc.analysis.target import Target

UNLIMITED_CORES = 1 << 20
"""What `granted_cores` says where nothing is said."""


@cache
def host_target() -> Target:
    """The host. Decisions follow the feature list: the CPU name can be wrong in a virtual machine."""
    features = llvm.get_host_cpu_features()
    bits, registers = _vectors(features, llvm.get_process_triple())
    return Target(
        name="cpu",
        triple=llvm.get_process_triple(),
        cpu=llvm.get_host_cpu_name(),
        features=features.flatten(),
        vector_bits=bits,
        vector_registers=registers,
        has_fma=features.get("fma", False) or not _is_x86(llvm.get_process_triple()),
        l2_bytes=_cache_bytes(2, 512 << 10),
    )


def _is_x86(triple: str) -> bool:
    return triple.startswith(("x86_64", "i686"))


def _vectors(features: dict[str, bool], triple: str) -> tuple[int, int]:
    if not _is_x86(triple):
        return 128, 32
    if all(features.get(name, False) for name in ("avx512f", "avx512vl", "avx512bw", "avx512dq")):
        return 512, 32
    return (256, 16) if features.get("avx2", False) else (128, 16)


def _cache_bytes(level: int, default: int) -> int:
    """The data cache of `level`, from sysfs; `default` where that says nothing."""
    for index in range(4):
        folder = Path(f"/sys/devices/system/cpu/cpu0/cache/index{index}")
        try:
            found, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        except OSError:
            continue
        if found == str(level) and kind != "Instruction" and size.endswith("K"):
            return int(size[:-1]) << 10
    return default


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
