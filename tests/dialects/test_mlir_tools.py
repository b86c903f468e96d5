# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportAttributeAccessIssue=false, reportUnknownArgumentType=false
"""MLIR's own tools read the stages whole: torch-mlir verifies and lowers them, IREE runs what is at `linalg`.

They are extras (``pip install -e '.[mlir]'``); where one is not installed its tests are skipped.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

import tsc
from tests import models
from tests.dialects.mlir_programs import FUNCTIONS, MODULES, net
from tsc import pipeline
from tsc.dialects.constants import ConstantPool, resource_key
from tsc.dialects.context import make_context
from tsc.dialects.mlir_text import mlir_text
from tsc.errors import IRError
from tsc.frontend.object_graph import assemble
from tsc.passes.specialize import Specialize

STAGES = ("torch", "frozen", "value", "linalg", "loop")
PROGRAMS = {program.__name__: (program, shapes) for program, shapes in {**FUNCTIONS, **MODULES}.items()}
RUN = ("part_of_an_operand", "steps", "reductions", "parts_joined", "padded", "branch", "written", "chosen",
       "halves", "Named", "net", "encoder")  # fmt: skip
"""Programs whose kernels have no operation of ours alone, and whose host gives what the program gives."""


def arguments(shapes: Sequence[str]) -> list[np.ndarray[Any, Any]]:
    random = np.random.default_rng(0)
    found: list[np.ndarray[Any, Any]] = []
    for text in shapes:
        *sizes, element = text.split("x")
        made = random.standard_normal([int(n) for n in sizes]).astype(np.float32)
        found.append(
            made if element == "f32" else (abs(made) > 1).astype(bool if element == "i1" else np.int64)
        )
    return found


@cache
def called(name: str) -> tuple[Any, Any, list[Any]]:
    """The program as written, as it runs, and the arguments it was called with."""
    program, shapes = PROGRAMS[name]
    torch.manual_seed(0)
    scripted: Any = tsc.script(program if program in FUNCTIONS else program().eval())
    fast = scripted if program in FUNCTIONS else tsc.freeze(scripted)
    given = arguments(shapes)
    fast(*given)
    return scripted, fast, given


def text_of(name: str, stage: str) -> str:
    scripted, fast, _ = called(name)
    return (scripted if stage == "torch" else fast).ir[stage]


def program_at(name: str, stage: str) -> tuple[ModuleOp, ConstantPool]:
    shown = called(name)[0 if stage == "torch" else 1]
    return getattr(shown, "forward", shown).program_at(stage)


def in_torch_mlir(text: str, work: Callable[[Any], None]) -> None:
    """Parse and verify in process, and do `work` with the module."""
    ir = pytest.importorskip("torch_mlir.ir", reason="torch-mlir is an extra")
    from torch_mlir.dialects import torch as torch_dialect

    with ir.Context() as context:
        torch_dialect.register_dialect(context)
        context.allow_unregistered_dialects = (
            True  # the attributes, and at `linalg` and `loop` operations, of ours
        )
        module = ir.Module.parse(text)
        assert module.operation.verify()
        work(module)


def run_passes(module: Any, pipeline: str) -> str:
    from torch_mlir.passmanager import PassManager

    PassManager.parse(f"builtin.module({pipeline})", module.context).run(module.operation)
    return str(module)


def nothing_more(_: Any) -> None: ...


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", PROGRAMS)
def test_torch_mlir_reads_a_small_program_at_each_stage(name: str, stage: str) -> None:
    in_torch_mlir(text_of(name, stage), nothing_more)


@pytest.mark.parametrize("name", models.MODELS)
def test_torch_mlir_reads_the_models_at_each_stage(name: str) -> None:
    pytest.importorskip("torch_mlir.ir", reason="torch-mlir is an extra")
    method: Any = tsc.script(models.make(name)).forward
    context = make_context()
    module = assemble(method.unit, context.pool, [method.function], method.receiver)
    in_torch_mlir(mlir_text(module), nothing_more)
    for before, stage in pairwise(("torch", "frozen", "value", "linalg")):
        if stage == "value":
            Specialize(tuple(map(shape_text, models.example_inputs(name)))).apply(context, module)
        pipeline.lower(context, module, start=before, stop_after=stage)
        in_torch_mlir(mlir_text(module), nothing_more)


def shape_text(value: torch.Tensor) -> str:
    element = "f32" if value.is_floating_point() else "si64"
    return "x".join([*map(str, value.shape), element])


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("stage", ["torch", "frozen", "value", "linalg"])
def test_a_text_parses_back_to_the_same_module(name: str, stage: str) -> None:
    text = text_of(name, stage)
    again = Parser(make_context(), text).parse_module()
    again.verify()
    assert mlir_text(again) == text


@pytest.mark.parametrize("name", ["net", "encoder", "Named", "part_of_an_operand", "branch"])
def test_what_is_at_stage_value_goes_through_the_pipelines_of_torch_mlir(name: str) -> None:
    def work(module: Any) -> None:
        lowered = run_passes(
            module,
            "torch-function-to-torch-backend-pipeline,torch-backend-to-linalg-on-tensors-backend-pipeline",
        )
        assert "func.func @" in lowered  # private functions would be gone
        assert "torch.aten" not in lowered

    in_torch_mlir(text_of(name, "value"), work)


def test_what_is_at_stage_torch_has_one_public_function_for_torch_mlir() -> None:
    def work(module: Any) -> None:
        lowered = run_passes(
            module,
            "torch-prepare-for-globalize-object-graph,torch-globalize-object-graph,symbol-dce,inline,"
            "torch-inline-global-slots",
        )
        assert lowered.count("func.func @") == 1
        assert "func.func @forward(" in lowered
        assert "torch.global_slot.get" not in lowered  # attributes are private, so that they can be constants

    in_torch_mlir(text_of("Named", "torch"), work)


def test_a_key_is_one_that_mlir_reads() -> None:
    assert resource_key("0.weight") == "_0.weight"
    assert resource_key("layers.größe-1.bias") == "layers.gr__e_1.bias"
    assert resource_key("layer1.weight") == "layer1.weight"


@pytest.mark.parametrize("stage", ["torch", "frozen", "value", "linalg"])
def test_weights_stand_behind_the_text_on_request_and_are_read_back(stage: str) -> None:
    scripted, fast, _ = called("net")
    shown = scripted if stage == "torch" else fast
    context = make_context()
    text = shown.ir.with_weights(stage)
    module = Parser(context, text).parse_module()
    context.take_resources(module)
    _, pool = program_at("net", stage)
    assert set(context.pool)
    for key in context.pool:
        np.testing.assert_array_equal(context.pool[key], pool[key])
        assert context.pool[key].dtype == pool[key].dtype
    in_torch_mlir(text, lambda module: None)


def test_a_text_whose_weights_have_other_sizes_is_refused() -> None:
    text = (
        "func.func @f() -> !torch.vtensor<[2],f32> { %w = torch.vtensor.literal(dense_resource<w> : "
        "tensor<2xf32>) : !torch.vtensor<[2],f32> func.return %w : !torch.vtensor<[2],f32> }\n"
        '{-# dialect_resources: { builtin: { w: "0x0400000000000000" } } #-}'
    )
    context = make_context()
    module = Parser(context, text).parse_module()
    with pytest.raises(IRError, match="requires 8 bytes for tensor<2xf32>; got 4"):
        context.take_resources(module)


def tool(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} (iree-base-compiler, iree-base-runtime) is an extra")
    return found


@pytest.mark.parametrize("name", RUN)
def test_iree_runs_what_is_at_stage_linalg_to_the_same_numbers(name: str, tmp_path: Path) -> None:
    compiler, runner = tool("iree-compile"), tool("iree-run-module")
    _, fast, given = called(name)
    wanted = flat(fast(*given))
    (tmp_path / "m.mlir").write_text(fast.ir.with_weights("linalg"))
    backend = ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu"]
    flags = [*backend, "--iree-llvmcpu-target-cpu=generic", "m.mlir", "-o", "m.vmfb"]
    subprocess.run([compiler, *flags], cwd=tmp_path, check=True)
    for number, array in enumerate(given):
        np.save(tmp_path / f"i{number}.npy", array)
    ins = [f"--input=@i{number}.npy" for number in range(len(given))]
    outs = [f"--output=@o{number}.npy" for number in range(len(wanted))]
    run = [runner, "--module=m.vmfb", "--device=local-sync", "--function=main", *ins, *outs]
    subprocess.run(run, cwd=tmp_path, check=True, stdout=subprocess.DEVNULL)
    for number, value in enumerate(wanted):
        got = np.load(tmp_path / f"o{number}.npy")
        np.testing.assert_allclose(got.astype(value.dtype), value, rtol=1e-5, atol=1e-6)


def flat(result: Any) -> list[np.ndarray[Any, Any]]:
    return [v for r in result for v in flat(r)] if isinstance(result, tuple) else [np.asarray(result)]


def test_the_programs_reach_what_the_formats_differ_in() -> None:
    """Otherwise the tests above would show nothing."""
    loops = "".join(text_of(name, "loop") for name in PROGRAMS)
    assert all(f'"{name}"' in loops for name in ("memref.alloca", "arith.select"))
    tensors = "".join(text_of(name, "linalg") for name in PROGRAMS)
    assert all(f'"{name}"' in tensors for name in ("tsc.sort", "tsc.yield", "tsc.fourier"))
    assert "_0.weight" in text_of("net", "frozen")
    assert net().state_dict().keys() >= {"0.weight"}
