"""Makes test/fixtures/conv: tiny nets of each conv architecture with random weights, an input and PyTorch's output.

Run: python3 scripts/make-conv-fixtures.py
Needs: torch, numpy.

The weights are rounded to the dtype of their file; the output is computed in float64 from exactly those and from a float32
input, then rounded to float32, unclamped. conv.json is the index.
"""

import json
import shutil

import numpy
import torch
from torch import nn

from tae import ROOT, Clamp, write_safetensors

FOLDER = ROOT / "test/fixtures/conv"
SIZE_LIMIT = 300_000
SEED = 41


def conv(channels_in, channels_out, size=3, **options):
    return nn.Conv2d(channels_in, channels_out, size, padding=size // 2, **options)


class Block(nn.Module):
    """TAESD's block; `skip` where the width changes, `pool` (TAEF2) added to the input first."""

    def __init__(self, width_in, width, pooled=0):
        super().__init__()
        self.conv = nn.Sequential(conv(width_in, width), nn.ReLU(), conv(width, width), nn.ReLU(), conv(width, width))
        if width_in != width:
            self.skip = conv(width_in, width, 1, bias=False)
        if pooled:
            wide, narrow = conv(width_in, pooled, 1, bias=False), conv(pooled, width_in, 1, bias=False)
            self.pool = nn.Sequential(wide, nn.GroupNorm(4, pooled), nn.ReLU(), narrow)

    def forward(self, x):
        if hasattr(self, "pool"):
            x = x + self.pool(x)
        return torch.relu(self.conv(x) + (self.skip(x) if hasattr(self, "skip") else x))


def decoder(channels, stages, planes=3, pooled=0):
    """stages: for each resolution the widths its blocks give; the conv after each enlarging changes to the first of them."""
    width = stages[0][0]
    layers = [Clamp(), conv(channels, width), nn.ReLU()]
    for index, widths in enumerate(stages):
        if index > 0:
            layers += [nn.Upsample(scale_factor=2), conv(width, widths[0], bias=False)]
            width = widths[0]
        for next_width in widths:
            layers.append(Block(width, next_width, pooled if index == 0 else 0))
            width = next_width
    return nn.Sequential(*layers, conv(width, planes))


def encoder(channels, width):
    """As TAESD's, with one enlarging: in combined files for a reader to pass over, and alone to refuse."""
    shrunk = nn.Conv2d(width, width, 3, padding=1, stride=2, bias=False)
    return nn.Sequential(conv(3, width), Block(width, width), shrunk, Block(width, width), conv(width, channels))


class Approx(nn.Module):
    """A1111's VAEApprox at other widths."""

    def __init__(self, widths):
        super().__init__()
        for index, (size, width_in, width) in enumerate(zip((7, 5, 3, 3, 3, 3, 3, 3), widths, widths[1:])):
            setattr(self, f"conv{index + 1}", nn.Conv2d(width_in, width, size))

    def forward(self, x):
        x = nn.functional.interpolate(x, scale_factor=2)
        x = nn.functional.pad(x, (11, 11, 11, 11))
        for index in range(8):
            x = nn.functional.leaky_relu(getattr(self, f"conv{index + 1}")(x), 0.1)
        return x


def randomise(net, generator, dtype):
    """Weights that keep activations near 1 through any depth, rounded to `dtype`, held as float64."""
    net = net.double()
    for name, parameter in net.named_parameters():
        values = generator.standard_normal(tuple(parameter.shape))
        if parameter.ndim == 4:
            fan_in = parameter[0].numel()
            # The last conv of a block is added to what is there already.
            values *= (0.5 if name.endswith("conv.4.weight") else 1.4) / fan_in**0.5
        else:
            values = values * 0.2 + (1 if name.endswith("pool.1.weight") else 0)
        parameter.data = torch.from_numpy(values).to(dtype).double()
    return net.eval()


def random_decoder(generator, dtype, channels, stages, **options):
    """A decoder most of whose output lies in 0..1, so that clamped pictures of it show something."""
    net = randomise(decoder(channels, stages, **options), generator, dtype)
    last = net[-1]
    with torch.no_grad():
        output = net(torch.from_numpy(generator.standard_normal((1, channels, 4, 4))) * 1.5)
        gain = 0.2 / output.std((0, 2, 3))
        last.bias.copy_(((last.bias - output.mean((0, 2, 3))) * gain + 0.5).to(dtype))
        last.weight.copy_((last.weight * gain[:, None, None, None]).to(dtype))
    return net


def state(net, dtype, prefix="", shift=0):
    """The net's tensors; `shift` moves the number that every name starts with, as diffusers' missing Clamp does."""
    tensors = {}
    for name, tensor in net.state_dict().items():
        place, rest = name.split(".", 1)
        tensors[f"{prefix}{int(place) + shift}.{rest}" if shift else prefix + name] = tensor.to(dtype)
    return tensors


entries = []


def add(name, kind, net, weights, generator, shape, about, **expected):
    """Writes one fixture. A `vae_scale` among the weights makes the input a VAE latent, as ComfyUI feeds such files."""
    write_safetensors(FOLDER / f"{name}.safetensors", weights)
    # Beyond ±3 here and there, where the soft clamp matters.
    source = torch.from_numpy(generator.standard_normal(shape).astype(numpy.float32) * 1.5)
    scale, shift = (float(weights.get(key, default)) for key, default in (("vae_scale", 1.0), ("vae_shift", 0.0)))
    if scale != 1:
        source = source / scale + shift
    with torch.no_grad():
        output = net((source.double() - shift) * scale).float()
    numpy.save(FOLDER / f"{name}.input.npy", source.numpy())
    numpy.save(FOLDER / f"{name}.output.npy", output.numpy())
    entries.append(
        {
            "name": name,
            "about": about,
            "kind": kind,
            **({"scalingFactor": round(scale, 6), "shiftFactor": round(shift, 6)} if scale != 1 else {}),
            "inputShape": list(source.shape),
            "outputShape": list(output.shape),
            **expected,
        }
    )


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    generator = numpy.random.RandomState(SEED)
    half, brain, full = torch.float16, torch.bfloat16, torch.float32

    net = random_decoder(generator, half, 4, [[8] * 3, [8] * 3, [4] * 3, [4]])
    about = "TAESD for SD1 and SDXL, every layer of it, 8 and 4 wide; float16"
    add("taesd", "taesd", net, state(net, half), generator, (1, 4, 3, 5), about)

    net = random_decoder(generator, brain, 16, [[8], [8], [8], [8]])
    about = "16 channels as for SD3 and FLUX.1, one block a stage; bfloat16"
    add("taesd-16", "taesd", net, state(net, brain), generator, (1, 16, 3, 4), about)

    net = random_decoder(generator, half, 16, [[4] * 2, [4], [4], [4]])
    other = randomise(encoder(16, 4), generator, half)
    weights = {**state(other, half, "encoder.layers."), **state(net, half, "decoder.layers.", -1)}
    about = "diffusers AutoencoderTiny, encoder beside it; float16"
    add("taesd-diffusers", "taesd", net, weights, generator, (1, 16, 3, 3), about)

    net = random_decoder(generator, full, 4, [[4], [4], [4], [4]])
    other = randomise(encoder(4, 4), generator, full)
    scalars = {"vae_scale": torch.tensor(0.18215), "vae_shift": torch.tensor(0.25)}
    weights = {**state(other, full, "taesd_encoder."), **state(net, full, "taesd_decoder."), **scalars}
    about = "ComfyUI's combined file with vae_scale and vae_shift: the input is a VAE latent; float32"
    add("taesd-combined", "taesd", net, weights, generator, (1, 4, 2, 3), about)

    net = random_decoder(generator, half, 32, [[8] * 3, [4], [4], [4]], pooled=32)
    about = "TAEF2 for FLUX.2: GroupNorm pooling in the first three blocks; float16"
    add("taef2", "taesd", net, state(net, half), generator, (1, 32, 3, 4), about)

    net = random_decoder(generator, half, 32, [[12], [8], [4], [4], [4], [4]])
    about = "Sana's F32 variant: five times enlarged, narrower by the convs after each; float16"
    add("taesana", "taesd", net, state(net, half), generator, (1, 32, 1, 2), about)

    net = random_decoder(generator, half, 4, [[8, 12], [7, 5]])
    about = "Blocks that change the width, with skip convs, odd widths, prefix decoder.; float16"
    add("taesd-skip", "taesd", net, state(net, half, "decoder."), generator, (1, 4, 4, 5), about)

    net = random_decoder(generator, half, 64, [[8], [4], [4], [4], [4]], planes=4)
    about = "64 channels, four times enlarged, RGBA; float16"
    add("taesd-rgba", "taesd", net, state(net, half), generator, (1, 64, 2, 1), about)

    net = randomise(Approx([4, 8, 8, 16, 16, 8, 8, 8, 3]), generator, half)
    about = "A1111's VAEApprox, narrower; float16"
    add("vae-approx", "vaeApprox", net, state(net, half), generator, (1, 4, 5, 6), about)

    net = randomise(encoder(4, 4), generator, half)
    write_safetensors(FOLDER / "encoder.safetensors", state(net, half))

    text = ",\n".join(f"  {json.dumps(entry)}" for entry in entries)
    (FOLDER / "conv.json").write_text(f'{{"entries": [\n{text}\n]}}\n')
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    for entry in entries:
        output = numpy.load(FOLDER / f"{entry['name']}.output.npy")
        print(f"{entry['name']:16} {output.min():8.3f} {output.max():8.3f} std {output.std():.3f}")
    print(f"{size} bytes")
    assert size < SIZE_LIMIT, f"{size} bytes of fixtures, at most {SIZE_LIMIT}"


if __name__ == "__main__":
    main()
