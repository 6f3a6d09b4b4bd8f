"""Makes the demo page's built-in samples: latents of three photos and their PyTorch reference decodes.

Run: python3 scripts/make-samples.py
Needs: torch, numpy, Pillow with WebP, scikit-image (for its photos), and the TAESD-family weights in
../shared/fixtures. Replaces everything in demo/public/samples; running it again on the same machine gives the same bytes.
"""

import json
import shutil
from pathlib import Path

import numpy
import skimage
import torch
from PIL import Image

from tae import ROOT, load_family, write_safetensors

FOLDER = ROOT / "demo/public/samples"
SIZE_LIMIT = 3_000_000

# crop and size in (width, height); sizes are multiples of 16, because FLUX.2 packs 16×16 pixels into one place.
PHOTOS = {
    "astronaut": {
        "title": "Astronaut",
        "credit": "NASA: Eileen Collins, 1999",
        "licence": "public domain",
        "crop": (512, 512),
        "size": (384, 384),
    },
    "coffee": {
        "title": "Coffee",
        "credit": "Rachel Michetti",
        "licence": "CC0-1.0",
        "crop": (600, 400),
        "size": (432, 288),
    },
    "chelsea": {
        "title": "Chelsea the cat",
        "credit": "Stefan van der Walt",
        "licence": "CC0-1.0",
        "crop": (450, 300),
        "size": (432, 288),
    },
}

FAMILY_NAMES = {
    "sd15": ("Stable Diffusion 1.5", "TAESD"),
    "sdxl": ("SDXL", "TAESDXL"),
    "sd3": ("Stable Diffusion 3", "TAESD3"),
    "flux": ("FLUX.1", "TAEF1"),
    "flux2": ("FLUX.2", "TAEF2"),
}

# family, photo, container, dtype: the kinds of file that samplers and people's own scripts leave behind.
SAMPLES = [
    ("sd15", "astronaut", "npy", "float32"),
    ("sd15", "coffee", "npy", "float16"),
    ("sd15", "chelsea", "safetensors", "float16"),
    ("sdxl", "astronaut", "safetensors", "float16"),
    ("sdxl", "coffee", "safetensors", "bfloat16"),
    ("sdxl", "chelsea", "npy", "float16"),
    ("sd3", "coffee", "safetensors", "bfloat16"),
    ("flux", "astronaut", "safetensors", "bfloat16"),
    ("flux", "chelsea", "npy", "float16"),
    ("flux2", "astronaut", "npy", "float16"),
]

NOISED = "sdxl-astronaut"
NOISE_STEPS = 20
NOISE_SEED = 20240229


def load_photo(name):
    """(1, 3, H, W) in 0..1."""
    photo = PHOTOS[name]
    width, height = photo["crop"]
    with Image.open(Path(skimage.data_dir) / f"{name}.png") as image:
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.convert("RGB").crop((left, top, left + width, top + height))
    image = image.resize(photo["size"], Image.LANCZOS)
    return torch.from_numpy(numpy.array(image)).permute(2, 0, 1)[None].float() / 255


def store(latents, stem, container, dtype):
    """Writes the latents and returns the file's name and the latents as rounded by its dtype."""
    rounded = latents.to(getattr(torch, dtype))
    path = FOLDER / f"{stem}.{container}"
    if container == "npy":
        numpy.save(path, rounded.numpy())
    else:
        write_safetensors(path, {"latents": rounded}, {"format": "pt"})
    return path.name, rounded.float()


def store_picture(pixels, stem):
    """Lossless, so that a PSNR against it is a PSNR against what PyTorch computed; a third smaller than PNG here."""
    path = FOLDER / f"{stem}.webp"
    array = (pixels.clamp(0, 1) * 255).round().byte()[0].permute(1, 2, 0).contiguous().numpy()
    Image.fromarray(array).save(path, lossless=True, quality=100, method=6)
    with Image.open(path) as image:
        assert numpy.array_equal(numpy.array(image.convert("RGB")), array), f"{path.name} is not lossless"
    return path.name


def psnr(a, b):
    error = ((a.clamp(0, 1).double() - b.double()) ** 2).mean()
    return round(float(-10 * torch.log10(error)), 2)


def make_sample(family, photo_name, container, dtype, encode, decode):
    family_name, autoencoder = FAMILY_NAMES[family]
    photo = PHOTOS[photo_name]
    stem = f"{family}-{photo_name}"
    original = load_photo(photo_name)
    latents = encode(original)
    # FLUX.2's model sees 2×2 latent pixels as channels: channel k = 4c + 2·row + column, as pixel_unshuffle orders them.
    packed = torch.nn.functional.pixel_unshuffle(latents, 2) if family == "flux2" else latents
    file, stored = store(packed, stem, container, dtype)
    decoded = decode(torch.nn.functional.pixel_shuffle(stored, 2) if family == "flux2" else stored)
    entry = {
        "id": stem,
        "title": f"{photo['title']}, {family_name}",
        "photo": photo_name,
        "credit": photo["credit"],
        "licence": photo["licence"],
        "format": family,
        "file": file,
        "reference": store_picture(decoded, stem),
        "kind": "image",
        "domain": "model",
        "shape": list(stored.shape),
        "dtype": dtype,
        "made": f"Encoded by this project with the {autoencoder} encoder from the photo; no model generated it. "
        f"Reference: the same file decoded by PyTorch with {autoencoder}, float32, stored without loss.",
        "referencePsnrToPhoto": psnr(decoded, original),
    }
    return entry, stored


