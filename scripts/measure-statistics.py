#!/usr/bin/env python3
"""What latents of each family look like, for src/guess/statistics.ts: means, deviations and the covariance of what
neighbouring pixels differ by. That covariance is the family's fingerprint: it hardly depends on the photo.

Run: python3 scripts/fit-maps/encode.py && python3 scripts/measure-statistics.py [folder]
Needs: numpy; the latents that encode.py leaves in artifacts/fit-maps. Of its photos the Kodak scenes that maps were fitted
and chosen by are measured; those for tests, and those whose latents the tests guess at, stay unseen.
"""

import json
import sys
from pathlib import Path

import numpy

ROOT = Path(__file__).resolve().parents[1]
CLIP = ROOT.parent / "shared/fixtures/latents/real-wan21-cheesecake.f16.npy"
FAMILIES = ["sd15", "sdxl", "sd3", "flux", "flux2"]


def measure(latents):
    """(C, H, W) → means, deviations, covariance (C, C) of horizontal and vertical differences."""
    channels = latents.shape[0]
    across = (latents[:, :, 1:] - latents[:, :, :-1]).reshape(channels, -1)
    down = (latents[:, 1:] - latents[:, :-1]).reshape(channels, -1)
    differences = numpy.concatenate([across, down], 1)
    planes = latents.reshape(channels, -1)
    return planes.mean(1), planes.std(1), differences @ differences.T / differences.shape[1]


def log_scale(covariance):
    return numpy.linalg.slogdet(covariance)[1] / len(covariance)


def statistics(files):
    return average([measure(numpy.load(file)[0].astype(numpy.float64)) for file in files])


def average(measured):
    means, deviations, covariances = zip(*measured)
    # Contrast is the photo's: averaged apart from the shape, which is the family's.
    scales = [log_scale(one) for one in covariances]
    shape = numpy.mean([one / numpy.exp(scale) for one, scale in zip(covariances, scales)], 0)
    edges = shape * numpy.exp(numpy.mean(scales) - log_scale(shape))
    return numpy.mean(means, 0), numpy.exp(numpy.mean(numpy.log(deviations), 0)), edges


def listed(values):
    return "[" + ", ".join(f"{value:.3g}" for value in values) + "]"


def print_family(family, photos, mean, std, edges):
    print(f"  {family}: {{\n    photos: {photos},\n    mean: {listed(mean)},\n    std: {listed(std)},\n    edges: [")
    for row in range(len(edges)):
        print(f"      {listed(edges[row, : row + 1])},")
    print("    ],\n  },")


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "artifacts/fit-maps"
    photos = json.loads((ROOT / "scripts/fit-maps/photos.json").read_text(encoding="utf-8"))["photos"]
    names = [one["name"] for one in photos if one["name"].startswith("kodak-") and one["use"] in ("fit", "choose")]
    for family in FAMILIES:
        print_family(family, len(names), *statistics([folder / family / f"{name}-whole.npy" for name in names]))
    # No encoder of this one is at hand: the frames of one real clip but the first, which is flatter.
    clip = numpy.load(CLIP)[0].astype(numpy.float64)
    print_family("wan21", 1, *average([measure(clip[:, frame]) for frame in range(1, clip.shape[1])]))


if __name__ == "__main__":
    main()
