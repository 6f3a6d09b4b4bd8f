#!/usr/bin/env python3
"""Makes test/fixtures/fit: small pairs, and the maps and pictures that numpy's own least squares gives for them.

Independent of the library on purpose: the features are written out as columns, np.linalg.lstsq (an SVD) solves them, the
ridge is rows added below. Needs Python 3 with numpy (made with 2.4):
    python3 scripts/make-fit-fixtures.py
"""
import json
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np

folder = Path(__file__).resolve().parent.parent / "test" / "fixtures" / "fit"
folder.mkdir(parents=True, exist_ok=True)
random = np.random.default_rng(1805)
channels, downscale = 3, 8
powers = {"linear": 1, "affine": 1, "quadratic": 2, "cubic": 3}
cases = [  # kind, neighbourhood, upscale, ridge
    ("linear", 1, 1, 0),
    ("affine", 1, 1, 0),
    ("quadratic", 1, 1, 0),
    ("cubic", 1, 1, 0),
    ("linear", 3, 1, 0),
    ("affine", 3, 1, 0.01),
    ("affine", 5, 1, 0.1),
    ("affine", 3, 2, 0),
    ("quadratic", 3, 2, 1e-3),
    ("linear", 1, 8, 0.3),
    ("quadratic", 1, 4, 1e-4),
    ("cubic", 3, 4, 0.05),
]


def pair(height, width, extra):
    """Latents (3, H, W), and an image that has `extra` rows and columns more than the encoder kept."""
    latents = (random.normal(0.3, 1, (channels, height, width)) * [[[1]], [[0.7]], [[1.4]]]).astype(np.float32)
    large = np.kron(latents, np.ones((1, downscale, downscale)))
    mixed = np.einsum("chw,rc->rhw", large, random.normal(0, 0.2, (3, channels))) + 0.02 * large[:1] * large[1:2]
    mixed += random.normal(0, 0.1, mixed.shape)
    image = np.clip(np.rint((mixed * 0.5 + 0.5) * 255), 0, 255).astype(np.uint8).transpose(1, 2, 0)
    return latents, np.pad(image, ((0, extra[0]), (0, extra[1]), (0, 0)), constant_values=255)


def features(latents, kind, k):
    """(pixels, features), the constant first where there is one."""
    reach = k // 2
    c, h, w = latents.shape
    padded = np.pad(latents.astype(np.float64), ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    columns = [] if kind == "linear" else [np.ones(h * w)]
    for channel in range(c):
        for dy in range(k):
            for dx in range(k):
                columns.append(padded[channel, dy : dy + h, dx : dx + w].ravel())
    z = latents.astype(np.float64).reshape(c, -1)
    for power in range(2, powers[kind] + 1):
        for product in combinations_with_replacement(range(c), power):
            columns.append(np.prod(z[list(product)], axis=0))
    return np.stack(columns, axis=1)


def targets(latents, image, upscale):
    """(pixels, 3·upscale²) in 0..255: box averages of the image without what the encoder dropped."""
    _, h, w = latents.shape
    box = downscale // upscale
    kept = image[: h * downscale, : w * downscale].astype(np.float64)
    small = kept.reshape(h * upscale, box, w * upscale, box, 3).mean((1, 3))
    return small.reshape(h, upscale, w, upscale, 3).transpose(0, 2, 4, 1, 3).reshape(h * w, -1)


def solve(x, y, ridge, kind):
    """(3·upscale², features). The ridge holds coefficients times deviations; never the constant."""
    deviations = np.sqrt((x**2).mean(0)) if kind == "linear" else x.std(0)
    penalty = np.diag(deviations) * np.sqrt(ridge * len(x))
    rows = np.vstack([x, penalty]) if ridge else x
    goals = np.vstack([y, np.zeros((x.shape[1], y.shape[1]))]) if ridge else y
    return np.linalg.lstsq(rows, goals, rcond=None)[0].T


pairs = [pair(9, 7, (0, 0)), pair(6, 13, (3, 7)), pair(8, 9, (5, 0))]
for index, (latents, image) in enumerate(pairs):
    np.save(folder / f"pair{index}.latents.npy", latents[None])
    np.save(folder / f"pair{index}.image.npy", image)

entries = []
for index, (kind, k, upscale, ridge) in enumerate(cases):
    # The last pair is held out: its mean squared error is what the fit must report.
    x = np.vstack([features(latents, kind, k) for latents, _ in pairs[:2]])
    y = np.vstack([targets(latents, image, upscale) for latents, image in pairs[:2]]) / 127.5 - 1
    weights = solve(x, y, ridge, kind)
    latents, image = pairs[2]
    predicted = features(latents, kind, k) @ weights.T
    _, h, w = latents.shape
    planes = predicted.reshape(h, w, 3, upscale, upscale).transpose(2, 0, 3, 1, 4).reshape(3, h * upscale, w * upscale)
    bytes_ = np.floor(np.clip(planes * 0.5 + 0.5, 0, 1) * 255 + 0.5)
    goal = targets(latents, image, upscale).reshape(h, w, 3, upscale, upscale)
    goal = goal.transpose(2, 0, 3, 1, 4).reshape(planes.shape)
    goal = np.floor(goal + 0.5)
    error = ((bytes_ - goal) ** 2).mean()
    entries.append({
        "kind": kind, "neighbourhood": k, "upscale": upscale, "ridge": ridge,
        "coefficients": f"case{index}.coefficients.npy", "planes": f"case{index}.planes.npy",
        "psnr": 10 * np.log10(255**2 / error), "r2": 1 - error / goal.var((1, 2)).mean(),
    })
    np.save(folder / f"case{index}.coefficients.npy", weights)
    np.save(folder / f"case{index}.planes.npy", planes.astype(np.float32))
(folder / "fit.json").write_text(json.dumps(entries, indent=1) + "\n")
