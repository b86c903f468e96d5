"""Texts that are no TorchScript: PyTorch refuses them, and so does `tsc`, with one error of its own."""

from __future__ import annotations

import pytest
import torch

import tsc
from tsc.errors import CompileError

REFUSED = {
    "annotate of one": "def f(x):\n    return annotate(int)",
    "annotate of none": "def f(x):\n    return annotate()",
    "annotate of three": "def f(x):\n    return annotate(int, 3, 4)",
    "isinstance of one": "def f(x):\n    return isinstance(x)",
    "isinstance of three": "def f(x):\n    return isinstance(x, int, float)",
    "hasattr of one": "def f(x):\n    return hasattr(x)",
    "getattr of one": "def f(x):\n    return getattr(x)",
    "uninitialized of none": "def f(x):\n    return uninitialized()",
    "unchecked_cast of one": "def f(x):\n    return unchecked_cast(int)",
    "fork of nothing": "def f(x):\n    return fork()",
    "break outside": "def f(x):\n    break\n    return x",
    "continue outside": "def f(x):\n    continue\n    return x",
    "break in a branch": "def f(x):\n    if bool(x):\n        break\n    return x",
    "open bracket": "def f(x):\n    return (x",
    "annotation that is no type": "def f(x: 3):\n    return x",
    "annotation of a missing name": "def f(x: Missing):\n    return x",
    "annotation in an unclosed string": "def f(x: 'List[int'):\n    return x",
    "result annotation in an unclosed string": "def f(x) -> 'List[':\n    return x",
    "type comment, unclosed": "def f(x):\n    # type: (List[int) -> int\n    return x",
    "type comment of two arguments": "def f(x):\n    # type: (int, int) -> int\n    return x",
    "local annotation that is broken": "def f(x):\n    y: 'List[' = []\n    return x",
    "tuple of unequal size": "def f(x):\n    a, b = (x, x, x)\n    return a",
    "no function": "x = 3",
    "star in a subscript": "def f(x):\n    return x[*[1]]",
    "yield": "def f(x):\n    yield x",
    "return outside": "return 3",
    "indentation": "def f(x):\nreturn x",
    "tab and space": "def f(x):\n    y = x\n\treturn y",
    "a null character": "def f(x):\n    return x\0",
}


@pytest.mark.parametrize(
    "text", [pytest.param(text, id=name.replace(" ", "-")) for name, text in REFUSED.items()]
)
def test_a_text_that_is_no_torchscript_is_one_error(text: str) -> None:
    with pytest.raises((RuntimeError, SyntaxError, TypeError)):
        getattr(torch.jit.CompilationUnit(text), "f")  # noqa: B009 - the function is compiled when asked for
    with pytest.raises(CompileError):
        getattr(tsc.jit.CompilationUnit(text), "f")  # noqa: B009 - the function is compiled when asked for
