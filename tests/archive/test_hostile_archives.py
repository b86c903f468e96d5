# pyright: reportUnknownMemberType=false
"""Archives made to do harm end in one `ArchiveError`, and do none."""

from __future__ import annotations

import struct
import time
from pathlib import Path

import pytest
import torch

import tsc
from tests.archive.test_bad_archives import rewritten
from tsc import dtypes
from tsc.archive.pickles import STORAGES
from tsc.errors import ArchiveError, TscError

HEAD = b"\x80\x02"
STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQ"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"


def tensor(storage: bytes, size: int, stride: int) -> bytes:
    """The opcodes of a one-dim tensor over what `storage` gives."""
    numbers = b"K\x00J" + struct.pack("<i", size) + b"\x85J" + struct.pack("<i", stride) + b"\x85"
    return REBUILD + b"(" + storage + numbers + b"\x89ccollections\nOrderedDict\n)RtR"


def refused(data: bytes) -> str:
    with pytest.raises(ArchiveError) as caught:
        tsc.load(rewritten({"data.pkl": HEAD + data + b"."}))
    return caught.value.message


def test_a_tensor_is_no_storage() -> None:
    wide = tensor(STORAGE, 1 << 20, 0)
    assert "a tensor of an unknown form" in refused(tensor(wide, 1 << 20, 1))
    kept = wide + b"q\x05h\x05"
    assert "a tensor of an unknown form" in refused(b"(" + kept + tensor(b"h\x05", 1 << 20, 1) + b"t")


@pytest.mark.parametrize("depth", [1_000, 200_000])
def test_deep_values_are_refused(depth: int) -> None:
    assert "option archive_depth" in refused(b"K\x00" + b"\x85" * depth)
    assert "option archive_depth" in refused(b"}" + b"K\x00" + b"\x85" * depth + b"K\x01s")
    assert "option archive_depth" in refused(b"]" + b"]a" * 0 + b"]" * depth + b"a" * depth)


def test_a_key_is_a_text_or_a_number() -> None:
    assert "keys of a dict" in refused(b"}K\x00\x85K\x01s")
    assert "keys of a dict" in refused(b"}]K\x01s")


@pytest.mark.parametrize("double", [b"q\x01h\x01\x86", b"q\x01](h\x01h\x01e"])
def test_values_that_double_are_refused(double: bytes) -> None:
    start = time.process_time()
    assert "option archive_sharing" in refused(b"]K\x01a" + double * 60)
    assert time.process_time() - start < 5


def test_memo_numbers_cost_nothing() -> None:
    assert "not a module" in refused(b"K\x01r" + struct.pack("<I", 0xFFFFFFFF))


def test_values_are_not_cyclic() -> None:
    assert "cyclic" in refused(b"]q\x01]h\x01aq\x020h\x01h\x02a")
    assert "holds itself" in refused(b"]q\x01h\x01a")


@pytest.mark.parametrize(
    "name", [b"torch\nFloatStorage", b"torch.jit._pickle\nbuild_intlist", b"builtins\ncomplex"]
)
def test_nothing_that_an_archive_names_can_be_changed(name: bytes) -> None:
    before = {key: (dtype.name, dtype.code) for key, dtype in STORAGES.items()}
    assert refused(b"c" + name + b"\n}X\x04\x00\x00\x00nameX\x03\x00\x00\x00badsb")
    assert before == {key: (dtype.name, dtype.code) for key, dtype in STORAGES.items()}
    assert dtypes.F32.name == "float32"


@pytest.mark.parametrize(
    "call",
    [
        b"ctorch\nFloatStorage\n)R", b"cbuiltins\ncomplex\nX\x01\x00\x00\x00ax\x86R", b"K\x01)R",
        b"ctorch.jit._pickle\nbuild_intlist\nK\x05\x85R", b"ctorch\ndevice\nK\x05\x85R",
        b"ccollections\nOrderedDict\n]\x85R",
    ],
)  # fmt: skip
def test_calls_of_another_form_are_refused(call: bytes) -> None:
    assert refused(call)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80", b"\x80\x02", b"\x80\x09N.", b"\x80\x02(", b"\x80\x02X\xff\xff\xff\xffa", b"\x80\x02i"],
)  # fmt: skip
def test_broken_pickles_are_refused(data: bytes) -> None:
    with pytest.raises(ArchiveError):
        tsc.load(rewritten({"data.pkl": data}))


@pytest.mark.parametrize("text", [b"\xc2\xb2", b"9999999999", b"-3", b"", b"0x5"])
def test_a_version_is_a_small_number(text: bytes) -> None:
    with pytest.raises(ArchiveError):
        tsc.load(rewritten({"version": text}))


@pytest.mark.parametrize("data", [b"\x80\x02N.", b"\x80\x02K\x01.", b"\x80\x02X\x01\x00\x00\x00a."])
def test_constants_are_a_tuple(data: bytes) -> None:
    with pytest.raises(ArchiveError, match="not a tuple"):
        tsc.load(rewritten({"constants.pkl": data}))


class Typed(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.count: int = 7

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.count


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        (b"K\x07", b"N", "must be of type int; got a NoneType"),
        (b"X\x05\x00\x00\x00count", b"X\x05\x00\x00\x00other", "lacks its attribute 'count'"),
    ],
)
def test_values_are_held_to_their_types(old: bytes, new: bytes, error: str, tmp_path: Path) -> None:
    import io
    import zipfile

    saved = io.BytesIO()
    torch.jit.save(torch.jit.script(Typed()), saved)
    changed = io.BytesIO()
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(changed, "w") as target:
        for info in source.infolist():
            data = source.read(info)
            target.writestr(info, data.replace(old, new) if info.filename.endswith("/data.pkl") else data)
    with pytest.raises(TscError, match=error):
        tsc.load(io.BytesIO(changed.getvalue()))


class Holds(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pair = (7, 2.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.pair[0]


def test_containers_of_unknown_types_are_named_when_they_are_frozen() -> None:
    import io
    import zipfile

    saved = io.BytesIO()
    torch.jit.save(torch.jit.script(Holds().eval()), saved)
    changed = io.BytesIO()
    with zipfile.ZipFile(saved) as source, zipfile.ZipFile(changed, "w") as target:
        for info in source.infolist():
            text = source.read(info).replace(b"pair : Tuple[int, float]", b"pair : Any")
            target.writestr(info, text.replace(b"(pair)[0]", b"2"))
    module = tsc.load(io.BytesIO(changed.getvalue()))
    with pytest.raises(TscError, match="attribute pair: requires a value of type Any; got a tuple"):
        tsc.freeze(module)
