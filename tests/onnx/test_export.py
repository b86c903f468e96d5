# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
"""Modules exported to ONNX compute in ONNX Runtime what they compute in PyTorch."""

from __future__ import annotations

import inspect
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tsc
from tests.models import MODELS, example_inputs, make
from tests.onnx import models
from tests.onnx.running import assert_same, exported, operations, session_of, sizes

SMALL = [name for name in MODELS if name not in ("vit_base", "resnet50")]


@pytest.mark.parametrize("name", SMALL)
def test_a_whole_architecture_has_equal_results(name: str) -> None:
    model, inputs = make(name), example_inputs(name)
    assert_same(session_of(exported(model, inputs)), model, *inputs)


def test_layers_are_nodes_and_weights_have_their_names() -> None:
    proto = exported(make("resnet18"), example_inputs("resnet18"))
    kinds = operations(proto)
    assert {k: kinds.count(k) for k in ("Conv", "Gemm", "MaxPool", "GlobalAveragePool")} == {
        "Conv": 20, "Gemm": 1, "MaxPool": 1, "GlobalAveragePool": 1,
    }  # fmt: skip
    assert {"fc.weight", "fc.bias"} <= {weight.name for weight in proto.graph.initializer}
    assert [i.name for i in proto.graph.input] == ["x"]
    kinds = operations(exported(make("bert_base"), example_inputs("bert_base")))
    assert kinds.count("LayerNormalization") == 25
    assert kinds.count("Softmax") == 12


def test_images_through_many_layers() -> None:
    module = models.Pooling().eval()
    module.features[1].running_var.fill_(0.7)  # pyright: ignore[reportCallIssue] - of a buffer
    x = torch.randn(2, 3, 24, 32)
    assert_same(session_of(exported(module, (x,))), module, x)


@pytest.mark.parametrize("axes", [{0: "batch", 1: "time"}, [0, 1]], ids=["named", "numbers"])
def test_sizes_that_have_names_may_be_any(axes: Any) -> None:
    module = models.Encoder()
    proto = exported(module, torch.randn(3, 8, 16), input_names=["words"], dynamic_axes={"words": axes})
    batch, time = ("batch", "time") if isinstance(axes, dict) else ("words_dim0", "words_dim1")
    assert sizes(proto.graph.input[0]) == [batch, time, 16]
    assert [sizes(o) for o in proto.graph.output] == [[batch, time, 32], [batch, 32], [batch, 32]]
    session = session_of(proto)
    for shape in ((3, 8, 16), (1, 8, 16), (5, 1, 16), (2, 31, 16)):
        assert_same(session, module, torch.randn(shape))


def test_shapes_are_given_as_the_command_line_takes_them() -> None:
    module = models.Encoder()
    proto = exported(module, ("?batchx8x16xf32",), output_names=["z", "mean", "halves"])
    assert sizes(proto.graph.input[0]) == ["batch", 8, 16]
    assert [o.name for o in proto.graph.output] == ["z", "mean", "halves"]
    assert_same(session_of(proto), module, torch.randn(4, 8, 16))


def test_names_that_are_given_are_the_model_s_whatever_it_computes() -> None:
    proto = exported(
        make("norm_softmax"), torch.randn(4, 768), input_names=["softmax"], output_names=["constant"]
    )
    assert [proto.graph.input[0].name, proto.graph.output[0].name] == ["softmax", "constant"]
    with pytest.raises(
        tsc.errors.ArgumentError, match="requires distinct names of inputs and results; got 'a' twice"
    ):
        exported(make("mlp"), torch.randn(1, 64), input_names=["a"], output_names=["a"])


def test_a_size_that_the_program_fixes_is_refused() -> None:
    with pytest.raises(tsc.errors.RefusedError, match="the program works for width = 64 alone"):
        exported(make("mlp"), torch.randn(1, 64), dynamic_axes={"input": {1: "width"}})


def test_a_branch_that_data_decides_is_an_if() -> None:
    module = models.Branching()
    proto = exported(module, torch.randn(3))
    assert "If" in operations(proto)
    for sign in (1.0, -1.0):
        assert_same(session_of(proto), module, torch.full((3,), sign))


def test_a_loop_that_data_ends_is_a_loop() -> None:
    module = models.Looping()
    proto = exported(module, torch.randn(3))
    assert "Loop" in operations(proto)
    for largest in (0.5, 3.0, 100.0):
        assert_same(session_of(proto), module, torch.tensor([largest, -largest, 0.1]))


def test_a_long_loop_is_a_loop() -> None:
    module = models.Counting()
    proto = exported(module, torch.randn(3))
    assert "Loop" in operations(proto)
    assert_same(session_of(proto), module, torch.randn(3) * 1e-3)


def test_writes_to_a_tensor_of_its_own_are_values() -> None:
    module = models.Writing()
    x = torch.randn(3, 4)
    assert_same(session_of(exported(module, x)), module, x)


def test_arguments_that_are_no_tensors_are_constants() -> None:
    module, x = models.Optional(), torch.randn(2, 3)
    plain = exported(module, (x, 2.0))
    assert [i.name for i in plain.graph.input] == ["x"]
    assert_same(session_of(plain), module, x, others=(2.0,))
    full = exported(module, (x, 0.5, torch.ones(3), "relu"))
    assert [i.name for i in full.graph.input] == ["x", "bias"]
    expected = torch.relu(x * 0.5 + 1)
    (found,) = session_of(full).run(None, {"x": x.numpy(), "bias": np.ones(3, np.float32)})
    torch.testing.assert_close(torch.tensor(found), expected)


