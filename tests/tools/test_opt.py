"""`tsc-opt`, in process: inputs, pipelines, stages, emission, and one-line errors."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tsc.tools.opt import main
from tsc.tools.passes import available_passes

PROGRAM = Path(__file__).parents[2] / "examples/program.py"
DEMO = Path(__file__).parents[2] / "examples/demo/model.pt"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_a_function_to_linalg(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(
        capsys, f"{PROGRAM}:scaled", "--example-shapes", "4x8xf32,4x8xf32", "--stop-after", "linalg"
    )
    assert code == 0
    assert out.count("linalg.generic") == 1
    assert 'tsc.kind = "pointwise"' in out


def test_a_pipeline_with_options_on_an_archive(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, str(DEMO), "-p", "inline,freeze,inline-constants,dce")
    assert code == 0
    assert "torch.prim.CallMethod" not in out
    assert "dense_resource<stem.weight>" in out


def test_preserved_attributes_are_an_option_of_freeze(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, str(DEMO), "-p", 'inline,freeze{preserved-attrs="training"}')
    assert 'torch.prim.GetAttr %self["training"]' in out or "torch.nn_module" not in out


def test_a_dump_is_read_back_and_lowered_on(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    shapes = ("--example-shapes", "4x8xf32,4x8xf32")
    _, value, _ = run(capsys, f"{PROGRAM}:scaled", *shapes, "--stop-after", "value")
    file = tmp_path / "dump.mlir"
    file.write_text(value)
    code, out, err = run(capsys, str(file), "-p", "fuse,eliminate-dead-code,lower-to-linalg")
    assert code == 0, err
    assert "linalg.generic" in out


@pytest.mark.parametrize(("kind", "expected"), [("llvm", "define"), ("asm", ".text")])
def test_emission_for_the_cpu(capsys: pytest.CaptureFixture[str], kind: str, expected: str) -> None:
    code, out, _ = run(capsys, f"{PROGRAM}:scaled", "--example-shapes", "4x8xf32,4x8xf32", "--emit", kind)
    assert code == 0
    assert expected in out


KERNELS = {
    "scaled": "1000xf32,1000xf32",
    "rows": "40x100xf32",
    "product": "64x48xf32,48x80xf32",
}


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("arch", ["sm_80", "sm_90"])
def test_pointwise_row_and_matrix_kernels_come_out_as_ptx(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, arch: str
) -> None:
    code, out, err = run(
        capsys, f"{PROGRAM}:{name}", "--example-shapes", KERNELS[name], "--emit", "ptx", "--arch", arch
    )
    assert code == 0, err
    assert f".target {arch}" in out
    assert ".entry" in out
    if shutil.which("ptxas") is None:
        pytest.skip("ptxas is not installed")
    file = tmp_path / "kernel.ptx"
    file.write_text(out)
    subprocess.run(["ptxas", f"-arch={arch}", str(file), "-o", str(tmp_path / "kernel.cubin")], check=True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.mlir"], "No such file"),
        ([f"{PROGRAM}:nothing"], "no function or module called nothing"),
        ([f"{PROGRAM}:scaled", "-p", "frobnicate"], "no pass 'frobnicate'"),
        ([f"{PROGRAM}:scaled", "--stop-after", "vaule"], "no stage 'vaule'; stages are torch, frozen"),
        (
            [f"{PROGRAM}:scaled", "--example-shapes", "4x8xf32", "--stop-after", "value"],
            "requires 2 arguments; got 1",
        ),
        (
            [f"{PROGRAM}:scaled", "--example-shapes", "4xq,4xf32", "--stop-after", "value"],
            "requires a shape like",
        ),
    ],
)
def test_errors_are_one_line_with_exit_code_1(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code, out, err = run(capsys, *arguments)
    assert code == 1
    assert out == ""
    assert "error: " in err
    assert message in err
    assert "Traceback" not in err


def test_a_parse_error_says_file_line_and_column(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "bad.mlir"
    file.write_text("func.func @f() {\n  %0 = torch.constant.int oops\n}\n")
    code, _, err = run(capsys, str(file))
    assert code == 1
    assert err.startswith(f"{file}:2:27: error:")


def test_ir_and_times_can_be_printed_between_passes(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = run(capsys, f"{PROGRAM}:head", "-p", "inline,freeze", "--print-ir-after-all", "--time-passes")
    assert "IR Dump After inline" in err
    assert "IR Dump After freeze" in err
    assert "100.0%  total" in err


def test_pass_name_file_class_and_test_agree() -> None:
    folder = Path(__file__).parents[2] / "src/tsc/passes"
    files = {f.stem.replace("_", "-") for f in folder.glob("*.py")} - {"--init--"}
    assert set(available_passes()) == files
    for name, cls in available_passes().items():
        assert cls.__name__ == "".join(word.capitalize() for word in name.split("-"))
        assert "Requires:" in (cls.__doc__ or ""), name
        assert "Leaves:" in (cls.__doc__ or ""), name
