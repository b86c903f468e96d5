# pyright: reportUnknownMemberType=false
"""State dicts and other values of tensors in files: PyTorch's, ours and safetensors, good and bad ones."""

import importlib.util
import io
import json
import random
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tsc
from tests.nn.test_modules import arrays, assert_same
from tsc.errors import ArchiveError, NotSupportedError, TscError
from tsc.nn import files

TORCH_DTYPES = [
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16,
    torch.int8, torch.uint8, torch.bool, torch.complex64,
]  # fmt: skip


def network(nn: Any) -> Any:
    return nn.Sequential(OrderedDict(body=nn.Conv2d(1, 2, 3), norm=nn.BatchNorm2d(2), head=nn.LSTM(3, 4)))


def saved(value: Any, legacy: bool = False) -> io.BytesIO:
    file = io.BytesIO()
    torch.save(value, file, _use_new_zipfile_serialization=not legacy)
    file.seek(0)
    return file


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_state_dict_of_pytorch_is_loaded(legacy: bool, tmp_path: Path) -> None:
    theirs, ours = network(torch.nn), network(tsc.nn)
    state = theirs.state_dict()
    path = tmp_path / "weights.pt"
    path.write_bytes(saved(state, legacy).getvalue())
    for source in (path, str(path), saved(state, legacy)):
        loaded = tsc.load(source)
        assert type(loaded) is OrderedDict
        assert loaded._metadata == state._metadata  # pyright: ignore[reportAttributeAccessIssue]
        assert repr(ours.load_state_dict(loaded)) == "<All keys matched successfully>"
        for name, tensor in state.items():
            assert_same(ours.state_dict()[name], tensor)
        tsc.script(ours).load_state_dict(loaded)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_checkpoint_of_pytorch_is_loaded(legacy: bool) -> None:
    base = torch.arange(12.0).reshape(3, 4)
    value = {
        "epoch": 3, "rate": 0.5, "none": None, "name": "x", "flags": (True, [False]),
        "size": torch.Size([2, 3]), "dtype": torch.float16, "parameter": torch.nn.Parameter(torch.ones(2)),
        "column": base[:, 1], "turned": base.t(),
        "empty": torch.zeros(0, 3), "number": torch.tensor(7), 4: [base],
        "all": [torch.ones(2, dtype=dtype) for dtype in TORCH_DTYPES],
    }  # fmt: skip
    loaded = tsc.load(saved(value, legacy))
    assert list(loaded) == list(value)
    assert loaded["dtype"] is tsc.float16
    assert loaded["size"] == (2, 3)
    assert isinstance(loaded["parameter"], tsc.nn.Parameter)
    assert [loaded[name] for name in ("epoch", "rate", "none", "name", "flags")] == [
        value[name] for name in ("epoch", "rate", "none", "name", "flags")
    ]
    for name in ("parameter", "column", "turned", "empty", "number", 4):
        assert_same(loaded[name], value[name])
    loaded["column"][0] = 100.0
    assert float(loaded["turned"][1, 0]) == 100.0
    for tensor, dtype in zip(loaded["all"], TORCH_DTYPES, strict=True):
        assert f"torch.{tensor.dtype.name}" == str(dtype)


def test_what_is_saved_pytorch_loads(tmp_path: Path) -> None:
    ours, theirs = network(tsc.nn), network(torch.nn)
    base = tsc.arange(6).reshape(2, 3)
    value = {
        "model": ours.state_dict(),
        "parts": [base, base[1]],
        "p": tsc.nn.Parameter(tsc.ones(2), False),
        "t": (1, None),
    }
    path = tmp_path / "checkpoint.pt"
    tsc.save(value, path)
    loaded = torch.load(path, weights_only=True)
    assert repr(theirs.load_state_dict(loaded["model"])) == "<All keys matched successfully>"
    assert loaded["model"]._metadata == theirs.state_dict()._metadata
    for name, tensor in ours.state_dict().items():
        assert_same(tensor, theirs.state_dict()[name])
    loaded["parts"][0][1, 0] = 50
    assert int(loaded["parts"][1][0]) == 50
    assert isinstance(loaded["p"], torch.nn.Parameter)
    assert not loaded["p"].requires_grad
    assert loaded["t"] == (1, None)
    again = tsc.load(path)
    assert again["t"] == (1, None)
    tsc.save(torch.ones(2), path)
    assert_same(tsc.load(path), torch.ones(2))


