"""What is written is read, or nothing is: damage, other owners, full disks, limits."""

from __future__ import annotations

import logging
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import tsc.cache
from tsc.cache import entry_file, store
from tsc.options import options

PAYLOAD = bytes(range(256)) * 40


def write(key: str = "key", payload: bytes = PAYLOAD) -> Path:
    """The file of an entry that was written."""
    assert store.write("test", key, payload)
    return Path(str(options().cache_folder)) / store.name_of("test", key)


@pytest.mark.usefixtures("folder")
def test_what_is_written_is_read() -> None:
    assert store.read("test", "key") is None
    write()
    found = store.read("test", "key")
    assert found is not None
    assert bytes(found) == PAYLOAD
    assert store.read("test", "another key") is None
    assert store.read("another", "key") is None


def test_the_folder_is_the_users_own(folder: Path) -> None:
    file = write()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("folder")
def test_a_flipped_bit_is_a_miss_and_the_file_goes() -> None:
    chooser = random.Random(7)
    whole = write().read_bytes()
    for _ in range(100):
        bit = chooser.randrange(8 * len(whole))
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        file = write()
        file.write_bytes(damaged)
        assert store.read("test", "key") is None, bit
        assert not file.exists()


@pytest.mark.usefixtures("folder")
def test_flipped_bits_of_large_entries_are_found() -> None:
    chooser = random.Random(8)
    payload = chooser.randbytes((3 << 20) + 12345)
    whole = b"".join(map(bytes, entry_file.encoded(b"key", payload)))
    for _ in range(50):
        bit = chooser.randrange(8 * len(whole))
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(entry_file.DamagedError):
            entry_file.decoded(memoryview(damaged))


@pytest.mark.usefixtures("folder")
def test_two_mebibytes_that_change_places_are_found() -> None:
    first, second = (random.Random(n).randbytes(1 << 20) for n in (1, 2))
    assert entry_file.checksum(first + second) != entry_file.checksum(second + first)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("size", [0, 1, 8, 63, 64, 100, 5000])
def test_a_truncated_file_is_a_miss(size: int) -> None:
    file = write()
    file.write_bytes(file.read_bytes()[:size])
    assert store.read("test", "key") is None


@pytest.mark.usefixtures("folder")
def test_a_file_of_another_version_is_a_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    write()
    monkeypatch.setattr(entry_file, "VERSION", entry_file.VERSION + 1)
    assert store.read("test", "key") is None


@pytest.mark.usefixtures("folder")
def test_a_file_under_the_name_of_another_key_is_a_miss() -> None:
    file = write("one")
    file.rename(file.with_name(store.name_of("test", "two")))
    assert store.read("test", "two") is None


@pytest.mark.usefixtures("folder")
def test_a_miss_says_why(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "tsc.cache"):
        store.read("test", "key")
        write().write_bytes(b"rubbish")
        store.read("test", "key")
    assert "nothing is stored for this key" in caplog.text
    assert "7 bytes are no file of the cache" in caplog.text


# --- folders that are not to be used ---


def test_a_folder_of_another_user_is_refused_with_one_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write()
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    assert store.read("test", "key") is None
    assert not store.write("test", "key", b"x")
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
    assert "belongs to user" in warnings[0].getMessage()
    assert str(folder) in warnings[0].getMessage()


