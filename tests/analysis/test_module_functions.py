"""`module_functions`: private functions are kernels, all others are hosts, and nothing else is either."""

from __future__ import annotations

from tests.passes.rewriting import parse
from tsc.analysis.module_functions import functions, hosts, is_kernel, kernels

TEXT = """
  %w = torch.constant.int 1
  func.func private @a() { func.return }
  func.func @b() { func.return }
  func.func private @c() { func.return }
  func.func public @d() { func.return }
  builtin.module @inner { func.func @e() { func.return } }"""


def test_functions_come_in_order_and_those_of_inner_modules_are_not_among_them() -> None:
    _, module = parse(f"builtin.module {{{TEXT}}}")
    assert [f.sym_name.data for f in functions(module)] == ["a", "b", "c", "d"]


def test_private_functions_are_kernels_and_the_others_hosts() -> None:
    _, module = parse(f"builtin.module {{{TEXT}}}")
    assert [f.sym_name.data for f in kernels(module)] == ["a", "c"]
    assert [f.sym_name.data for f in hosts(module)] == ["b", "d"]
    assert [is_kernel(f) for f in functions(module)] == [True, False, True, False]
