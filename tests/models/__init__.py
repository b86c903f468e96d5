# pyright: reportUnknownMemberType=false, reportArgumentType=false
"""Models of real size, defined in PyTorch with random weights: what the tests and benchmarks run."""

import torch

from tests.models.attention import bert, vit
from tests.models.convolutional import mobilenet_v3_large, resnet18, resnet50
from tests.models.small import NormSoftmax, PointwiseChain, mlp

__all__ = [
    "MODELS",
    "NormSoftmax",
    "PointwiseChain",
    "bert",
    "example_inputs",
    "make",
    "mlp",
    "mobilenet_v3_large",
    "resnet18",
    "resnet50",
    "vit",
]

IMAGE = (1, 3, 224, 224)
MODELS = {
    "resnet18": (resnet18, lambda: (torch.randn(IMAGE),)),
    "resnet50": (resnet50, lambda: (torch.randn(IMAGE),)),
    "mobilenet_v3_large": (mobilenet_v3_large, lambda: (torch.randn(IMAGE),)),
    "vit_base": (vit, lambda: (torch.randn(IMAGE),)),
    "bert_base": (bert, lambda: (torch.randint(0, 30522, (1, 128)),)),
    "mlp": (mlp, lambda: (torch.randn(1, 64),)),
    "pointwise_chain": (PointwiseChain, lambda: (torch.randn(1_000_000), torch.randn(1_000_000))),
    "norm_softmax": (NormSoftmax, lambda: (torch.randn(1024, 768),)),
}
"""Name to (constructor, example inputs)."""


def make(name: str) -> torch.nn.Module:
    """The model called `name`, seeded, in eval mode, with batch norm statistics that are not trivial."""
    torch.manual_seed(0)
    model = MODELS[name][0]().eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.1, 0.1)
    return model


def example_inputs(name: str, seed: int = 1) -> tuple[torch.Tensor, ...]:
    """Seeded inputs for the model called `name`."""
    torch.manual_seed(seed)
    return MODELS[name][1]()
