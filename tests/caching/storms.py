"""The cache in hard times: ``python -m tests.caching.storms race 8 100``; ``kills 200``; or ``flips``.

Each storm forks processes, which end with a code that says what they met, and prints how many met what.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import tsc.cache
from tests.caching.run_archive import results_of
from tsc.cache import store
from tsc.modules.origin import Origin
from tsc.options import options

RIGHT, WRONG, MISSED = 0, 1, 3
KEYS = 12


def payload(number: int) -> bytes:
    """What belongs to a key: up to 2 MiB."""
    chooser = random.Random(number)
    return chooser.randbytes(chooser.choice([100, 5000, 300_000, 2_000_000]))


def is_right(number: int) -> bool:
    """Whether a key has what belongs to it, or nothing."""
    found = store.read("test", str(number))
    return found is None or bytes(found) == payload(number)


def forked(work: Callable[[], int]) -> int:
    """The number of a new process that does `work`, and ends with what that gives."""
    child = os.fork()
    if child == 0:
        code = WRONG
        try:
            code = work()
        finally:
            os._exit(code)
    return child


def ended(child: int) -> str:
    """What a process has met."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {RIGHT: "right", WRONG: "wrong", MISSED: "missed", -signal.SIGKILL: "killed"}.get(
        code, f"crashed {code}"
    )


def race(processes: int, rounds: int) -> Counter[str]:
    """Processes that write, read, prune and clear one cache, which is too small for all."""
    options().cache_bytes = 6_000_000

    def work(seed: int) -> int:
        chooser = random.Random(seed)
        for _ in range(rounds):
            number, what = chooser.randrange(KEYS), chooser.random()
            if what < 0.4:
                store.write("test", str(number), payload(number))
            elif not is_right(number):
                return WRONG
            elif what > 0.97:
                tsc.cache.clear() if what > 0.99 else tsc.cache.prune(1_000_000)
        return RIGHT

    children = [forked(lambda seed=seed: work(seed)) for seed in range(processes)]
    met = Counter(map(ended, children))
    met["damaged files"] = len(tsc.cache.verify())
    return met


def kills(count: int) -> Counter[str]:
    """Processes that are killed while they write; nobody ever reads half of something."""
    chooser = random.Random(3)

    def work() -> int:
        while True:
            number = random.randrange(KEYS)
            store.write("test", str(number), payload(number))

    met: Counter[str] = Counter()
    for _ in range(count):
        child = forked(work)
        time.sleep(chooser.random() * 0.03)
        os.kill(child, signal.SIGKILL)
        met[ended(child)] += 1
        met["wrong"] += not all(map(is_right, range(KEYS)))
    met["damaged files"] = len(tsc.cache.verify())
    met["stored"] = sum(store.read("test", str(number)) is not None for number in range(KEYS))
    return met


def flips(count: int, archive: str, shape: str) -> Counter[str]:
    """Processes that load an archive from a cache in which one bit is another. Needing the module itself is a
    miss, which ends them.
    """
    expected = results_of(archive, [shape])
    if results_of(archive, [shape]) != expected:
        return Counter(wrong=1)
    folder = Path(str(options().cache_folder))
    files = {file: file.read_bytes() for file in folder.glob(f"*{store.SUFFIX}")}
    chooser = random.Random(5)

    def missed(self: Origin) -> object:
        os._exit(MISSED)

    def work() -> int:
        Origin.module = missed  # type: ignore[method-assign, assignment]
        return RIGHT if results_of(archive, [shape]) == expected else WRONG

    met: Counter[str] = Counter()
    for _ in range(count):
        file = chooser.choice(sorted(files))
        damaged = bytearray(files[file])
        bit = chooser.randrange(8 * len(damaged))
        damaged[bit // 8] ^= 1 << bit % 8
        file.write_bytes(damaged)
        met[ended(forked(work))] += 1
        for other, data in files.items():  # what the process has deleted or replaced
            other.write_bytes(data)
    return met


def main() -> None:
    storm, *arguments = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        options().is_cache_enabled = True
        options().cache_folder = str(Path(folder) / "cache")
        if storm == "race":
            met = race(int(arguments[0]), int(arguments[1]))
        elif storm == "kills":
            met = kills(int(arguments[0]))
        else:
            met = flips(int(arguments[0]), arguments[1], arguments[2])
    print(dict(met))


if __name__ == "__main__":
    main()
