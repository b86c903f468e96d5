"""How numbers that are read from tensors are computed with as tensors."""
