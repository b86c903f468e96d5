"""Write `src/tsc/dialects/torch_mlir_ops.txt`: the schema operations that the installed torch-mlir has
registered.

Operations not among them are printed as ``torch.operator "aten.name"(...)``, which every torch-mlir tool
reads.
"""

import re
from pathlib import Path

import torch_mlir.dialects

TARGET = Path(__file__).parents[1] / "src/tsc/dialects/torch_mlir_ops.txt"


def main() -> None:
    """Collect the names from torch-mlir's generated Python classes."""
    folder = Path(next(iter(torch_mlir.dialects.__path__)))
    text = (folder / "_torch_ops_gen.py").read_text(encoding="utf-8")
    names = sorted(set(re.findall(r'OPERATION_NAME = "torch\.((?:aten|prims?|quantized)\.[^"]+)"', text)))
    TARGET.write_text("\n".join(names) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
