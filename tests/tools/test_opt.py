"""`tsc-opt`, in process: inputs, pipelines, stages, emission, and one-line errors."""

import shutil
import subprocess
from pathlib import Path

import pytest

import tsc
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
        ([f"{PROGRAM}:scaled", "-p", "fuze"], "is it fuse?"),
        ([f"{PROGRAM}:scaled", "-p", "freeze{depth=3}"], "pass freeze: "),
        ([f"{PROGRAM}:scaled", "--print-ir-after", "frobnicate"], "no pass 'frobnicate'"),
        ([f"{PROGRAM}:scaled", "--stop-after", "linalg"], "requires --example-shapes"),
        ([f"{PROGRAM}:scaled", "--emit", "llvm"], "that of x is not known"),
        ([str(DEMO), "--split-input-file"], "requires MLIR text"),
        ([str(DEMO), "--method", "backward"], "requires one of forward; got backward"),
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
    assert err.count("\n") == 1


def test_a_program_that_cannot_be_run_is_an_error_in_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "needs.py"
    file.write_text("import a_library_that_is_not_installed\n")
    code, _, err = run(capsys, f"{file}:f")
    assert code == 1
    assert err == (
        f"{file}:f: error: {file}: cannot be run: ModuleNotFoundError: "
        "No module named 'a_library_that_is_not_installed'\n"
    )


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


def test_passes_inside_fixed_points_are_timed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    _, _, err = run(
        capsys,
        f"{PROGRAM}:head",
        "--stop-after",
        "frozen",
        "--print-ir-before",
        "canonicalize",
        "--time-passes",
    )
    rounds = err.count("IR Dump Before canonicalize")
    assert rounds >= 1
    assert "  fixed-point\n" in err
    assert f"    canonicalize ({rounds} times)\n" in err


def test_the_versions_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith(f"tsc-opt {tsc.__version__} (xdsl ")


def test_passes_and_dialects_of_xdsl_are_there(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "loop.mlir"
    file.write_text(
        "func.func @f(%c: i1, %x: memref<8xf32>, %i: index, %v: f32) { "
        "scf.if %c { memref.store %v, %x[%i] : memref<8xf32> } func.return }\n"
    )
    code, out, err = run(capsys, str(file), "-p", "convert-scf-to-cf")
    assert code == 0, err
    assert "cf.cond_br" in out


TWO = """\
func.func @f() -> !torch.int {
  %0 = torch.constant.int 1
  func.return %0 : !torch.int
}
// -----
func.func @g() -> !torch.int {
  %0 = torch.constant.int oops
}
"""


def test_a_file_of_several_modules_is_split(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "two.mlir"
    file.write_text(TWO.replace("oops\n", "2\n  func.return %0 : !torch.int\n"))
    code, out, err = run(capsys, str(file), "--split-input-file")
    assert code == 0, err
    first, second = out.split("// -----\n")
    assert "@f" in first
    assert "@g" in second
    assert out.count("builtin.module") == 2


def test_an_error_in_a_part_of_a_file_says_its_line_in_the_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "two.mlir"
    file.write_text(TWO)
    code, out, err = run(capsys, str(file), "--split-input-file")
    assert (code, out) == (1, "")
    assert err.startswith(f"{file}:7:27: error:")


@pytest.mark.parametrize(
    ("comment", "code", "message"),
    [
        ("  // expected-error @+1 {{Expected}}\n", 0, ""),
        ("  // expected-error @below {{Expected}}\n", 0, ""),
        ("  // expected-error @unknown {{Expected}}\n", 0, ""),
        ("  // expected-error {{Expected}}\n", 1, 'expected error "Expected" was not produced'),
        ("  // expected-error @+1 {{another text}}\n", 1, "unexpected error: Expected"),
        ("", 1, "unexpected error: Expected"),
    ],
)
def test_errors_are_held_to_comments(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, comment: str, code: int, message: str
) -> None:
    file = tmp_path / "two.mlir"
    file.write_text(TWO.replace("  %0 = torch.constant.int oops", f"{comment}  %0 = torch.constant.int oops"))
    got, out, err = run(capsys, str(file), "--split-input-file", "--verify-diagnostics")
    assert (got, out) == (code, "")
    assert message in err


def test_an_expected_error_of_a_pass_needs_no_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "one.mlir"
    file.write_text(f"// expected-error {{{{no stage}}}}\n{TWO.partition('// -----')[0]}")
    shapes = ("-p", 'specialize{arguments="3xf32"}', "--verify-diagnostics")
    assert run(capsys, str(file), *shapes)[0] == 1
    file.write_text(file.read_text().replace("no stage", "requires 0 arguments; got 1"))
    assert run(capsys, str(file), *shapes)[0] == 0


def test_weights_go_into_the_text_and_are_read_back(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    _, text, _ = run(
        capsys, f"{PROGRAM}:head", "--example-shapes", "4x16xf32", "--stop-after", "value", "--with-weights"
    )
    assert 'linear.weight: "0x04000000' in text
    file = tmp_path / "head.mlir"
    file.write_text(text)
    code, out, err = run(capsys, str(file), "--stop-after", "loop", "--emit", "llvm")
    assert code == 0, err
    assert "define" in out


def test_unknown_operations_are_read_where_allowed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "odd.mlir"
    file.write_text('"some.op"() : () -> ()\n')
    assert run(capsys, str(file))[0] == 1
    code, out, _ = run(capsys, str(file), "--allow-unregistered-dialect", "--print-debuginfo")
    assert code == 0
    assert '"some.op"() : () -> () loc(unknown)' in out


def test_pass_name_file_class_and_test_agree() -> None:
    folder = Path(__file__).parents[2] / "src/tsc/passes"
    files = {f.stem.replace("_", "-") for f in folder.glob("*.py")} - {"--init--"}
    assert set(available_passes()) == files
    for name, cls in available_passes().items():
        assert cls.__name__ == "".join(word.capitalize() for word in name.split("-"))
        assert "Requires:" in (cls.__doc__ or ""), name
        assert "Leaves:" in (cls.__doc__ or ""), name