@pytest.mark.parametrize(
    ("mode", "reason"), [(0o777, "others may write"), (0o770, "others may write"), (0o500, "read-only")]
)
def test_a_folder_with_such_a_mode_is_refused(
    folder: Path, mode: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    write()
    folder.chmod(mode)
    assert store.read("test", "key") is None
    assert not store.write("test", "key", b"x")
    assert [reason in r.getMessage() for r in caplog.records if r.levelno == logging.WARNING] == [True]


def test_a_link_in_the_folder_is_not_followed(folder: Path, tmp_path: Path) -> None:
    file = write()
    file.rename(tmp_path / "elsewhere")
    file.symlink_to(tmp_path / "elsewhere")
    assert store.read("test", "key") is None


def test_a_file_where_the_folder_should_be_is_a_miss(folder: Path) -> None:
    folder.write_text("no folder")
    assert store.read("test", "key") is None
    assert not store.write("test", "key", b"x")
    assert tsc.cache.info().files == {}


# --- limits ---


def test_a_disk_that_is_full_stores_nothing(folder: Path) -> None:
    """The system's limit of a file's size ends a write as a full disk does: in the middle."""
    write("small", b"x")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        assert not store.write("test", "key", PAYLOAD)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert tsc.cache.info().files == {"test": 1}
    assert store.read("test", "small") is not None
    assert store.read("test", "key") is None


def test_what_was_not_used_longest_goes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(8):
        os.utime(write(str(number), bytes(1000)), (number, number))
    assert store.read("test", "0") is not None  # now it was used last
    monkeypatch.setattr(options(), "cache_bytes", 5000)
    write("8", bytes(1000))
    left = {n for n in range(9) if (folder / store.name_of("test", str(n))).exists()}
    assert left == {0, 7, 8}
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 5000


def test_few_writes_look_at_all_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []
    look = store.files

    def counted(descriptor: int) -> Iterator[store.StoredFile]:
        looks.append(descriptor)
        return look(descriptor)

    monkeypatch.setattr(store, "files", counted)
    monkeypatch.setattr(options(), "cache_bytes", 10_000_000)
    for number in range(100):  # 20,480 bytes each: a share of 500,000 is counted each 25th time
        write(str(number), PAYLOAD * 2)
    assert len(looks) == 1 + 4  # the first does not know what is there
    tsc.cache.clear()
    assert not list(folder.iterdir())


def test_a_folder_that_cannot_count_keeps_to_its_size(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write()
    (folder / store.WRITTEN).unlink()
    (folder / store.WRITTEN).mkdir()
    monkeypatch.setattr(options(), "cache_bytes", 300_000)
    for number in range(40):
        write(str(number))
    assert 200_000 < tsc.cache.info().size_bytes <= 300_000


@pytest.mark.usefixtures("folder")
def test_what_is_larger_than_the_cache_is_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options(), "cache_bytes", 5000)
    assert not store.write("test", "key", bytes(6000))


@pytest.mark.usefixtures("folder")
def test_what_is_mapped_stays_when_its_file_goes() -> None:
    write()
    found = store.read("test", "key")
    assert found is not None
    assert tsc.cache.clear() == 1
    assert bytes(found) == PAYLOAD


@pytest.mark.parametrize(
    ("option", "value"),
    [("is_cache_enabled", False), ("is_verified", True), ("dump_folder", "/x"), ("is_native_enabled", False)],
)
def test_nothing_is_stored_where_the_cache_is_off(
    folder: Path, option: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(options(), option, value)
    assert not store.write("test", "key", b"x")
    assert not folder.exists()


# --- the public functions ---


def test_the_cache_tells_of_itself_and_is_cleared(folder: Path) -> None:
    file = write()
    (folder / "mine.txt").write_text("no file of the cache")
    info = tsc.cache.info()
    assert (info.folder, info.files, info.size_bytes) == (str(folder), {"test": 1}, file.stat().st_size)
    assert tsc.cache.verify() == {}
    file.write_bytes(file.read_bytes()[:-1])
    assert tsc.cache.verify() == {file.name: "its lengths are wrong"}
    assert tsc.cache.clear() == 1
    assert [f.name for f in folder.iterdir()] == ["mine.txt"]


def test_pruning_deletes_what_nobody_will_finish(folder: Path) -> None:
    write()
    old, young = folder / f".old{store.UNFINISHED}", folder / f".young{store.UNFINISHED}"
    old.write_bytes(b"x")
    young.write_bytes(b"x")
    past = time.time() - 2 * store.STALE_SECONDS
    os.utime(old, (past, past))
    assert tsc.cache.prune() == 1
    assert young.exists()
    assert tsc.cache.prune(0) > len(PAYLOAD)
    assert tsc.cache.info().files == {"unfinished": 1}


def test_the_cache_is_there_without_an_import_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import tsc; print(tsc.cache.info().is_enabled)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"  # as all tests are run
