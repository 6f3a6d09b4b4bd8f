"""The mini decoder as plain PyTorch: every width and depth is read from the shapes of the weights. Nothing of training.

Latents (N, C, H, W), as the sampler has them, to rgb (N, 3, 8H, 8W), around 0..1 and not clamped. Two resolutions: `low`
at the latents', `high` at twice that; the head gives each place of `high` its 4×4 pixels at once.
"""

import torch
from torch import nn
from torch.nn import functional


def conv(channels_in, channels_out, size=3):
    return nn.Conv2d(channels_in, channels_out, size, padding=size // 2)


class Block(nn.Module):
    """Two 3×3 convs around a residual."""

    def __init__(self, width):
        super().__init__()
        self.conv1, self.conv2 = conv(width, width), conv(width, width)

    def forward(self, x):
        return torch.relu(x + self.conv2(torch.relu(self.conv1(x))))


class Mini(nn.Module):
    def __init__(self, channels, low_width=48, low_blocks=1, high_width=32, high_blocks=2, rise_size=1):
        super().__init__()
        self.stem = conv(channels, low_width)
        self.low = nn.Sequential(*(Block(low_width) for _ in range(low_blocks)))
        self.rise = conv(low_width, 4 * high_width, rise_size)
        self.high = nn.Sequential(*(Block(high_width) for _ in range(high_blocks)))
        self.head = conv(high_width, 48)

    def forward(self, latents):
        x = self.low(torch.relu(self.stem(latents)))
        x = self.high(torch.relu(functional.pixel_shuffle(self.rise(x), 2)))
        return functional.pixel_shuffle(self.head(x), 4)


def cost(net):
    """(parameters, multiplications per latent pixel)."""
    parameters = sum(parameter.numel() for parameter in net.parameters())
    high = [*net.high.parameters(), net.head.weight]
    low = [net.stem.weight, *net.low.parameters(), net.rise.weight]
    count = lambda tensors: sum(tensor.numel() for tensor in tensors if tensor.ndim == 4)  # noqa: E731
    return parameters, count(low) + 4 * count(high)


def from_weights(weights):
    """The net that a state dict is of."""
    low_width, channels = weights["stem.weight"].shape[:2]
    net = Mini(
        channels,
        low_width,
        sum(name.startswith("low.") and name.endswith("conv1.weight") for name in weights),
        weights["head.weight"].shape[1],
        sum(name.startswith("high.") and name.endswith("conv1.weight") for name in weights),
        weights["rise.weight"].shape[2],
    )
    net.load_state_dict(weights)
    return net.eval()
