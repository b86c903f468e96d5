"""Write `src/tsc/dialects/schemas.txt`: the operator schemas of the installed PyTorch, in overload
resolution order.

Run with PyTorch 2.13 installed: ``python tools/make_schemas.py``.
"""

import re
from pathlib import Path

import torch

TARGET = Path(__file__).parents[1] / "src/tsc/dialects/schemas.txt"
INTERNAL = re.compile(
    r"^(aten::_(foreach|fused|cudnn|mkldnn|nested|sparse|cslt|thnn|use_cudnn|neg_view|conj_physical_out|amp|scaled"
    r"|weight_int|transform_bias|assert_tensor|cufft|fw|test|validate|spdiags|efficient|flash|triton|wrapped|coalesce"
    r"|indices|values|nnz|to_sparse|dirichlet|embedding_bag_)"
    r"|aten::(cudnn|miopen|mkldnn|quantized|fbgemm|to_sparse|to_mkldnn|ccol|crow|sspaddmm|hspmm|rrelu_with)"
    r"|aten::.*backward|aten::.*_jvp)"
)
"""Gradients, vendor libraries and sparse internals: a TorchScript program cannot meaningfully name them."""
NAMED = (
    "aten::_nested_tensor_from_mask", "aten::_nested_tensor_from_mask_left_aligned", "aten::backward",
)  # fmt: skip
"""Internals that PyTorch's own modules name (`TransformerEncoder`), and programs that differentiate."""


def main() -> None:
    """Collect the schemas of the namespaces TorchScript programs use and write them, one a line."""
    names = sorted({schema.name for schema in torch._C._jit_get_all_schemas()})  # pyright: ignore[reportPrivateUsage]
    lines: list[str] = []
    for name in names:
        is_internal = INTERNAL.match(name) is not None and name not in NAMED
        if name.split("::")[0] not in ("aten", "prim", "quantized") or is_internal:
            continue
        lines += [str(schema) for schema in torch._C._jit_get_schemas_for_operator(name)]  # pyright: ignore[reportPrivateUsage]
    TARGET.write_text("\n".join(dict.fromkeys(lines)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
