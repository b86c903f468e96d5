# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false, reportAttributeAccessIssue=false, reportUnknownParameterType=false, reportMissingParameterType=false
"""`save`: what tsc writes, PyTorch loads and runs with equal results."""

import copy
import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import tsc
from tests.archive.saved_modules import Color, Everything, HoldsInterface, HoldsObject, Point
from tests.models import attention, convolutional, small
from tests.printing.comparing import assert_same, copied
from tests.printing.programs import CASES, FUNCTIONS
from tsc.archive import writer
from tsc.errors import ArchiveError, CompileError, NotSupportedError


@pytest.fixture(autouse=True)
def no_gradients():
    with torch.no_grad():
        yield


def torch_loaded(saved: Any) -> Any:
    """What PyTorch makes of an archive that tsc wrote."""
    return torch.jit.load(io.BytesIO(saved.save_to_buffer()))


def tsc_loaded(scripted: Any) -> Any:
    """What tsc makes of an archive that PyTorch wrote."""
    stream = io.BytesIO()
    torch.jit.save(scripted, stream)
    stream.seek(0)
    return tsc.load(stream)


def arguments_of(function: Callable[..., Any]) -> list[tuple[Any, ...]]:
    return [arguments for f, arguments in CASES if f is function]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda f: f.__name__)
def test_a_function_survives_every_way_between_tsc_and_pytorch(function: Callable[..., Any]) -> None:
    reference = torch.jit.script(function)
    scripted = tsc.script(function)
    reloaded = tsc.load(io.BytesIO(scripted.save_to_buffer()))
    for saved in (scripted, reloaded, tsc_loaded(reference)):
        loaded = torch_loaded(saved)
        for arguments in arguments_of(function):
            assert_same(loaded(*copied(arguments)), reference(*copied(arguments)))


@pytest.mark.parametrize("source", ["scripted by tsc", "saved and loaded by tsc", "saved by PyTorch"])
def test_a_module_keeps_its_attributes_methods_and_shared_memory(source: str) -> None:
    model = Everything()
    reference = torch.jit.script(copy.deepcopy(model))
    saved = tsc.script(model) if source != "saved by PyTorch" else tsc_loaded(reference)
    if source == "saved and loaded by tsc":
        saved = tsc.load(io.BytesIO(saved.save_to_buffer()))
    loaded = torch_loaded(saved)
    x = torch.ones(2, 3)
    assert_same(loaded(x), reference(x))
    assert_same(loaded.plain(), reference.plain())
    assert_same(loaded.memory(), reference.memory())
    assert_same(loaded.moved(Point(x, 1), Color.BLUE), reference.moved(Point(x, 1), Color.BLUE))
    assert_same(loaded.moved(Point(x, 1), Color.RED, 7), reference.moved(Point(x, 1), Color.RED, 7))
    assert loaded.count(2) == reference.count(2)
    assert loaded.maybe == 2
    assert loaded.training
    assert [n for n, _ in loaded.named_parameters()] == [n for n, _ in reference.named_parameters()]
    assert [n for n, _ in loaded.named_buffers()] == [n for n, _ in reference.named_buffers()]
    assert all(p.requires_grad for p in loaded.parameters())
    assert loaded.base.data_ptr() == loaded.same.data_ptr() == loaded.transposed.data_ptr()


def test_only_what_is_exported_or_called_is_saved() -> None:
    loaded = torch_loaded(tsc.script(Everything()))
    assert not hasattr(loaded, "not_saved")
    assert hasattr(loaded, "helper")


class Marking:
    def __init__(self, mark: Tensor) -> None:
        self.mark = mark

    def __enter__(self) -> None:
        self.mark.add_(1)

    def __exit__(self, kind: Any, value: Any, trace: Any) -> None:
        self.mark.mul_(10)


def _marked(x: Tensor, mark: Tensor, n: int) -> Tensor:
    with Marking(mark):
        return x.view(n)


def test_a_context_is_left_by_an_exception_in_pytorch_too() -> None:
    scripted = tsc.script(_marked)
    for loaded in (torch_loaded(scripted), tsc.load(io.BytesIO(scripted.save_to_buffer()))):
        mark = torch.zeros(1)
        with pytest.raises(RuntimeError):
            loaded(torch.ones(3), mark, 4)
        assert mark.item() == 10


def test_an_object_of_a_script_class_is_saved_with_its_state() -> None:
    reference = torch.jit.script(HoldsObject())
    loaded = torch_loaded(tsc_loaded(reference))
    x = torch.zeros(2)
    for _ in range(2):
        assert_same(loaded(x), reference(x))


def test_a_module_behind_an_interface_is_saved() -> None:
    reference = torch.jit.script(HoldsInterface())
    loaded = torch_loaded(tsc_loaded(reference))
    assert_same(loaded(torch.ones(2)), torch.ones(2) + 3)


def worker(x: Tensor, k: int) -> Tensor:
    return x * k


