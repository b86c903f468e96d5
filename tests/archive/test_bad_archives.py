"""Damaged and hostile archives: one clear error each, and nothing executed."""

import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tsc
from tsc.errors import ArchiveError

GOOD = Path(__file__).parents[2] / "examples/demo/model.pt"


def rewritten(change: dict[str, bytes | None], *, add: dict[str, bytes] | None = None) -> io.BytesIO:
    """The demo archive with some members replaced (or dropped, for None)."""
    stream = io.BytesIO()
    with zipfile.ZipFile(GOOD) as source, zipfile.ZipFile(stream, "w") as target:
        for info in source.infolist():
            name = info.filename.partition("/")[2]
            data = change.get(name, source.read(info))
            if data is not None:
                target.writestr(info.filename, data)
        for name, data in (add or {}).items():
            target.writestr(f"model/{name}", data)
    stream.seek(0)
    return stream


def test_the_rewriting_itself_does_no_harm() -> None:
    assert tsc.load(rewritten({})).original_name == "DemoNet"


@pytest.mark.parametrize("size", [0, 1, 100, 5000, 400_000])
def test_a_truncated_file_is_refused(size: int, tmp_path: Path) -> None:
    file = tmp_path / "cut.pt"
    file.write_bytes(GOOD.read_bytes()[:size])
    with pytest.raises(ArchiveError, match="not a TorchScript archive"):
        tsc.load(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pt"):
        tsc.load(tmp_path / "nowhere.pt")


def test_something_that_is_no_zip_file_is_refused() -> None:
    with pytest.raises(ArchiveError, match="not a TorchScript archive"):
        tsc.load(io.BytesIO(b"hello, this is no archive at all" * 10))


class Foreign:
    def __reduce__(self):
        return (eval, ("__import__('os').environ.__setitem__('TSC_TEST_HACKED', '1')",))


def test_a_pickle_with_a_foreign_global_is_refused_and_not_run() -> None:
    import os

    with pytest.raises(ArchiveError, match=r"builtins\.eval"):
        tsc.load(rewritten({"data.pkl": pickle.dumps(Foreign())}))
    assert "TSC_TEST_HACKED" not in os.environ


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_every_pickle_protocol_is_filtered(protocol: int) -> None:
    with pytest.raises(ArchiveError, match="no use for"):
        tsc.load(rewritten({"data.pkl": pickle.dumps(Foreign(), protocol)}))


def test_quantized_tensors_are_refused_and_not_called_damage(tmp_path: Path) -> None:
    path = str(tmp_path / "quantized.pt")
    library: Any = torch
    layers = library.nn.Sequential(library.nn.Linear(3, 2)).eval()
    quantized = library.ao.quantization.quantize_dynamic(layers, {library.nn.Linear}, dtype=library.qint8)
    library.jit.script(quantized).save(path)
    with pytest.raises(ArchiveError, match=r"data\.pkl: quantized tensors are not supported"):
        tsc.load(path)


def test_a_damaged_pickle_is_refused() -> None:
    with pytest.raises(ArchiveError, match=r"data\.pkl is damaged"):
        tsc.load(rewritten({"data.pkl": b"\x80\x02garbage"}))


@pytest.mark.parametrize("member", ["data.pkl", "constants.pkl", "data/0", "version"])
def test_a_missing_member_is_named(member: str) -> None:
    with pytest.raises(ArchiveError, match=r"missing|no version|not in the archive"):
        tsc.load(rewritten({member: None}))


def test_a_storage_smaller_than_its_tensor_is_refused() -> None:
    with pytest.raises(ArchiveError, match=r"storage data/0 has 4 bytes"):
        tsc.load(rewritten({"data/0": b"\0" * 4}))


def test_a_tensor_that_leaves_its_storage_is_refused() -> None:
    with zipfile.ZipFile(GOOD) as archive:
        data = archive.read("model/data.pkl")
    sizes = data.replace(b"K\x20K\x03K\x03K\x03", b"K\xffK\x03K\x03K\x03", 1)
    assert sizes != data
    with pytest.raises(ArchiveError, match="leaves its storage"):
        tsc.load(rewritten({"data.pkl": sizes}))


def test_code_that_does_not_parse_is_refused() -> None:
    with pytest.raises(ArchiveError, match="is not TorchScript"):
        tsc.load(rewritten({"code/__torch__.py": b"class DemoNet(Module:\n  pass"}))


def test_code_that_is_python_but_not_torchscript_is_refused_when_compiled() -> None:
    with zipfile.ZipFile(GOOD) as archive:
        text = archive.read("model/code/__torch__.py")
    hostile = text.replace(b") -> Tensor:\n", b") -> Tensor:\n    y = __import__('os').system('true')\n", 1)
    assert hostile != text
    with pytest.raises(tsc.errors.CompileError, match="__import__"):
        tsc.load(rewritten({"code/__torch__.py": hostile}))(np.zeros((1, 3, 64, 64), np.float32))


@pytest.mark.parametrize("value", [b"{{}: 1}", b"{[]: 1}", b"f()", b"-'a'"])
def test_a_member_of_a_class_that_is_no_literal_is_refused(value: bytes) -> None:
    with zipfile.ZipFile(GOOD) as archive:
        text = archive.read("model/code/__torch__.py")
    line = b"__parameters__ = []\n  odd : Final[int] = " + value + b"\n"
    hostile = text.replace(b"__parameters__ = []\n", line, 1)
    assert hostile != text
    with pytest.raises(ArchiveError, match="a constant must be a literal"):
        tsc.load(rewritten({"code/__torch__.py": hostile}))


def test_a_member_that_claims_more_bytes_than_the_file_has_is_refused() -> None:
    data = bytearray(rewritten({}).getvalue())
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        name = next(i.filename for i in archive.infolist() if i.filename.endswith("data/0")).encode()
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(name))
    struct.pack_into("<II", data, at + 20, 2**31, 2**31)
    with pytest.raises(ArchiveError, match="beyond the end"):
        tsc.load(io.BytesIO(bytes(data)))


def test_an_archive_of_an_unknown_version_is_refused() -> None:
    with pytest.raises(ArchiveError, match="format version must be"):
        tsc.load(rewritten({"version": b"99\n"}))


def test_a_state_dict_is_told_apart(tmp_path: Path) -> None:
    import torch

    torch.save({"w": torch.zeros(3)}, tmp_path / "weights.pt")
    with pytest.raises(ArchiveError, match="state dict"):
        tsc.jit.load(tmp_path / "weights.pt")


def test_random_damage_never_crashes() -> None:
    import random

    good = bytearray(GOOD.read_bytes())
    generator = random.Random(0)
    for _ in range(60):
        data = bytearray(good)
        for _ in range(generator.randint(1, 30)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        try:
            tsc.load(io.BytesIO(bytes(data)))
        except (ArchiveError, tsc.errors.TscError):
            continue
