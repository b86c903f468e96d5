"""The table: an operator's name, and the rule that writes its nodes."""

from __future__ import annotations

from collections.abc import Mapping

from tsc.onnx.graphs import Rule
from tsc.onnx.rules.arithmetic import ARITHMETIC
from tsc.onnx.rules.creation import CREATION
from tsc.onnx.rules.functions import FUNCTIONS
from tsc.onnx.rules.images import IMAGES
from tsc.onnx.rules.indexing import INDEXING
from tsc.onnx.rules.products import PRODUCTS
from tsc.onnx.rules.reductions import REDUCTIONS
from tsc.onnx.rules.shapes import SHAPES

RULES: Mapping[str, Rule] = {
    name if "::" in name else f"aten::{name}": rule
    for family in (ARITHMETIC, FUNCTIONS, PRODUCTS, SHAPES, REDUCTIONS, IMAGES, INDEXING, CREATION)
    for name, rule in family.items()
}