def forking(x: Tensor) -> Tensor:
    first = torch.jit.fork(worker, x + 1, 2)
    second = torch.jit.fork(worker, x, 3)
    return torch.jit.wait(first) + torch.jit.wait(second)


def test_a_forked_call_is_saved() -> None:
    assert_same(torch_loaded(tsc.script(forking))(torch.ones(2)), torch.full([2], 7.0))


# --- models ---

MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[Tensor, ...]]] = {
    "resnet18": (convolutional.resnet18, (torch.linspace(-1, 1, 3 * 64 * 64).reshape(1, 3, 64, 64),)),
    "mobilenet": (convolutional.mobilenet_v3_large, (torch.linspace(-1, 1, 3 * 4096).reshape(1, 3, 64, 64),)),
    "bert": (lambda: attention.Bert(2, 16, 2, 32, 50), (torch.arange(12).reshape(2, 6),)),
    "vit": (
        lambda: attention.Vit(1, 16, 2, 32, 5),
        (torch.linspace(-1, 1, 3 * 224 * 224).reshape(1, 3, 224, 224),),
    ),
    "mlp": (small.mlp, (torch.linspace(-1, 1, 128).reshape(2, 64),)),
    "pointwise": (small.PointwiseChain, (torch.linspace(-1, 1, 8), torch.ones(8))),
    "norm": (small.NormSoftmax, (torch.linspace(-1, 1, 1536).reshape(2, 768),)),
}


@pytest.mark.parametrize("kind", ["live", "script", "trace", "frozen"])
@pytest.mark.parametrize("name", MODELS)
def test_a_model_saved_by_tsc_computes_the_same_in_pytorch(name: str, kind: str) -> None:
    make, inputs = MODELS[name]
    torch.manual_seed(0)
    model = make().eval()
    if kind == "script":
        saved = tsc_loaded(torch.jit.script(model))
    elif kind == "trace":
        saved = tsc_loaded(torch.jit.trace(model, inputs))
    else:
        saved = tsc.script(model)
        saved = tsc.freeze(saved) if kind == "frozen" else saved
    torch.testing.assert_close(torch_loaded(saved)(*inputs), model(*inputs), rtol=1e-4, atol=1e-5)


