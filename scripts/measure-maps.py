#!/usr/bin/env python3
"""How near each published map comes to the photo: mean PSNR in dB at latent size, as a markdown table.

Decides which permissively licensed map is a family's default. Needs ../shared (latents, photos), numpy and Pillow, and
`npm run build` before it: the maps are read from dist. The maths is numpy's, not the library's.
"""
import json
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

root = Path(__file__).resolve().parent.parent
fixtures = root.parent / "shared" / "fixtures"
photos = {path.stem: path for path in sorted((fixtures / "photos").iterdir())}
# Family: the name its latents' files have.
families = {"sd15": "sd1", "sdxl": "sdxl", "sd3": "sd3", "flux": "flux1", "flux2": "flux2"}

dump = """
const { formats } = await import('./dist/index.js');
const { copyleftFormats } = await import('./dist/formats/copyleft/index.js');
console.log(JSON.stringify([...Object.values(formats), ...Object.values(copyleftFormats)]));
"""
formats = json.loads(subprocess.check_output(["node", "--input-type=module", "-e", dump], cwd=root))


def decode(entry, latents):
    """Model latents (C, H, W) to RGB (H, W, 3) in 0..1."""
    factors = np.array(entry["latentRgbFactors"])
    if len(factors) == 4 * len(latents):  # a map of packed channels: fold 2×2 pixels
        c, h, w = latents.shape
        even = latents[:, : h // 2 * 2, : w // 2 * 2]
        latents = even.reshape(c, h // 2, 2, w // 2, 2).transpose(0, 2, 4, 1, 3).reshape(4 * c, h // 2, w // 2)
    rgb = np.einsum("chw,cr->hwr", latents, factors) + np.array(entry.get("latentRgbBias", [0, 0, 0]))
    if "smoothMatrix" in entry:
        padded = np.pad(rgb, ((1, 1), (1, 1), (0, 0)))
        h, w, _ = rgb.shape
        rgb = sum(entry["smoothMatrix"][i][j] * padded[i : i + h, j : j + w] for i in range(3) for j in range(3))
    low, high = entry.get("outputRange", [-1, 1])
    return np.clip((rgb - low) / (high - low), 0, 1)


def box(image, factor, height, width):
    """The photo averaged over factor × factor pixels."""
    pixels = np.asarray(image.convert("RGB"), np.float64)[: height * factor, : width * factor] / 255
    return pixels.reshape(height, factor, width, factor, 3).mean((1, 3))


def halved(rgb):
    h, w, _ = rgb.shape
    return rgb[: h // 2 * 2, : w // 2 * 2].reshape(h // 2, 2, w // 2, 2, 3).mean((1, 3))


def psnr(a, b):
    return -10 * np.log10(((a - b) ** 2).mean())


print("| map | licence | photos | PSNR at latent size | averaged over 2×2 |\n|---|---|---|---|---|")
for base, suffix in families.items():
    rows = []
    for entry in formats:
        if entry["base"] != base or entry["id"] == base or "latentRgbFactors" not in entry:
            continue
        at_size, averaged = [], []
        for name, photo in photos.items():
            path = fixtures / "latents" / f"{name}.{suffix}.npy"
            if not path.exists():
                continue
            latents = np.load(path).astype(np.float64)[0]
            rgb, image = decode(entry, latents), Image.open(photo)
            small = rgb.shape[0] < latents.shape[1]
            if not small:
                at_size.append(psnr(rgb, box(image, 8, *rgb.shape[:2])))
                rgb = halved(rgb)
            averaged.append(psnr(rgb, box(image, 16, *rgb.shape[:2])))
        first = f"{np.mean(at_size):.2f}" if at_size else "–"
        rows.append((np.mean(at_size or [0]), entry["id"], entry["source"]["licence"], len(averaged), first, np.mean(averaged)))
    for _, id, licence, count, first, second in sorted(rows, reverse=True):
        print(f"| {id} | {licence} | {count} | {first} | {second:.2f} |")
