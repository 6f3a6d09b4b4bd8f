"""Latents, NumPy's or PyTorch's, as one packet of latent-preview's wire format, version 1 (docs/wire-format.md)."""

import json
import struct
import zlib

import numpy as np

LAYOUTS = ("", "CHW", "HWC", "NCHW", "NHWC", "CTHW", "TCHW", "NCTHW", "NTCHW", "LC", "NLC")
TYPES = {"float32": (1, "<f4"), "float16": (2, "<f2"), "uint8": (4, "u1")}
NAN = float("nan")


def encode_latents(latents, dtype="float16", deflate=False, layout="", domain="", content="", step=0, steps=0,
                   timestep=NAN, sigma=NAN, items=(0, 0), frames=(0, 1, 0), size=(0, 0), text=None):
    """`latents`: an array, or a tensor on any device; `items`: first, in all; `frames`: first, stride, in all; `size`: latent
    rows and columns of tokens."""
    code, kind = TYPES[dtype]
    if hasattr(latents, "detach"):
        latents = latents.detach().float().cpu().numpy()
    if dtype == "uint8":
        scaled = np.clip(np.asarray(latents, np.float64) / 6 + 0.5, 0, 1) * 255
        latents = np.floor(np.nan_to_num(scaled, nan=127.5) + 0.5)
    numbers = np.asarray(latents).astype(kind)
    payload = zlib.compress(numbers.tobytes(), 1) if deflate else numbers.tobytes()
    about = json.dumps(text, separators=(",", ":"), ensure_ascii=False).encode() if text else b""
    about += b" " * (-len(about) % 8)
    shape = numbers.shape + (0,) * (5 - numbers.ndim)
    header = 80 + len(about)
    return struct.pack(
        "<4sBBHIBBBB5IBBHIIffIIIIIHH", b"LATP", 1, 1, header, header + len(payload),
        code, deflate, numbers.ndim, LAYOUTS.index(layout), *shape,
        ("", "model", "vae").index(domain), ("", "sample", "x0").index(content), 0,
        step, steps, timestep, sigma, *items, *frames, *size,
    ) + about + payload


def first_item(latents, every_nth_frame=1):
    """A batch's first picture, or every nth frame of its first video: `encode_latents(**first_item(latents))`."""
    items = (0, latents.shape[0])
    if latents.ndim == 4:
        return {"latents": latents[:1], "layout": "NCHW", "items": items}
    frames = (0, every_nth_frame, latents.shape[2])
    return {"latents": latents[:1, :, ::every_nth_frame], "layout": "NCTHW", "items": items, "frames": frames}
