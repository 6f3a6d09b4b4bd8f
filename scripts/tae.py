"""TAESD-family autoencoders as plain PyTorch, and a minimal safetensors reader and writer.

Shared by make-samples.py and make-goldens.py. Written from the shapes and names in the weight files, independently of
the TypeScript and WGSL of this repository, so that what it computes can be held against them.
"""

import json
import struct
from pathlib import Path

import numpy
import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[1]
# Weights and reference material lie beside the repository, not in it.
SHARED = ROOT.parent / "shared"

# family: (encoder, decoder); the two 4-channel and two 16-channel nets differ in weights alone.
FAMILIES = {
    "sd15": ("taesd_encoder", "taesd_decoder"),
    "sdxl": ("taesdxl_encoder", "taesdxl_decoder"),
    "sd3": ("taesd3_encoder", "taesd3_decoder"),
    "flux": ("taef1_encoder", "taef1_decoder"),
    "flux2": ("taef2_encoder", "taef2_decoder"),
}


def read_safetensors(path):
    """Every tensor of a file as float32: {name: tensor}."""
    data = Path(path).read_bytes()
    (header_size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + header_size])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = (8 + header_size + offset for offset in entry["data_offsets"])
        kind = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}[entry["dtype"]]
        values = numpy.frombuffer(data[start:end], kind)
        if entry["dtype"] == "BF16":
            values = (values.astype(numpy.uint32) << 16).view(numpy.float32)
        tensors[name] = torch.from_numpy(values.astype(numpy.float32).reshape(entry["shape"]))
    return tensors


def write_safetensors(path, tensors, metadata=None):
    """Writes {name: torch tensor}, each in its own dtype (float32, float16 or bfloat16)."""
    kinds = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
    header = {"__metadata__": metadata} if metadata else {}
    body = b""
    for name, tensor in tensors.items():
        bits = tensor.contiguous().view(torch.int32 if tensor.dtype == torch.float32 else torch.int16)
        payload = bits.numpy().tobytes()
        offsets = [len(body), len(body) + len(payload)]
        header[name] = {"dtype": kinds[tensor.dtype], "shape": list(tensor.shape), "data_offsets": offsets}
        body += payload
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + body)


class Clamp(nn.Module):
    def forward(self, x):
        return torch.tanh(x / 3) * 3


class Block(nn.Module):
    """Three 3×3 convs around a residual; in the middle of TAEF2 a pooled term is added first."""

    def __init__(self, pooled=False):
        super().__init__()
        self.conv = nn.Sequential(conv(64, 64), nn.ReLU(), conv(64, 64), nn.ReLU(), conv(64, 64))
        self.pool = pooled and nn.Sequential(
            nn.Conv2d(64, 256, 1, bias=False), nn.GroupNorm(4, 256), nn.ReLU(), nn.Conv2d(256, 64, 1, bias=False)
        )

    def forward(self, x):
        if self.pool:
            x = x + self.pool(x)
        return torch.relu(self.conv(x) + x)


def conv(channels_in, channels_out, **options):
    return nn.Conv2d(channels_in, channels_out, 3, padding=1, **options)


def blocks(count, pooled=False):
    return [Block(pooled) for _ in range(count)]


def up():
    return [nn.Upsample(scale_factor=2), conv(64, 64, bias=False)]


def down():
    return [conv(64, 64, stride=2, bias=False)]


def decoder(channels, pooled):
    middle = [Clamp(), conv(channels, 64), nn.ReLU(), *blocks(3, pooled)]
    return nn.Sequential(*middle, *up(), *blocks(3), *up(), *blocks(3), *up(), *blocks(1), conv(64, 3))


def encoder(channels, pooled):
    outer = [conv(3, 64), *blocks(1), *down(), *blocks(3), *down(), *blocks(3)]
    return nn.Sequential(*outer, *down(), *blocks(3, pooled), conv(64, channels))


def load_family(family):
    """(encode, decode) of a family: pictures (N, 3, H, W) in 0..1, model-domain latents (N, C, H/8, W/8), unpacked."""
    encoder_name, decoder_name = FAMILIES[family]
    encoder_weights = read_safetensors(SHARED / f"fixtures/encoders/{encoder_name}.safetensors")
    decoder_weights = read_safetensors(SHARED / f"fixtures/weights/{decoder_name}.safetensors")
    channels = decoder_weights["1.weight"].shape[1]
    encode = encoder(channels, "11.pool.0.weight" in encoder_weights)
    decode = decoder(channels, "3.pool.0.weight" in decoder_weights)
    encode.load_state_dict(encoder_weights)
    decode.load_state_dict(decoder_weights)
    return encode.eval(), decode.eval()
