# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownLambdaType=false
"""What `torch` has for programs that only compute, `tsc` has too: creation, limits, contexts, namespaces."""

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import tsc
from tsc.errors import ArgumentError, DTypeError, ShapeError

LIBRARIES = (tsc, torch)


def both(compute: Callable[[Any], Any]) -> list[Any]:
    """What an expression of a library gives in each."""
    return [compute(library) for library in LIBRARIES]


SAME = {
    "from_numpy": lambda m: m.from_numpy(np.arange(6.0).reshape(2, 3)).numpy().tolist(),
    "tensor of an array": lambda m: str(m.tensor(np.ones(2, np.float32)).dtype).rpartition(".")[2],
    "tensor of lists": lambda m: m.tensor([[1, 2], [3, 4]]).tolist(),
    "tensor of a dtype": lambda m: m.tensor(np.array([1.7, -2.7]), dtype=m.int32).tolist(),
    "tensor of a tensor": lambda m: m.tensor(m.ones(2)).tolist(),
    "as_tensor": lambda m: m.as_tensor(np.array([1, 2])).tolist(),
    "is_tensor": lambda m: (m.is_tensor(m.ones(1)), m.is_tensor([1])),
    "constants": lambda m: (m.pi, m.e, m.inf, math.isnan(m.nan), m.newaxis),
    "T": lambda m: m.arange(6).reshape(2, 3).T.tolist(),
    "mT": lambda m: m.arange(12).reshape(2, 2, 3).mT.tolist(),
    "H": lambda m: m.tensor([[1 + 2j, 3 - 1j]]).H.tolist(),
    "real, imag": lambda m: (m.tensor([1 + 2j]).real.tolist(), m.tensor([1 + 2j]).imag.tolist()),
    "facts": lambda m: (
        m.ones(2, 3).requires_grad,
        m.ones(1).is_cuda,
        m.ones(3).nbytes,
        str(m.ones(1).device),
    ),
    "format": lambda m: (f"{m.tensor(3.14159):.2f}", f"{m.tensor(7):03d}", f"{m.tensor([1.5])}"),
    "index": lambda m: (operator.index(m.tensor(3)), [10, 20, 30][m.tensor(1)]),
    "complex": lambda m: complex(m.tensor(1 + 2j)),
    "contains": lambda m: (3.0 in m.tensor([1.0, 3.0]), 4 in m.tensor([1, 3])),
    "dlpack": lambda m: np.from_dlpack(m.arange(3)).tolist(),
    "from_dlpack": lambda m: m.from_dlpack(np.arange(3)).tolist(),
    "linalg": lambda m: round(float(m.linalg.norm(m.tensor([3.0, 4.0]))), 5),
    "fft": lambda m: m.fft.fft(m.ones(4)).tolist(),
    "special": lambda m: round(float(m.special.expit(m.tensor(0.5))), 5),
    "cuda": lambda m: m.cuda.is_available(),
    "default dtype": lambda m: str(m.get_default_dtype()).rpartition(".")[2],
}


@pytest.mark.parametrize("name", SAME)
def test_names_mean_what_they_mean_in_pytorch(name: str) -> None:
    ours, theirs = both(SAME[name])
    assert ours == theirs


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "complex64"])
def test_finfo(dtype: str) -> None:
    ours, theirs = both(lambda m: m.finfo(getattr(m, dtype)))
    for name in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "dtype"):
        assert getattr(ours, name) == getattr(theirs, name), name
    assert tsc.finfo().bits == torch.finfo().bits == 32
    with pytest.raises(ArgumentError, match="iinfo is for integers"):
        tsc.finfo(tsc.int32)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
def test_iinfo(dtype: str) -> None:
    ours, theirs = both(lambda m: m.iinfo(getattr(m, dtype)))
    assert [getattr(ours, n) for n in ("bits", "max", "min", "dtype")] == [
        getattr(theirs, n) for n in ("bits", "max", "min", "dtype")
    ]
    with pytest.raises(ArgumentError, match="requires an integer dtype"):
        tsc.iinfo(tsc.float32)


def test_memory_is_shared_where_it_is_in_pytorch() -> None:
    array = np.zeros(3, np.float32)
    tsc.from_numpy(array)[0] = 1
    tsc.as_tensor(array)[1] = 2
    tsc.tensor(array)[2] = 3
    tsc.from_dlpack(array).T[2] = 4
    assert array.tolist() == [1, 2, 4]


@tsc.no_grad()
def halved(x: Any) -> Any:
    return x / 2


def unrecorded(x: tsc.Tensor) -> tsc.Tensor:
    with tsc.no_grad():
        y = x * 2
    return y + 1


def test_contexts_without_gradients() -> None:
    with tsc.no_grad(), tsc.inference_mode():
        assert halved(tsc.ones(2)).tolist() == [0.5, 0.5]
    assert halved.__name__ == "halved"
    assert tsc.script(unrecorded)(tsc.ones(2)).tolist() == [3, 3]


def spectrum(x: tsc.Tensor) -> tsc.Tensor:
    return tsc.linalg.norm(tsc.fft.rfft(x).real)


def test_namespaces_in_programs() -> None:
    x = torch.arange(8.0)
    wanted = torch.linalg.norm(torch.fft.rfft(x).real)
    assert float(tsc.script(spectrum)(x)) == pytest.approx(float(wanted))


@pytest.mark.parametrize(
    "name", ["float", "double", "half", "bfloat16", "long", "int", "short", "byte", "bool"]
)
def test_elements_are_converted(name: str) -> None:
    found, wanted = (getattr(library.ones(1), name)() for library in (tsc, torch))
    assert str(wanted.dtype) == f"torch.{found.dtype.name}"
    assert (float(found), int(found), complex(found)) == (1.0, 1, 1 + 0j)


def test_misspelt_names_are_told() -> None:
    with pytest.raises(AttributeError, match=r"'tsc' has no attribute 'freze'\. Did you mean: 'freeze'\?"):
        getattr(tsc, "freze")  # noqa: B009
    with pytest.raises(AttributeError, match=r"'tsc' has no attribute 'qqqqqq'$"):
        getattr(tsc, "qqqqqq")  # noqa: B009
    assert not hasattr(tsc, "freze")


def test_what_is_not_there_says_so() -> None:
    for name in ("optim", "utils", "compile"):
        with pytest.raises(AttributeError, match=f"tsc has no '{name}': "):
            getattr(tsc, name)
    with pytest.raises(AttributeError, match=r"'tsc\.linalg' has no attribute 'nothing'"):
        _ = tsc.linalg.nothing
    with pytest.raises(ArgumentError, match="requires a NumPy array; got list"):
        tsc.from_numpy([1])  # pyright: ignore[reportArgumentType]
    with pytest.raises(DTypeError):
        tsc.from_numpy(np.array(["a"]))
    with pytest.raises(ArgumentError, match=r"requires tsc\.float32"):
        tsc.set_default_dtype(tsc.float64)
    with pytest.raises(ArgumentError, match="Boolean value of Tensor with more than one value is ambiguous"):
        bool(tsc.ones(2))
    with pytest.raises(ShapeError, match="requires a matrix"):
        _ = tsc.ones(3).H
    with pytest.raises(DTypeError, match="requires complex numbers"):
        _ = tsc.ones(3).imag