def test_a_value_that_no_file_holds_is_refused_by_its_place(tmp_path: Path) -> None:
    with pytest.raises(NotSupportedError, match=r"\['a'\]\[1\].*object"):
        tsc.save({"a": [1, object()]}, tmp_path / "x.pt")
    assert not list(tmp_path.iterdir())


def test_a_module_s_archive_is_told_from_a_value(tmp_path: Path) -> None:
    scripted = tsc.script(tsc.nn.Linear(2, 3))
    tsc.save(scripted, tmp_path / "module.pt")
    tsc.save(scripted.state_dict(), tmp_path / "state.pt")
    assert isinstance(tsc.load(tmp_path / "module.pt"), tsc.jit.RecursiveScriptModule)
    assert list(tsc.load(tmp_path / "state.pt")) == ["weight", "bias"]
    with pytest.raises(ArchiveError, match=r"tsc\.load"):
        tsc.jit.load(tmp_path / "state.pt")


# --- what does not fit ---


CHANGES: dict[str, Callable[[Any], Any]] = {
    "missing": lambda state: state.pop("body.bias"),
    "unexpected": lambda state: state.update(extra=state["body.bias"]),
    "shape": lambda state: state.update({"norm.more.deep": 1, "body.weight": state["norm.weight"]}),
    "number": lambda state: state.update({"head.bias_hh_l0": 3}),
    "all": lambda state: state.clear(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("strict", [True, False])
def test_what_does_not_fit_is_told_as_pytorch_tells_it(change: Any, strict: bool) -> None:
    theirs, ours = network(torch.nn), network(tsc.nn)
    told: list[str] = []
    for module in (theirs, ours):
        state = module.state_dict()
        change(state)
        try:
            told.append(repr(module.load_state_dict(state, strict=strict)))
        except RuntimeError as error:
            told.append(str(error))
    assert told[0] == told[1]


def test_tensors_of_a_state_may_be_taken_themselves() -> None:
    ours = tsc.nn.Linear(2, 3)
    weight = tsc.ones(3, 2)
    ours.load_state_dict({"weight": weight, "bias": tsc.zeros(3, dtype=tsc.float64)}, assign=True)
    assert np.shares_memory(ours.weight.array, weight.array)
    assert isinstance(ours.bias, tsc.nn.Parameter)
    assert ours.bias.dtype is tsc.float64


# --- bad files ---


class Evil:
    def __reduce__(self) -> Any:
        return print, ("executed",)


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
@pytest.mark.parametrize("value", [Evil(), {"a": Evil()}, {1, 2}, torch.nn.Linear, b"bytes"], ids=range(5))
def test_anything_but_tensors_and_plain_values_is_refused(
    value: Any, legacy: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ArchiveError, match="it names"):
        tsc.load(saved(value, legacy))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_random_damage_ends_in_one_error(legacy: bool) -> None:
    good = saved({"a": torch.ones(3, 4), "b": [torch.zeros(2), 3]}, legacy).getvalue()
    generator = random.Random(0)
    for _ in range(150):
        data = bytearray(good)
        for _ in range(generator.randint(1, 4)):
            data[generator.randrange(len(data))] = generator.randrange(256)
        if generator.random() < 0.3:
            del data[generator.randrange(len(data)) :]
        try:
            tsc.load(io.BytesIO(data))
        except ArchiveError:
            continue


def test_a_legacy_storage_is_no_larger_than_the_file() -> None:
    good = saved({"a": torch.ones(2)}, legacy=True).getvalue()
    with pytest.raises(ArchiveError, match="more than the file"):
        tsc.load(io.BytesIO(good.replace(b"cpuq\x06K\x02N", b"cpuq\x06J\xff\xff\xff\x7fN")))


# --- safetensors ---

EXAMPLE = {
    "f": np.arange(6, dtype=np.float32).reshape(2, 3), "i": np.array(5), "b": np.array([True, False, True]),
    "h": np.ones((0, 2), np.float16), "t": np.arange(6.0).reshape(2, 3).T,
}  # fmt: skip


def header(**described: Any) -> bytes:
    text = json.dumps(described).encode()
    return len(text).to_bytes(8, "little") + text


def test_safetensors_come_back(tmp_path: Path) -> None:
    tensors = {name: tsc.from_numpy(array) for name, array in EXAMPLE.items()}
    tensors["bf"] = tsc.ones(3).to(tsc.bfloat16)
    files.save_file(tensors, tmp_path / "x.safetensors", {"format": "pt"})
    for loaded in (files.load_file(tmp_path / "x.safetensors"), files.load(files.save(tensors))):
        assert set(loaded) == set(tensors)
        for name, tensor in tensors.items():
            assert_same(loaded[name], tensor)
    ours = network(tsc.nn)
    files.save_file(ours.state_dict(), tmp_path / "m.safetensors")
    assert network(tsc.nn).load_state_dict(files.load_file(tmp_path / "m.safetensors")).missing_keys == []


@pytest.mark.skipif(importlib.util.find_spec("safetensors") is None, reason="safetensors is not installed")
def test_safetensors_are_those_of_that_library(tmp_path: Path) -> None:
    library: Any = importlib.import_module("safetensors.torch")
    state = {
        name: torch.ones(2, 3, dtype=dtype) for name, dtype in zip("abcdefghijk", TORCH_DTYPES, strict=True)
    }
    loaded = files.load(library.save(state, {"format": "pt"}))
    assert_same(
        [loaded[name].float() for name in state if name != "k"], [state[n].float() for n in state if n != "k"]
    )
    back = library.load(files.save(loaded, {"format": "pt"}))
    assert all(torch.equal(back[name], tensor) for name, tensor in state.items())
    files.save_file(loaded, tmp_path / "x.safetensors")
    assert set(library.load_file(tmp_path / "x.safetensors")) == set(state)


BAD = {
    "nothing": b"",
    "short": b"\x01\x00",
    "long header": (1 << 40).to_bytes(8, "little") + b"{}",
    "no JSON": (2).to_bytes(8, "little") + b"{x",
    "a list": (2).to_bytes(8, "little") + b"[]",
    "not UTF-8": (3).to_bytes(8, "little") + b"{\xff}",
    "deep": (200_000).to_bytes(8, "little") + b"{" + b'"a":{' * 39_999 + b"    ",
    "no fields": header(a={}),
    "other fields": header(a={"dtype": "F32", "shape": [], "data_offsets": [0, 4], "code": ""}) + bytes(4),
    "unknown dtype": header(a={"dtype": "F4", "shape": [1], "data_offsets": [0, 4]}) + bytes(4),
    "dtype of another type": header(a={"dtype": ["F32"], "shape": [1], "data_offsets": [0, 4]}) + bytes(4),
    "negative": header(a={"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}) + bytes(4),
    "bool": header(a={"dtype": "F32", "shape": [True], "data_offsets": [0, 4]}) + bytes(4),
    "too large": header(a={"dtype": "F32", "shape": [1 << 62, 4], "data_offsets": [0, 4]}) + bytes(4),
    "out of the file": header(a={"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}) + bytes(4),
    "backwards": header(a={"dtype": "F32", "shape": [0], "data_offsets": [4, 0]}) + bytes(4),
    "shared": header(
        a={"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
        b={"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
    ) + bytes(4),
    "nobody's": header(a={"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}) + bytes(8),
    "metadata": header(__metadata__={"a": 1}),
    "twice": (13).to_bytes(8, "little") + b'{"a":1,"a":2}',
}  # fmt: skip


@pytest.mark.parametrize("data", BAD.values(), ids=BAD)
def test_a_bad_safetensors_file_ends_in_one_error(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError):
        files.load(data)
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ArchiveError):
        files.load_file(tmp_path / "x")


@pytest.mark.parametrize(
    "value", [{"a": None}, {3: np.ones(2)}, {"__metadata__": np.ones(2)}, {"a": np.ones(2, np.complex128)}]
)
def test_what_no_safetensors_file_holds_is_refused(value: Any) -> None:
    with pytest.raises(TscError):
        files.save(value)


def test_arrays_are_what_they_were() -> None:
    loaded = files.load(files.save(EXAMPLE))
    assert {name: arrays(tensor).tolist() for name, tensor in loaded.items()} == {
        n: a.tolist() for n, a in EXAMPLE.items()
    }
