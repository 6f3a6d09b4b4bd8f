#!/usr/bin/env python3
"""Photos to latents, for fit.mjs and for `npm run bench:fidelity`: views of the photos of photos.json, each encoded by the
tiny encoder of every family.

Run: python3 scripts/fit-maps/encode.py [--use test]
     python3 scripts/fit-maps/encode.py --sample    writes test/fixtures/maps, what the tests hold the maps to
Needs: torch, numpy, Pillow, the encoders and photos in ../shared/fixtures, and, for photos that Debian packages carry,
the packages installed or `apt-get download` to fetch them. Writes artifacts/fit-maps, and only what is missing there.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path

import numpy
import torch
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tae import FAMILIES, ROOT, SHARED, load_family  # noqa: E402

FOLDER = ROOT / "artifacts/fit-maps"
LISTED = json.loads((Path(__file__).parent / "photos.json").read_text(encoding="utf-8"))
# FLUX.2 packs 16×16 pixels into one place.
GRID = 16
LONG_SIDE = 512
CROP = 320
# (long side of the photo that the crop is taken from, stops of exposure, saturation): where maps fail are deep colours
# and dark scenes. Ranges; each photo draws its own values, by its name.
VARIED = {
    "near": (1024, (-0.6, 0.7), (1.0, 2.2)),
    "dark": (768, (-3.0, -1.2), (0.8, 1.8)),
}
# CC0, and not fitted on or chosen by.
SAMPLES = ["chelsea", "coffee"]
SAMPLE_SIZE = (128, 96)
LUMA = numpy.array([0.2126, 0.7152, 0.0722])


def refuse_reserved(photo, digest=None):
    """The final examination's photos are for nobody's eyes."""
    plain = lambda text: re.sub(r"[^a-z0-9]", "", text.lower())  # noqa: E731
    source = plain(Path(photo.get("path") or photo["shared"]).stem)
    for reserved in LISTED["reserved"]:
        named = plain(reserved["name"]) in (source, plain(photo["name"]))
        if named or reserved.get("sha256", "none") in (digest, photo["sha256"]):
            raise SystemExit(f"{photo['name']}: '{reserved['name']}' is reserved for the final examination")


def find_file(photo):
    """The photo's file, its checksum proved; a package that is not installed is fetched and unpacked under artifacts."""
    refuse_reserved(photo)
    if "shared" in photo:
        path = SHARED / "fixtures" / photo["shared"]
    else:
        path = Path(photo["path"])
        if not path.exists():
            unpacked = FOLDER / "packages" / photo["package"]
            path = unpacked / photo["path"].lstrip("/")
            if not path.exists():
                unpacked.mkdir(parents=True, exist_ok=True)
                name = f"{photo['package']}={photo['version']}"
                subprocess.run(["apt-get", "download", name], cwd=unpacked, check=True)
                archive = next(unpacked.glob("*.deb"))
                subprocess.run(["dpkg-deb", "-x", str(archive), str(unpacked)], check=True)
                archive.unlink()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    refuse_reserved(photo, digest)
    if digest != photo["sha256"]:
        raise SystemExit(f"{photo['name']}: sha256 is {digest}, photos.json says {photo['sha256']}")
    return path


def scaled(image, long_side):
    """No larger than it was."""
    factor = min(1, long_side / max(image.size))
    size = [max(GRID, round(side * factor)) for side in image.size]
    return image.resize(size, Image.LANCZOS) if factor < 1 else image


