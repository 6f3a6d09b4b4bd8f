"""Looks for what a figure over photos does not show, in weights/mini-*.safetensors: casts on flat colours, grids on them,
and errors at the picture's edge.

Run: python3 train/check.py [sdxl …]     prints a table: steps of 0..255, beside the tiny decoder's
"""

import sys
from itertools import product

import data
import numpy
import torch
from net import from_weights
from tae import FAMILIES, ROOT, load_family, read_safetensors

# Deep, pale and grey ones alike.
COLOURS = numpy.array(list(product((0, 64, 128, 191, 255), repeat=3)), numpy.float32)
REDS = (COLOURS[:, 0] >= 128) & (COLOURS[:, 1:] <= 64).all(1)
SIDE, EDGE = 128, 8


def flat(family, net):
    """Flat colours: {decoder: per colour, how far the middle lies off (cast), how far the means of the 64 places within a
    latent pixel lie apart (grid), how far the outermost latent pixels lie from the middle (edge)}."""
    encode, decode = load_family(family)
    rows = {"mini": [], "tiny": []}
    for colour in COLOURS:
        pixels = torch.from_numpy(colour / 255).view(1, 3, 1, 1).expand(1, 3, SIDE, SIDE)
        latents = encode(pixels)
        for name, decoder in (("mini", net), ("tiny", decode)):
            output = decoder(latents).clamp(0, 1)[0].numpy() * 255
            middle = output[:, 4 * EDGE : -4 * EDGE, 4 * EDGE : -4 * EDGE]
            places = middle.reshape(3, -1, 8, middle.shape[2] // 8, 8).mean((1, 3))
            outer = numpy.ones(output.shape[1:], bool)
            outer[EDGE:-EDGE, EDGE:-EDGE] = False
            centre = middle.mean((1, 2))
            cast = numpy.abs(centre - colour).max()
            edge = numpy.abs(output[:, outer].mean(1) - centre).max()
            rows[name].append((cast, numpy.ptp(places, axis=(1, 2)).max(), edge))
    return {name: numpy.array(found) for name, found in rows.items()}


def edges(family, net):
    """Root mean square error of the photos' outermost latent pixels over that of all, clean."""
    _, decode = load_family(family)
    shares = {"mini": [], "tiny": []}
    for _, latents, pixels in data.photos(family, "choose"):
        for name, decoder in (("mini", net), ("tiny", decode)):
            output = decoder(torch.from_numpy(latents)[None]).clamp(0, 1)[0].permute(1, 2, 0).numpy()
            error = ((output - pixels / 255) ** 2).mean(2)
            outer = numpy.ones(error.shape, bool)
            outer[EDGE:-EDGE, EDGE:-EDGE] = False
            shares[name].append((error[outer].mean() / error.mean()) ** 0.5)
    return {name: float(numpy.mean(found)) for name, found in shares.items()}


def main():
    print("flat colours, cast, grid and edge: mean | mean of deep reds | worst; photos: error at the edge over that of all")
    with torch.no_grad():
        for family in sys.argv[1:] or FAMILIES:
            path = ROOT / f"weights/mini-{family}.safetensors"
            if not path.exists():
                continue
            net = from_weights(read_safetensors(path))
            found, shares = flat(family, net), edges(family, net)
            for name, values in found.items():
                rows = (values.mean(0), values[REDS].mean(0), values.max(0))
                columns = "  |  ".join(" ".join(f"{value:5.1f}" for value in row) for row in rows)
                print(f"{family:6} {name}  {columns}  |  {shares[name]:.2f}", flush=True)


if __name__ == "__main__":
    main()