class SharesParameters(nn.Module):
    """Tied weights, a list of parameters, a submodule with numbers for names."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.out = nn.Embedding(5, 4), nn.Linear(4, 5, bias=False)
        self.out.weight = self.embedding.weight
        self.scales = nn.ParameterList([nn.Parameter(torch.full([5], 2.0)), nn.Parameter(torch.ones(5))])
        self.tail = nn.Sequential(nn.Linear(5, 2), nn.Dropout(0.5))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.out(self.embedding(ids))
        for scale in self.scales:
            x = x * 2 + scale
        return self.tail(x)


@pytest.mark.parametrize("source", ["tsc", "PyTorch"])
def test_tied_weights_stay_one_parameter(source: str) -> None:
    model, ids = SharesParameters().eval(), torch.tensor([1, 3])
    saved = tsc.script(model) if source == "tsc" else tsc_loaded(torch.jit.script(model))
    loaded = torch_loaded(saved)
    assert_same(loaded(ids), model(ids))
    assert sorted(n for n, _ in loaded.named_parameters()) == sorted(n for n, _ in model.named_parameters())
    assert loaded.out.weight.data_ptr() == loaded.embedding.weight.data_ptr()
    assert not loaded.training


def test_a_frozen_module_keeps_what_its_methods_write() -> None:
    class Counts(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0
            self.weight = nn.Parameter(torch.ones(2))

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            return x * self.weight + self.calls

    frozen = tsc.freeze(tsc.script(Counts().eval()))
    loaded = torch_loaded(frozen)
    x = torch.ones(2)
    assert_same([loaded(x), loaded(x)], [x + 1, x + 2])
    assert [n for n, _ in loaded.named_parameters()] == []


# --- the container ---


def members(data: bytes) -> dict[str, zipfile.ZipInfo]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: info for info in archive.infolist()}


def test_the_layout_is_pytorchs(tmp_path: Path) -> None:
    model = tsc.script(Everything())
    model.save(tmp_path / "my.model.pt", _extra_files={"notes.txt": "héllo", "raw": b"\x00\x01"})
    data = (tmp_path / "my.model.pt").read_bytes()
    names = members(data)
    assert {name.split("/")[0] for name in names} == {"my.model"}
    for name in ("data.pkl", "constants.pkl", "version", "byteorder", "data/0", "code/__torch__/tests/archive/saved_modules.py"):  # fmt: skip  # noqa: E501
        assert f"my.model/{name}" in names
    for name, info in names.items():
        head = struct.unpack_from("<4s5H3I2H", data, info.header_offset)
        begin = info.header_offset + 30 + head[9] + head[10]
        if "/data/" in name:
            assert info.compress_type == zipfile.ZIP_STORED
            assert begin % 64 == 0
    extra: dict[str, Any] = {"notes.txt": "", "raw": ""}
    torch.jit.load(str(tmp_path / "my.model.pt"), _extra_files=extra)
    assert extra == {"notes.txt": "héllo".encode(), "raw": b"\x00\x01"}


def test_saving_twice_gives_the_same_bytes() -> None:
    scripted = tsc.script(Everything())
    first = scripted.save_to_buffer()
    assert scripted.save_to_buffer() == first
    loaded = tsc.load(io.BytesIO(first))
    again = loaded.save_to_buffer()
    assert tsc.load(io.BytesIO(again)).save_to_buffer() == again


@pytest.mark.parametrize(
    ("function", "member", "version"),
    [
        (lambda: plain_program, "version", b"3"),
        (lambda: dividing_program, "version", b"4"),
        (lambda: gelu_program, ".data/version", b"10"),
    ],
    ids=["plain", "div", "gelu"],
)
def test_the_version_is_that_of_the_newest_operator(function: Any, member: str, version: bytes) -> None:
    data = tsc.script(function()).save_to_buffer()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.read(f"archive/{member}").strip() == version


def plain_program(x: Tensor) -> Tensor:
    return x + 1


def dividing_program(x: Tensor) -> Tensor:
    return x / 3


def gelu_program(x: Tensor) -> Tensor:
    return nn.functional.gelu(x)


def test_errors_in_pytorch_point_at_the_users_source() -> None:
    def program(x: Tensor, y: Tensor) -> Tensor:
        return torch.matmul(x, y)

    line = program.__code__.co_firstlineno + 1
    for saved in (tsc.script(program), tsc.load(io.BytesIO(tsc.script(program).save_to_buffer()))):
        with pytest.raises(RuntimeError, match=rf'File "{__file__}", line {line}'):
            torch_loaded(saved)(torch.ones(2, 3), torch.ones(2, 3))


def test_save_writes_to_an_open_stream() -> None:
    stream = io.BytesIO()
    tsc.save(tsc.script(plain_program), stream)
    stream.seek(0)
    assert_same(torch.jit.load(stream)(torch.ones(1)), torch.full([1], 2.0))


# --- failing ---


class Unsupported(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x

    @torch.jit.export
    def broken(self, x: Tensor) -> Tensor:
        return x.no_such_method()


def old_file(tmp_path: Path) -> Path:
    file = tmp_path / "model.pt"
    file.write_bytes(b"what was there before")
    return file


def assert_untouched(file: Path) -> None:
    assert file.read_bytes() == b"what was there before"
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_a_method_that_is_not_torchscript_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    file = old_file(tmp_path)
    with pytest.raises(CompileError, match="no_such_method"):
        tsc.script(Unsupported()).save(file)
    assert_untouched(file)


def test_an_attribute_no_archive_can_hold_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    file = old_file(tmp_path)
    scripted = tsc.script(Everything())
    scripted._object.attributes["point"] = (object(), 1)
    with pytest.raises(NotSupportedError, match=r"point\[0\]: requires a TorchScript value; got object"):
        scripted.save(file)
    assert_untouched(file)


@torch.jit.ignore  # pyright: ignore[reportArgumentType]
def left_to_python(x: Tensor) -> Tensor:
    return x


def calls_python(x: Tensor) -> Tensor:
    return left_to_python(x) + 1


def test_a_call_of_ignored_python_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    file = old_file(tmp_path)
    with pytest.raises(NotSupportedError, match=r"'left_to_python', called at .*test_save.py:\d+:11"):
        tsc.script(calls_python).save(file)
    assert_untouched(file)


def test_a_failing_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = old_file(tmp_path)

    def fail(stream: Any, records: Any, folder: str) -> None:
        stream.write(b"half an archive")
        raise OSError("No space left on device")

    monkeypatch.setattr(writer, "_write", fail)
    with pytest.raises(ArchiveError, match="No space left"):
        tsc.script(plain_program).save(file)
    assert_untouched(file)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"parent directory .*nowhere does not exist"):
        tsc.script(plain_program).save(tmp_path / "nowhere" / "model.pt")


def test_the_archive_of_a_mapped_file_can_be_saved_over_itself(tmp_path: Path) -> None:
    file = tmp_path / "model.pt"
    tsc.script(small.mlp()).save(file)
    loaded = tsc.load(file)
    expected = loaded(torch.ones(1, 64).numpy())
    loaded.save(file)
    assert_same(torch.jit.load(str(file))(torch.ones(1, 64)), torch.from_numpy(expected))


class Shifted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.zeros(100_000))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table  # pyright: ignore[reportOperatorIssue] - of a buffer


def test_an_array_whose_strides_no_tensor_can_have_is_saved_as_its_elements() -> None:
    module = tsc.script(Shifted())
    module.table = np.arange(100_000, dtype=np.float32)[::-1]
    records = module.records()
    _ = [np.full(100_000, k, np.float32) for k in range(20)]  # memory that was free is another's now
    saved = torch.jit.load(io.BytesIO(writer.archive_bytes(records, "archive")))
    assert saved.table.tolist() == list(range(99_999, -1, -1))
