"""Modules for programs without PyTorch, written in TorchScript's own subset."""

from tsc.nn import functional, init
from tsc.nn.layers import (
    GELU,
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Dropout,
    Embedding,
    Flatten,
    Hardswish,
    LayerNorm,
    Linear,
    MaxPool2d,
    ReLU,
    Sigmoid,
    Softmax,
    Tanh,
)
from tsc.nn.module import Module, ModuleDict, ModuleList, Parameter, Sequential

__all__ = [
    "GELU", "AdaptiveAvgPool2d", "BatchNorm2d", "Conv2d", "Dropout", "Embedding", "Flatten", "Hardswish",
    "LayerNorm", "Linear", "MaxPool2d", "Module", "ModuleDict", "ModuleList", "Parameter", "ReLU",
    "Sequential", "Sigmoid", "Softmax", "Tanh", "functional", "init",
]  # fmt: skip
