"""How many cores a process may use: control groups and the environment have a say."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tsc.runtime.host import UNLIMITED_CORES, available_cores, granted_cores


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def test_the_tightest_group_around_the_process_decides(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "0::/outer/inner\n")
    write(tmp_path, "sys/fs/cgroup/outer/inner/cpu.max", "max 100000\n")
    assert granted_cores(tmp_path) == UNLIMITED_CORES
    write(tmp_path, "sys/fs/cgroup/outer/cpu.max", "250000 100000\n")
    assert granted_cores(tmp_path) == 3
    write(tmp_path, "sys/fs/cgroup/outer/inner/cpu.max", "50000 100000\n")
    assert granted_cores(tmp_path) == 1


def test_groups_of_version_1_are_read(tmp_path: Path) -> None:
    write(tmp_path, "proc/self/cgroup", "9:memory:/x\n3:cpu,cpuacct:/job\n")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
    assert granted_cores(tmp_path) == UNLIMITED_CORES
    write(tmp_path, "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us", "400000\n")
    write(tmp_path, "sys/fs/cgroup/cpu/job/cpu.cfs_period_us", "100000\n")
    assert granted_cores(tmp_path) == 4


def test_nothing_is_granted_where_there_are_no_groups(tmp_path: Path) -> None:
    assert granted_cores(tmp_path) == UNLIMITED_CORES


@pytest.mark.parametrize(
    ("tsc", "omp", "threads"),
    [("3", "2", 3), (None, "2", 2), (None, "5,4", 5), ("0", "2", available_cores()), (None, "all", None)],
)
def test_the_environment_sets_the_threads(tsc: str | None, omp: str, threads: int | None) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "TSC_NUM_THREADS"} | {"OMP_NUM_THREADS": omp}
    if tsc is not None:
        environment["TSC_NUM_THREADS"] = tsc
    printed = _output("import tsc; print(tsc.get_num_threads())", environment)
    assert int(printed) == (threads or available_cores())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("TSC_NUM_THREADS", "requires a number of threads, or 0; got 'many'"),
        ("TSC_CACHE_SIZE", "requires bytes, as 1000000, 512M or 2G; got 'many'"),
    ],
)
def test_a_setting_that_makes_no_sense_is_told(name: str, told: str) -> None:
    environment = {**os.environ, name: "many"}
    run = subprocess.run(
        [sys.executable, "-c", "import tsc; tsc.get_num_threads()"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert f"{name}: {told}" in run.stderr


def _output(code: str, environment: dict[str, str]) -> str:
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return run.stdout
