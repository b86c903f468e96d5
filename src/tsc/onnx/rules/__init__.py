"""What each operator is in ONNX: one table, family by family."""