def noising_sequence(clean):
    """(S, C, H, W), noisy to clean: x_t = √ᾱ_t · x0 + √(1 − ᾱ_t) · ε with one ε, and the training step t of each frame."""
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    kept = torch.cumprod(1 - betas, 0)
    noise = torch.from_numpy(numpy.random.RandomState(NOISE_SEED).standard_normal(tuple(clean.shape)))
    # Evenly spaced in the angle whose cosine is √ᾱ: neither the noisy nor the clean end moves in a leap.
    angles = kept.sqrt().acos()
    targets = [float(angles[-1]) * (1 - index / (NOISE_STEPS - 1)) for index in range(NOISE_STEPS - 1)]
    steps = [int((angles - target).abs().argmin()) for target in targets]
    frames = [kept[t].sqrt() * clean.double() + (1 - kept[t]).sqrt() * noise for t in steps]
    return torch.cat([*frames, clean.double()]), [*steps, None]


def make_sequence(source, clean):
    sequence, steps = noising_sequence(clean)
    file, stored = store(sequence, f"{source['id']}-noising", "npy", "float16")
    assert torch.equal(stored[-1:], clean), "the last frame must be the clean sample itself"
    return {
        **source,
        "id": f"{source['id']}-noising",
        "title": f"{source['title']}, noising sequence",
        "file": file,
        "kind": "sequence",
        "shape": list(stored.shape),
        "dtype": "float16",
        "made": "A noising sequence (the forward process: the clean latents with less and less of one fixed noise), not a "
        "sampler's run. Clean latents and reference are those of the still sample.",
        "stepAxis": 0,
        # The training timestep of each frame; null is the clean latents.
        "timesteps": steps,
    }


def main():
    torch.set_grad_enabled(False)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    samples, stored = [], {}
    for family in FAMILY_NAMES:
        encode, decode = load_family(family)
        for name, *rest in SAMPLES:
            if name == family:
                entry, latents = make_sample(family, *rest, encode, decode)
                samples.append(entry)
                stored[entry["id"]] = latents
    source = next(sample for sample in samples if sample["id"] == NOISED)
    samples.append(make_sequence(source, stored[NOISED]))
    manifest = {
        "weights": "Encoders and decoders: TAESD, TAESDXL, TAESD3, TAEF1 and TAEF2, "
        "MIT License, Copyright (c) 2023 Ollin Boer Bohan, https://github.com/madebyollin/taesd",
        "samples": samples,
    }
    (FOLDER / "manifest.json").write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (FOLDER / "README.md").write_text(readme(samples), encoding="utf-8")

    for sample in samples:
        size = (FOLDER / sample["file"]).stat().st_size
        print(f"{sample['file']:34} {size:7} bytes {sample['shape']} {sample['referencePsnrToPhoto']} dB to the photo")
    total = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{total} bytes in all")
    assert total < SIZE_LIMIT, f"the samples take {total} bytes, the limit is {SIZE_LIMIT}"


def readme(samples):
    rows = [
        f"| `{sample['file']}` | `{sample['format']}` | {sample['dtype']} | ({', '.join(map(str, sample['shape']))}) "
        f"| `{sample['reference']}` | {sample['referencePsnrToPhoto']} |"
        for sample in samples
    ]
    return "\n".join(
        [
            "# Built-in samples",
            "",
            "Written by `scripts/make-samples.py`, which makes every file of this folder; `manifest.json` describes them to",
            "the page.",
            "",
            "No diffusion model generated these latents. Each was encoded by this project from a photo with the TAESD-family",
            "encoder of its model family, which approximates what the family's full VAE encoder gives. All are in the model",
            "domain: the scale at which a sampler sees them. The FLUX.2 latents are packed, 128 channels at a sixteenth of",
            "the picture's size.",
            "",
            "Each reference is the decode of the stored file (after rounding to its dtype) by PyTorch with the matching",
            "TAESD-family decoder in float32, clamped to 0..1, rounded to 8 bits and stored as lossless WebP. It shows what a",
            "small decoder makes of the latents, not the photo: the last column is its PSNR to the photo in dB.",
            "",
            "The noising sequence is the forward process, from noisy to clean, with one fixed noise and the scaled-linear",
            "schedule (β from 0.00085 to 0.012, 1000 steps); `timesteps` in the manifest says where each frame lies. It is",
            "not a sampler's run. Its last frame is the clean sample.",
            "",
            "| file | format | dtype | shape | reference | dB |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "## Credits",
            "",
            "Photos, from scikit-image's data, cropped and scaled:",
            "",
            *(f"- {name}: {photo['credit']}, {photo['licence']}" for name, photo in PHOTOS.items()),
            "",
            "Encoder and decoder weights, which are not in this folder: TAESD, TAESDXL, TAESD3, TAEF1 and TAEF2, MIT License,",
            "Copyright (c) 2023 Ollin Boer Bohan, <https://github.com/madebyollin/taesd>.",
            "",
        ]
    )


if __name__ == "__main__":
    main()
