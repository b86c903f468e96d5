"""A script module holds a traced network and a parameter of its own."""

import torch
import torch.nn as nn


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d((1, 1))
        )
        self.flatten = nn.Flatten()
        self.classify = nn.Linear(4, 5)

    def forward(self, image):
        return self.classify(self.flatten(self.features(image)))


class Centered(nn.Module):
    def __init__(self):
        super().__init__()
        self.means = nn.Parameter(torch.tensor([0.485, 0.456, 0.406]).resize_(1, 3, 1, 1))
        network = Network().eval()
        for parameter in network.parameters():
            torch.nn.init.constant_(parameter, 0.25)
        self.network = torch.jit.trace(network, torch.rand(1, 3, 8, 8))

    def forward(self, image):
        return self.network(image - self.means)


module = torch.jit.script(Centered())
image = torch.arange(2 * 3 * 6 * 6).reshape(2, 3, 6, 6).to(torch.float32) / 100
result = [module(image), sorted(module.state_dict())]
