"""Modules of `torch.nn`, by their texts, each with the texts of its inputs: what they mean depends on whose
`nn` and `torch` they are evaluated with.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Row(NamedTuple):
    """One module, by its text, with the texts of its inputs."""

    module: str
    inputs: str
    xfail: str = ""

    @property
    def title(self) -> str:
        """The row as a test name."""
        return f"{self.module} of {self.inputs}"


def floats(*shape: int) -> Tensor:
    """Normal numbers."""
    return torch.randn(*shape)


def unit(*shape: int) -> Tensor:
    """Numbers in [0, 1)."""
    return torch.rand(*shape)


def ids(bound: int, *shape: int) -> Tensor:
    """Whole numbers below `bound`."""
    return torch.randint(0, bound, shape)


def signs(*shape: int) -> Tensor:
    """-1 and 1."""
    return torch.randint(0, 2, shape).float() * 2 - 1


ROWS: tuple[Row, ...] = (
    Row("nn.Identity()", "floats(2, 3)"),
    Row("nn.Linear(4, 3)", "floats(2, 4)"),
    Row("nn.Linear(4, 3, bias=False)", "floats(2, 5, 4)"),
    Row("nn.Bilinear(4, 3, 2)", "floats(5, 4), floats(5, 3)"),
    Row("nn.Conv1d(3, 4, 3)", "floats(2, 3, 9)"),
    Row("nn.Conv2d(3, 4, 3, stride=2, padding=1)", "floats(2, 3, 8, 8)"),
    Row("nn.Conv2d(4, 4, 3, padding='same', groups=2)", "floats(1, 4, 6, 6)"),
    Row("nn.Conv2d(3, 4, 3, padding=1, padding_mode='reflect')", "floats(1, 3, 6, 6)"),
    Row("nn.Conv2d(3, 4, 3, padding=1, padding_mode='circular')", "floats(1, 3, 6, 6)"),
    Row("nn.Conv3d(2, 3, 2)", "floats(1, 2, 4, 4, 4)"),
    Row("nn.ConvTranspose1d(3, 2, 3, stride=2)", "floats(1, 3, 5)"),
    Row("nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1, output_padding=1)", "floats(1, 3, 5, 5)"),
    Row("nn.ConvTranspose3d(2, 3, 2)", "floats(1, 2, 3, 3, 3)"),
    Row("nn.MaxPool1d(2)", "floats(1, 2, 8)"),
    Row("nn.MaxPool2d(3, stride=2, padding=1)", "floats(1, 2, 9, 9)"),
    Row("nn.MaxPool2d(2, ceil_mode=True)", "floats(1, 2, 7, 7)"),
    Row("nn.MaxPool2d(2, return_indices=True)", "floats(1, 2, 8, 8)"),
    Row("nn.MaxPool3d(2)", "floats(1, 2, 4, 4, 4)"),
    Row("nn.MaxUnpool1d(2)", "floats(1, 1, 2), torch.tensor([[[1, 2]]])"),
    Row("nn.MaxUnpool2d(2)", "floats(1, 1, 2, 2), torch.tensor([[[[0, 3], [9, 15]]]])"),
    Row("nn.MaxUnpool3d(2)", "floats(1, 1, 1, 1, 1), torch.tensor([[[[[3]]]]])"),
    Row("nn.AvgPool1d(2)", "floats(1, 2, 8)"),
    Row("nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)", "floats(1, 2, 9, 9)"),
    Row("nn.AvgPool3d(2)", "floats(1, 2, 4, 4, 4)"),
    Row("nn.AdaptiveAvgPool1d(3)", "floats(1, 2, 8)"),
    Row("nn.AdaptiveAvgPool2d((3, 2))", "floats(1, 2, 8, 7)"),
    Row("nn.AdaptiveAvgPool2d((None, 2))", "floats(1, 2, 8, 7)"),
    Row("nn.AdaptiveAvgPool3d(2)", "floats(1, 2, 5, 5, 5)"),
    Row("nn.AdaptiveMaxPool1d(3)", "floats(1, 2, 8)"),
    Row("nn.AdaptiveMaxPool2d((3, 2))", "floats(1, 2, 8, 7)"),
    Row("nn.AdaptiveMaxPool2d(2, return_indices=True)", "floats(1, 2, 8, 7)"),
    Row("nn.AdaptiveMaxPool3d(2)", "floats(1, 2, 5, 5, 5)"),
    Row("nn.LPPool1d(2, 3)", "floats(1, 2, 8)"),
    Row("nn.LPPool2d(2, 3, stride=2)", "floats(1, 2, 8, 8)"),
    Row("nn.LPPool3d(2, 2)", "floats(1, 2, 4, 4, 4)"),
    Row(
        "nn.FractionalMaxPool2d(2, output_size=3, _random_samples=torch.full((1, 2, 2), 0.3))",
        "floats(1, 2, 7, 7)",
    ),
    Row(
        "nn.FractionalMaxPool3d(2, output_size=2, _random_samples=torch.full((1, 2, 3), 0.3))",
        "floats(1, 2, 5, 5, 5)",
    ),
    Row("nn.BatchNorm1d(3)", "floats(4, 3)"),
    Row("nn.BatchNorm2d(3)", "floats(2, 3, 4, 4)"),
    Row("nn.BatchNorm3d(3, affine=False)", "floats(2, 3, 2, 2, 2)"),
    Row("nn.BatchNorm2d(3, track_running_stats=False)", "floats(2, 3, 4, 4)"),
    Row("nn.SyncBatchNorm(3)", "floats(2, 3, 4, 4)"),
    Row("nn.LayerNorm(4)", "floats(2, 3, 4)"),
    Row("nn.LayerNorm((3, 4), elementwise_affine=False)", "floats(2, 3, 4)"),
    Row("nn.GroupNorm(2, 4)", "floats(2, 4, 5)"),
    Row("nn.InstanceNorm1d(3)", "floats(2, 3, 5)"),
    Row("nn.InstanceNorm2d(3, affine=True)", "floats(2, 3, 5, 5)"),
    Row("nn.InstanceNorm3d(3, track_running_stats=True)", "floats(2, 3, 3, 3, 3)"),
    Row("nn.RMSNorm(4)", "floats(2, 3, 4)"),
    Row("nn.LocalResponseNorm(2)", "floats(1, 4, 5, 5)"),
    Row("nn.CrossMapLRN2d(2)", "floats(1, 4, 5, 5)"),
    Row("nn.ELU()", "floats(2, 3)"),
    Row("nn.Hardshrink()", "floats(2, 3)"),
    Row("nn.Hardsigmoid()", "floats(2, 3)"),
    Row("nn.Hardtanh(-0.5, 0.5)", "floats(2, 3)"),
    Row("nn.Hardswish()", "floats(2, 3)"),
    Row("nn.LeakyReLU(0.2)", "floats(2, 3)"),
    Row("nn.LogSigmoid()", "floats(2, 3)"),
    Row("nn.PReLU(3)", "floats(2, 3)"),
    Row("nn.ReLU(inplace=True)", "floats(2, 3)"),
    Row("nn.ReLU6()", "floats(2, 3)"),
    Row("nn.RReLU()", "floats(2, 3)"),
    Row("nn.SELU()", "floats(2, 3)"),
    Row("nn.CELU()", "floats(2, 3)"),
    Row("nn.GELU()", "floats(2, 3)"),
    Row("nn.GELU('tanh')", "floats(2, 3)"),
    Row("nn.Sigmoid()", "floats(2, 3)"),
    Row("nn.SiLU()", "floats(2, 3)"),
    Row("nn.Mish()", "floats(2, 3)"),
    Row("nn.Softplus(2.0)", "floats(2, 3)"),
    Row("nn.Softshrink()", "floats(2, 3)"),
    Row("nn.Softsign()", "floats(2, 3)"),
    Row("nn.Tanh()", "floats(2, 3)"),
    Row("nn.Tanhshrink()", "floats(2, 3)"),
    Row("nn.Threshold(0.1, 20.0)", "floats(2, 3)"),
    Row("nn.GLU()", "floats(2, 4)"),
    Row("nn.Softmin(dim=1)", "floats(2, 3)"),
    Row("nn.Softmax(dim=1)", "floats(2, 3)"),
    Row("nn.Softmax2d()", "floats(2, 3, 4, 4)"),
    Row("nn.LogSoftmax(dim=1)", "floats(2, 3)"),
    Row("nn.AdaptiveLogSoftmaxWithLoss(8, 12, cutoffs=[4, 8])", "floats(5, 8), ids(12, 5)"),
    Row("nn.Dropout()", "floats(2, 3)"),
    Row("nn.Dropout1d()", "floats(2, 3, 4)"),
    Row("nn.Dropout2d()", "floats(2, 3, 4, 4)"),
    Row("nn.Dropout3d()", "floats(2, 3, 2, 2, 2)"),
    Row("nn.AlphaDropout()", "floats(2, 3)"),
    Row("nn.FeatureAlphaDropout()", "floats(2, 3, 4)"),
    Row("nn.Embedding(10, 3, padding_idx=0)", "ids(10, 2, 4)"),
    Row(
        "nn.Embedding(10, 3, max_norm=1.0)",
        "ids(10, 2, 4)",
    ),
    Row("nn.EmbeddingBag(10, 3)", "ids(10, 2, 4)"),
    Row("nn.EmbeddingBag(10, 3, mode='sum')", "ids(10, 6), torch.tensor([0, 2, 4])"),
    Row("nn.EmbeddingBag(10, 3, mode='max')", "ids(10, 2, 4)"),
    Row("nn.RNN(3, 4, num_layers=2)", "floats(5, 2, 3)"),
    Row("nn.RNN(3, 4, nonlinearity='relu', batch_first=True)", "floats(2, 5, 3)"),
    Row("nn.LSTM(3, 4, num_layers=2)", "floats(5, 2, 3)"),
    Row("nn.LSTM(3, 4, bidirectional=True, batch_first=True)", "floats(2, 5, 3)"),
    Row("nn.LSTM(3, 4)", "floats(5, 2, 3), (floats(1, 2, 4), floats(1, 2, 4))"),
    Row("nn.LSTM(3, 4, proj_size=2)", "floats(5, 2, 3)"),
    Row("nn.GRU(3, 4, num_layers=2, bidirectional=True)", "floats(5, 2, 3)"),
    Row("nn.GRU(3, 4)", "floats(5, 2, 3), floats(1, 2, 4)"),
    Row("nn.RNNCell(3, 4)", "floats(2, 3)"),
    Row("nn.LSTMCell(3, 4)", "floats(2, 3)"),
    Row("nn.GRUCell(3, 4)", "floats(2, 3), floats(2, 4)"),
    Row("nn.TransformerEncoderLayer(8, 2, 16)", "floats(5, 2, 8)"),
    Row(
        "nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True, activation='gelu')",
        "floats(2, 5, 8)",
    ),
    Row("nn.TransformerDecoderLayer(8, 2, 16)", "floats(5, 2, 8), floats(4, 2, 8)"),
    Row("nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2)", "floats(5, 2, 8)"),
    Row("nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 2)", "floats(5, 2, 8), floats(4, 2, 8)"),
    Row("nn.Transformer(8, 2, 1, 1, 16)", "floats(5, 2, 8), floats(4, 2, 8)"),
    Row("nn.MultiheadAttention(8, 2)", "floats(5, 2, 8), floats(4, 2, 8), floats(4, 2, 8)"),
    Row(
        "nn.MultiheadAttention(8, 2, batch_first=True, kdim=4, vdim=6)",
        "floats(2, 5, 8), floats(2, 4, 4), floats(2, 4, 6)",
    ),
    Row(
        "nn.MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True)",
        "floats(5, 2, 8), floats(4, 2, 8), floats(4, 2, 8)",
    ),
    Row("nn.PixelShuffle(2)", "floats(1, 8, 3, 3)"),
    Row("nn.PixelUnshuffle(2)", "floats(1, 2, 4, 4)"),
    Row("nn.ChannelShuffle(2)", "floats(1, 4, 3, 3)"),
    Row("nn.Upsample(scale_factor=2)", "floats(1, 2, 5)"),
    Row("nn.Upsample(scale_factor=2.5, mode='nearest')", "floats(1, 2, 4, 4)"),
    Row("nn.Upsample(scale_factor=2, mode='nearest-exact')", "floats(1, 2, 4, 4)"),
    Row("nn.Upsample(scale_factor=1.5, mode='bilinear')", "floats(1, 2, 4, 4)"),
    Row("nn.Upsample(size=(7, 5), mode='bilinear', align_corners=True)", "floats(1, 2, 4, 4)"),
    Row("nn.Upsample(scale_factor=2, mode='linear')", "floats(1, 2, 5)"),
    Row("nn.Upsample(scale_factor=2, mode='bicubic')", "floats(1, 2, 4, 4)"),
    Row("nn.Upsample(scale_factor=2, mode='trilinear')", "floats(1, 2, 3, 3, 3)"),
    Row("nn.Upsample(scale_factor=2.0)", "floats(1, 2, 3, 3, 3)"),
    Row("nn.UpsamplingNearest2d(scale_factor=2)", "floats(1, 2, 4, 4)"),
    Row("nn.UpsamplingBilinear2d(scale_factor=2)", "floats(1, 2, 4, 4)"),
    Row("nn.Unfold(2, padding=1)", "floats(1, 2, 4, 4)"),
    Row("nn.Fold((4, 4), 2)", "floats(1, 8, 9)"),
    Row("nn.ReflectionPad1d(2)", "floats(1, 2, 5)"),
    Row("nn.ReflectionPad2d((1, 2, 0, 1))", "floats(1, 2, 5, 5)"),
    Row("nn.ReflectionPad3d(1)", "floats(1, 2, 3, 3, 3)"),
    Row("nn.ReplicationPad1d(2)", "floats(1, 2, 5)"),
    Row("nn.ReplicationPad2d(2)", "floats(1, 2, 5, 5)"),
    Row("nn.ReplicationPad3d(1)", "floats(1, 2, 3, 3, 3)"),
    Row("nn.ZeroPad1d(2)", "floats(1, 2, 5)"),
    Row("nn.ZeroPad2d(2)", "floats(1, 2, 5, 5)"),
    Row("nn.ZeroPad3d(1)", "floats(1, 2, 3, 3, 3)"),
    Row("nn.ConstantPad1d(2, 3.5)", "floats(1, 2, 5)"),
    Row("nn.ConstantPad2d(2, 3.5)", "floats(1, 2, 5, 5)"),
    Row("nn.ConstantPad3d(1, 3.5)", "floats(1, 2, 3, 3, 3)"),
    Row("nn.CircularPad1d(2)", "floats(1, 2, 5)"),
    Row("nn.CircularPad2d(2)", "floats(1, 2, 5, 5)"),
    Row("nn.CircularPad3d(1)", "floats(1, 2, 3, 3, 3)"),
    Row("nn.L1Loss()", "floats(2, 3), floats(2, 3)"),
    Row("nn.MSELoss(reduction='sum')", "floats(2, 3), floats(2, 3)"),
    Row("nn.CrossEntropyLoss()", "floats(4, 3), ids(3, 4)"),
    Row("nn.CrossEntropyLoss(weight=torch.rand(3), label_smoothing=0.1)", "floats(4, 3), ids(3, 4)"),
    Row(
        "nn.CTCLoss()",
        "floats(6, 2, 5).log_softmax(2), ids(4, 2, 3) + 1, torch.tensor([6, 6]), torch.tensor([3, 2])",
    ),
    Row("nn.NLLLoss(ignore_index=1)", "floats(4, 3), ids(3, 4)"),
    Row("nn.NLLLoss2d()", "floats(2, 3, 2, 2), ids(3, 2, 2, 2)"),
    Row("nn.PoissonNLLLoss(full=True)", "floats(2, 3), unit(2, 3) * 5"),
    Row("nn.GaussianNLLLoss()", "floats(2, 3), floats(2, 3), unit(2, 3)"),
    Row("nn.KLDivLoss(reduction='batchmean')", "floats(2, 3), unit(2, 3)"),
    Row("nn.KLDivLoss(reduction='sum', log_target=True)", "floats(2, 3), floats(2, 3)"),
    Row("nn.BCELoss()", "unit(2, 3), unit(2, 3)"),
    Row("nn.BCEWithLogitsLoss(pos_weight=torch.rand(3))", "floats(2, 3), unit(2, 3)"),
    Row("nn.MarginRankingLoss()", "floats(4), floats(4), signs(4)"),
    Row("nn.HingeEmbeddingLoss()", "floats(4, 3), signs(4, 3)"),
    Row("nn.MultiLabelMarginLoss()", "floats(2, 4), torch.tensor([[3, 0, -1, 1], [1, -1, 0, 2]])"),
    Row("nn.HuberLoss()", "floats(2, 3), floats(2, 3)"),
    Row("nn.SmoothL1Loss()", "floats(2, 3), floats(2, 3)"),
    Row("nn.SoftMarginLoss()", "floats(2, 3), signs(2, 3)"),
    Row("nn.MultiLabelSoftMarginLoss()", "floats(2, 3), ids(2, 2, 3)"),
    Row("nn.CosineEmbeddingLoss()", "floats(4, 3), floats(4, 3), signs(4)"),
    Row("nn.MultiMarginLoss()", "floats(4, 3), ids(3, 4)"),
    Row("nn.TripletMarginLoss()", "floats(4, 3), floats(4, 3), floats(4, 3)"),
    Row("nn.TripletMarginWithDistanceLoss()", "floats(4, 3), floats(4, 3), floats(4, 3)"),
    Row("nn.CosineSimilarity()", "floats(2, 3), floats(2, 3)"),
    Row("nn.PairwiseDistance()", "floats(2, 3), floats(2, 3)"),
    Row("nn.Flatten()", "floats(2, 3, 4)"),
    Row("nn.Unflatten(1, (2, 3))", "floats(2, 6)"),
    Row("nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2))", "floats(1, 1, 4, 4)"),
)