@pytest.mark.parametrize("opset", [18, 20, 23])
def test_other_operator_sets_compute_the_same(opset: int) -> None:
    module = models.Encoder()
    proto = exported(module, torch.randn(2, 6, 16), opset_version=opset)
    assert [imported.version for imported in proto.opset_import] == [opset]
    assert_same(session_of(proto), module, torch.randn(2, 6, 16))


def test_frozen_and_loaded_modules_are_exported_too(tmp_path: Path) -> None:
    module = models.Encoder().eval()
    torch.jit.script(module).save(tmp_path / "model.pt")
    x = torch.randn(2, 5, 16)
    for given in (tsc.jit.load(tmp_path / "model.pt"), tsc.freeze(tsc.script(module))):
        tsc.onnx.export(given, x, tmp_path / "model.onnx")
        assert_same(session_of(_Bytes((tmp_path / "model.onnx").read_bytes())), module, x)


class _Bytes:
    """A model that is written already."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def SerializeToString(self) -> bytes:
        return self.data


def test_a_module_stays_in_the_mode_it_is_in() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Dropout(0.5), torch.nn.BatchNorm1d(3))
    scripted = tsc.script(module.train())
    scripted[2].eval()
    tsc.onnx.export(scripted, torch.randn(4, 3), io.BytesIO())
    assert [m.training for m in scripted.modules()] == [True, True, True, False]


# --- what cannot be exported ---


def test_what_onnx_does_not_have_is_named_with_its_line_all_at_once() -> None:
    with pytest.raises(tsc.errors.RefusedError) as caught:
        exported(models.Sampling(), torch.randn(3, 3))
    text = str(caught.value)
    lines, first = inspect.getsourcelines(models.Sampling)
    for operator, mark in (("aten::randn_like", "randn_like"), ("aten::inverse", "torch.inverse")):
        number = first + next(i for i, line in enumerate(lines) if mark in line)
        assert operator in text
        assert f'File "{models.__file__}", line {number}' in text


def test_weights_beyond_what_a_file_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsc.onnx.exporting.LARGEST_MODEL", 1000)
    with pytest.raises(
        tsc.errors.RefusedError, match=r"weights take \d+ bytes; a file of ONNX holds at most 1000"
    ):
        exported(make("mlp"), torch.randn(1, 64))


def test_state_that_changes_is_refused() -> None:
    with pytest.raises(tsc.errors.RefusedError, match="forward keeps state in attributes"):
        exported(models.Keeping(), torch.randn(3))


def test_mistakes_in_a_call_say_what_is_wanted(tmp_path: Path) -> None:
    module, x = tsc.script(models.Branching()), torch.randn(1, 64)
    with pytest.raises(tsc.errors.ArgumentError, match=r"opset_version: requires 18 to \d+; got 9"):
        tsc.onnx.export(module, x, io.BytesIO(), opset_version=9)
    with pytest.raises(
        tsc.errors.ArgumentError, match=r"dynamic_axes: requires names of inputs \(x\); got 'y'"
    ):
        tsc.onnx.export(module, x, io.BytesIO(), dynamic_axes={"y": [0]})
    with pytest.raises(tsc.errors.ArgumentError, match=r"input_names: requires at most 1 names \(x\)"):
        tsc.onnx.export(module, x, io.BytesIO(), input_names=["a", "b"])
    with pytest.raises(
        tsc.errors.ArgumentError, match="output_names: requires a name for each of 1 results; got 2"
    ):
        tsc.onnx.export(module, x, io.BytesIO(), output_names=["a", "b"])
    with pytest.raises(tsc.errors.ArgumentError, match="requires one --input for each argument"):
        tsc.onnx.export(module, (x, x), io.BytesIO())
    with pytest.raises(tsc.errors.ArgumentError, match="requires a script module; got Sequential"):
        tsc.onnx.export(make("mlp"), x, io.BytesIO())


def test_without_the_package_an_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(tsc.errors.ArgumentError, match=r"requires the package onnx: pip install .*\[onnx\]"):
        tsc.onnx.export(tsc.script(make("mlp")), torch.randn(1, 64), io.BytesIO())


def test_nothing_of_onnx_is_imported_before_it_is_needed() -> None:
    program = "import sys, tsc; tsc.onnx.export; assert 'onnx' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_verb_writes_a_model(tmp_path: Path) -> None:
    module = models.Encoder().eval()
    torch.jit.script(module).save(tmp_path / "model.pt")
    command = [sys.executable, "-m", "tsc", "export", tmp_path / "model.pt", "--input", "?batchx5x16xf32"]
    command += ["--input-name", "words", "-o", tmp_path / "model.onnx"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{tmp_path / 'model.onnx'}: {(tmp_path / 'model.onnx').stat().st_size} bytes\n"
    session = session_of(_Bytes((tmp_path / "model.onnx").read_bytes()))
    assert session.get_inputs()[0].name == "words"
    assert_same(session, module, torch.randn(3, 5, 16))