def centre(image, width, height):
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def whole(image):
    image = scaled(image, LONG_SIDE)
    return centre(image, *(side // GRID * GRID for side in image.size))


def varied(image, seed, long_side, stops, saturations):
    """A crop, perhaps mirrored, of other exposure (in linear light) and saturation."""
    random = numpy.random.RandomState(seed)
    image = scaled(image, long_side)
    width, height = (min(CROP, side // GRID * GRID) for side in image.size)
    left, top = random.randint(image.width - width + 1), random.randint(image.height - height + 1)
    image = image.crop((left, top, left + width, top + height))
    if random.rand() < 0.5:
        image = image.transpose(Image.FLIP_LEFT_RIGHT)
    linear = (numpy.asarray(image, numpy.float64) / 255) ** 2.2 * 2 ** random.uniform(*stops)
    grey = (linear @ LUMA)[..., None]
    linear = grey + (linear - grey) * random.uniform(*saturations)
    return Image.fromarray((linear.clip(0, 1) ** (1 / 2.2) * 255).round().astype(numpy.uint8))


def chart(seed):
    """Flat colours, 32×32 pixels each: half of them anywhere, half at the faces of the cube, where one colour is none or
    all; in this way deep reds are as frequent as any."""
    random = numpy.random.RandomState(seed)
    colours = random.rand(12, 12, 3)
    faces = random.rand(12, 12) < 0.5
    plane = random.randint(3, size=(12, 12))
    for y, x in zip(*faces.nonzero()):
        colours[y, x, plane[y, x]] = random.randint(2)
    pixels = (colours * 255).round().astype(numpy.uint8)
    return Image.fromarray(pixels).resize((384, 384), Image.NEAREST)


def views(photo):
    """(name, picture) of every view; a photo that only measures is shown as it is."""
    with Image.open(find_file(photo)) as file:
        image = file.convert("RGB")
    yield "whole", whole(image)
    if photo["use"] == "fit":
        for name, settings in VARIED.items():
            yield name, varied(image, zlib.crc32(f"{photo['name']} {name}".encode()), *settings)


def read_pixels(path):
    """(1, 3, H, W) in 0..1."""
    with Image.open(path) as image:
        return torch.from_numpy(numpy.array(image)).permute(2, 0, 1)[None].float() / 255


def write_samples():
    folder = ROOT / "test/fixtures/maps"
    folder.mkdir(parents=True, exist_ok=True)
    for photo in LISTED["photos"]:
        if photo["name"] in SAMPLES:
            assert photo["use"] == "test"
            with Image.open(find_file(photo)) as file:
                image = centre(scaled(file.convert("RGB"), 320), *SAMPLE_SIZE)
            image.save(folder / f"{photo['name']}.png", optimize=True)
    for family in FAMILIES:
        encode, _ = load_family(family)
        for name in SAMPLES:
            latents = encode(read_pixels(folder / f"{name}.png")).numpy().astype(numpy.float16)
            numpy.save(folder / f"{name}.{family}.npy", latents)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--use", choices=["fit", "choose", "test"], help="only photos of this use")
    parser.add_argument("--sample", action="store_true", help="write the tests' fixtures instead")
    options = parser.parse_args()
    only = options.use
    torch.set_grad_enabled(False)
    if options.sample:
        return write_samples()
    (FOLDER / "pictures").mkdir(parents=True, exist_ok=True)
    pictures = []
    for photo in LISTED["photos"]:
        if only and photo["use"] != only:
            continue
        wanted = ["whole", *(VARIED if photo["use"] == "fit" else [])]
        stems = [f"{photo['name']}-{view}" for view in wanted]
        refuse_reserved(photo)
        if not all((FOLDER / f"pictures/{stem}.png").exists() for stem in stems):
            for view, picture in views(photo):
                picture.save(FOLDER / f"pictures/{photo['name']}-{view}.png")
        pictures += stems
    if only in (None, "fit"):
        for seed in (1, 2):
            chart(seed).save(FOLDER / f"pictures/chart-{seed}.png")
            pictures.append(f"chart-{seed}")
    for family in FAMILIES:
        folder = FOLDER / family
        folder.mkdir(exist_ok=True)
        missing = [stem for stem in pictures if not (folder / f"{stem}.npy").exists()]
        if not missing:
            continue
        encode, _ = load_family(family)
        for stem in missing:
            pixels = read_pixels(FOLDER / f"pictures/{stem}.png")
            # Whole files alone: an interrupted run goes on where it stopped.
            partial = folder / f"{stem}.partial"
            with partial.open("wb") as file:
                numpy.save(file, encode(pixels).numpy().astype(numpy.float16))
            os.replace(partial, folder / f"{stem}.npy")
        print(f"{family}: {len(missing)} pictures encoded", flush=True)


if __name__ == "__main__":
    main()
