"""Makes the input → output pairs in test/fixtures/golden: what PyTorch computes, for the ops to be held against.

Run: python3 scripts/make-goldens.py (after make-samples.py, whose SD1 latents the MLP pairs use)
Needs: torch, numpy, and ../shared for Birch-san's weights and the two pairs made elsewhere.

Inputs and parameters are float32; everything is computed in float64 from exactly those and then rounded to float32, so
that an output is the true value and a test's tolerance is the tested code's own. Outputs are unclamped where the entry does
not say otherwise. golden.json is the index; its "layouts" say how parameters are laid out.
"""

import json
import shutil

import numpy
import torch
import torch.nn.functional as functional

from tae import ROOT, SHARED, read_safetensors, write_safetensors

FOLDER = ROOT / "test/fixtures/golden"
SIZE_LIMIT = 400_000
SEED = 14

LAYOUTS = {
    "arrays": "Inputs and outputs are .npy, float32, (1, C, H, W).",
    "affine": "params.latentRgbFactors (C, 3), params.latentRgbBias (3) or absent: rgb = latent · factors + bias.",
    "polynomial": "params.coefficients, flat, (3, 1 + C + C² [+ C³]) row-major with the full tensors, nothing folded: for "
    "each of R, G, B the constant, linear (C), quadratic (C, C) and, at degree 3, cubic (C, C, C) terms.",
    "mlp": "weights: a safetensors file of linear layers (out, in); params.activation between them, none after the last.",
    "smooth": "params.matrix 3×3, flat, row by row: each plane is cross-correlated with it, zero padding.",
    "activation": "params.kind: 'sigmoid', or 'oklab' for OKLab (L, a, b) to gamma-coded sRGB, clamped to 0..1.",
    "resize": "params.mode nearest, bilinear or bicubic (a = -0.75), half-pixel centres, edge clamp.",
}

entries = []


def round_to_single(values):
    """float64 values that float32 holds exactly."""
    return torch.as_tensor(values, dtype=torch.float64).float().double()


def random(generator, *shape, scale=1.0):
    return round_to_single(generator.standard_normal(shape) * scale)


def numbers(tensor):
    """Nested lists for golden.json with the fewest digits that still name the same float32."""
    return json.loads(json.dumps(tensor.tolist()), parse_float=lambda text: float(str(numpy.float32(text))))


def save(name, tensor):
    numpy.save(FOLDER / f"{name}.npy", tensor.numpy().astype(numpy.float32))
    return f"{name}.npy"


def add(name, op, source, output, params=None, input_name=None, **more):
    """Writes one pair. `input_name` is the stem of an input that several pairs share."""
    input_name = input_name or f"{name}.input"
    entries.append(
        {
            "name": name,
            "op": op,
            **({"params": params} if params else {}),
            **more,
            "input": save(input_name, source),
            "output": save(f"{name}.output", output),
            "inputShape": list(source.shape),
            "outputShape": list(output.shape),
        }
    )


def affine_pairs(generator):
    for channels, (height, width), biased in [
        (4, (5, 7), True),
        (4, (1, 1), False),
        (16, (5, 7), True),
        (16, (1, 9), False),
        (32, (3, 5), True),
        (128, (2, 5), True),
        (128, (1, 1), False),
    ]:
        factors = random(generator, channels, 3, scale=0.3)
        bias = random(generator, 3, scale=0.1) if biased else None
        source = random(generator, 1, channels, height, width, scale=1.5)
        output = functional.conv2d(source, factors.T[:, :, None, None], bias)
        params = {"latentRgbFactors": numbers(factors), **({"latentRgbBias": numbers(bias)} if biased else {})}
        add(f"affine-{channels}-{height}x{width}", "affine", source, output, params)


def polynomial_pairs(generator):
    for channels, degree, (height, width) in [(4, 2, (5, 7)), (4, 3, (5, 7)), (4, 3, (1, 9)), (16, 2, (3, 5))]:
        constant = random(generator, 3, scale=0.1)
        linear = random(generator, 3, channels, scale=0.3)
        # Not symmetric, so that folding a·z_i·z_j + b·z_j·z_i into one monomial must add the two.
        quadratic = random(generator, 3, channels, channels, scale=0.1)
        cubic = random(generator, 3, channels, channels, channels, scale=0.05)
        source = random(generator, 1, channels, height, width)
        output = constant[None, :, None, None] + torch.einsum("oi,nihw->nohw", linear, source)
        output = output + torch.einsum("oij,nihw,njhw->nohw", quadratic, source, source)
        terms = [constant[:, None], linear, quadratic.reshape(3, -1)]
        if degree == 3:
            output = output + torch.einsum("oijk,nihw,njhw,nkhw->nohw", cubic, source, source, source)
            terms.append(cubic.reshape(3, -1))
        coefficients = torch.cat(terms, 1).reshape(-1)
        params = {"degree": degree, "channels": channels, "coefficients": numbers(coefficients)}
        add(f"polynomial-{channels}-degree{degree}-{height}x{width}", "polynomial", source, output, params)


def run_mlp(layers, activation, source):
    """layers: (weight, bias) pairs; source (1, C, H, W)."""
    x = source.permute(0, 2, 3, 1)
    for index, (weight, bias) in enumerate(layers):
        x = functional.linear(x if index == 0 else activation(x), weight.double(), bias.double())
    return x.permute(0, 3, 1, 2).contiguous()


def mlp_pair(generator):
    widths = [16, 24, 24, 24, 3]
    weights, layers = {}, []
    for index, (width_in, width_out) in enumerate(zip(widths, widths[1:])):
        weight = random(generator, width_out, width_in, scale=(2 / width_in) ** 0.5).float()
        bias = random(generator, width_out, scale=0.2).float()
        # The place in torch.nn.Sequential: every other entry is a ReLU without weights.
        weights |= {f"{2 * index}.weight": weight, f"{2 * index}.bias": bias}
        layers.append((weight, bias))
    write_safetensors(FOLDER / "mlp-relu.safetensors", weights)
    source = random(generator, 1, 16, 5, 7)
    output = run_mlp(layers, torch.relu, source)
    params = {"activation": "relu", "widths": widths}
    add("mlp-relu", "mlp", source, output, params, weights="mlp-relu.safetensors")


def birch_pairs():
    """Birch-san's five per-pixel decoders for SD1, on latents that this project encoded."""
    latents = numpy.load(ROOT / "demo/public/samples/sd15-astronaut.npy")
    source = torch.from_numpy(latents[:, :, 2:14, 14:24].copy()).double()
    table = json.loads((SHARED / "reference/birch-mlp.json").read_text())["decoders"]
    for name, listed in table.items():
        weights = {key: torch.tensor(values) for key, values in listed.items()}
        original = SHARED / f"fixtures/weights/birch_decoder_{name}.pt"
        if original.exists():
            for key, tensor in torch.load(original, map_location="cpu").items():
                assert torch.equal(tensor, weights[key]), f"birch-mlp.json differs from {original.name} in {key}"
        file = f"birch-{name}.safetensors"
        write_safetensors(FOLDER / file, weights)
        reread = read_safetensors(FOLDER / file)
        layers = [(reread[f"{key}.weight"], reread[f"{key}.bias"]) for key in ("in_proj", "hidden_layers.0", "out_proj")]
        add(
            f"birch-{name}",
            "mlp",
            source,
            run_mlp(layers, functional.silu, source),
            {"activation": "silu", "widths": [4, 12, 12, 3]},
            "birch.input",
            weights=file,
            note="Output in -1..1. Input: demo/public/samples/sd15-astronaut.npy [:, :, 2:14, 14:24].",
            origin="Birch-san/diffusers-play, BSD-3-Clause, see LICENCE-birch.txt",
        )


def smooth_pairs(generator):
    matrix = random(generator, 3, 3, scale=0.3)
    for height, width in [(5, 7), (1, 9), (1, 1)]:
        source = random(generator, 1, 3, height, width)
        output = functional.conv2d(source, matrix.expand(3, 1, 3, 3), padding=1, groups=3)
        add(f"smooth-{height}x{width}", "smooth", source, output, {"matrix": numbers(matrix.reshape(-1))})


def oklab_to_srgb(lab):
    """Björn Ottosson's formula (bottosson.github.io/posts/oklab), then the sRGB transfer curve. lab (3, …)."""
    lightness, a, b = lab
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    linear = numpy.clip(numpy.stack([red, green, blue]), 0, 1)
    return numpy.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def srgb_to_oklab(rgb):
    """The way there, to choose inputs whose colours are known. rgb (3, …) in 0..1."""
    linear = numpy.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    cones = numpy.cbrt(numpy.tensordot(to_cones, linear, 1))
    return numpy.tensordot(to_lab, cones, 1)


def activation_pairs(generator):
    source = random(generator, 1, 3, 5, 7, scale=4)
    add("sigmoid", "activation", source, torch.sigmoid(source), {"kind": "sigmoid"})

    corners = numpy.array(numpy.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, 8)
    inside = generator.random_sample((3, 17))
    dark = generator.random_sample((3, 5)) * 0.05
    known = numpy.concatenate([corners, inside, dark], 1)
    lab = srgb_to_oklab(known)
    assert abs(oklab_to_srgb(lab) - known).max() < 1e-4, "OKLab there and back must give the same colours"
    outside = numpy.stack([generator.uniform(-0.2, 1.3, 5), *generator.uniform(-0.5, 0.5, (2, 5))])
    source = round_to_single(numpy.concatenate([lab, outside], 1).reshape(1, 3, 5, 7))
    output = torch.from_numpy(oklab_to_srgb(source[0].numpy())[None])
    note = "The first 8 are black, white and the corners of the sRGB cube, the last 5 random, mostly outside sRGB."
    add("oklab", "activation", source, output, {"kind": "oklab"}, note=note)


def resize_pairs(generator):
    source = round_to_single(generator.random_sample((1, 3, 5, 7)))
    for size in [(13, 17), (40, 56)]:
        for mode in ["nearest", "bilinear", "bicubic"]:
            # PyTorch's "nearest" takes the pixel at floor(place × scale); "nearest-exact" is the half-pixel one.
            torch_mode = {"mode": "nearest-exact"} if mode == "nearest" else {"mode": mode, "align_corners": False}
            output = functional.interpolate(source, size=size, **torch_mode)
            params = {"mode": mode, "height": size[0], "width": size[1]}
            add(f"resize-{mode}-{size[0]}x{size[1]}", "resize", source, output, params, "resize.input")


def shared_pairs():
    """Two pairs made before this script existed, by other code: a second opinion on the linear map and the MLP."""
    for file in ["sd1.z", "sd1.linear14.y", "sd1.birch15.y"]:
        # Loaded and saved, not copied: the originals are read-only and a copy would be, too.
        numpy.save(FOLDER / f"{file}.npy", numpy.load(SHARED / f"fixtures/golden/{file}.npy"))
    source = torch.from_numpy(numpy.load(FOLDER / "sd1.z.npy")).double()
    formats = json.loads((SHARED / "reference/latent-formats.json").read_text())
    factors = next(entry["rgbFactors"] for entry in formats if entry["id"] == "sd15/keturn-seed")
    linear = torch.einsum("nihw,io->nohw", source, torch.tensor(factors, dtype=torch.float64))
    weights = read_safetensors(FOLDER / "birch-sd1.5.safetensors")
    layers = [(weights[f"{key}.weight"], weights[f"{key}.bias"]) for key in ("in_proj", "hidden_layers.0", "out_proj")]
    origin = "Input: astronaut photo (public domain, NASA), TAESD encoder, a 12×10 crop. Output mapped to 0..1 by x·0.5 + 0.5."
    for name, op, output, more in [
        (
            "sd1.linear14",
            "affine",
            linear,
            {
                "format": "sd15/keturn-seed",
                "note": f"{origin} The factors, posted in a forum without a licence, are not given here; no bias.",
            },
        ),
        (
            "sd1.birch15",
            "mlp",
            run_mlp(layers, functional.silu, source),
            {
                "params": {"activation": "silu", "widths": [4, 12, 12, 3]},
                "weights": "birch-sd1.5.safetensors",
                "note": origin,
            },
        ),
    ]:
        expected = numpy.load(FOLDER / f"{name}.y.npy")
        difference = float(abs((output * 0.5 + 0.5).numpy() - expected).max())
        print(f"{name}: recomputed, largest difference {difference:.2e}")
        assert difference < 1e-6, f"{name} differs from the recomputed one by {difference}"
        entries.append(
            {
                "name": name,
                "op": op,
                **more,
                "outputScale": 0.5,
                "outputOffset": 0.5,
                "input": "sd1.z.npy",
                "output": f"{name}.y.npy",
                "inputShape": list(source.shape),
                "outputShape": list(expected.shape),
                "recomputedMaxDifference": float(f"{difference:.1e}"),
            }
        )


BIRCH_LICENCE = """The files birch-*.safetensors hold the weights of the approximate VAE decoders of
https://github.com/Birch-san/diffusers-play (folder approx_vae), commit af670137c3ac3d323e5e941dc6ec39c23a892f28,
re-saved with unchanged values. Their licence:

BSD 3-Clause License

Copyright (c) 2023, Alex Birch

Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:

1. Redistributions of source code must retain the above copyright notice, this
   list of conditions and the following disclaimer.

2. Redistributions in binary form must reproduce the above copyright notice,
   this list of conditions and the following disclaimer in the documentation
   and/or other materials provided with the distribution.

3. Neither the name of the copyright holder nor the names of its
   contributors may be used to endorse or promote products derived from
   this software without specific prior written permission.

THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS "AS IS"
AND ANY EXPRESS OR IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE
IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS FOR A PARTICULAR PURPOSE ARE
DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT HOLDER OR CONTRIBUTORS BE LIABLE
FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR CONSEQUENTIAL
DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR
SERVICES; LOSS OF USE, DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER
CAUSED AND ON ANY THEORY OF LIABILITY, WHETHER IN CONTRACT, STRICT LIABILITY,
OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY OUT OF THE USE
OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.
"""


def main():
    torch.set_grad_enabled(False)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for make in [affine_pairs, polynomial_pairs, mlp_pair, smooth_pairs, activation_pairs, resize_pairs]:
        # Its own generator each, so that a new pair of one op leaves the files of the others as they are.
        make(numpy.random.RandomState(SEED))
    birch_pairs()
    shared_pairs()
    (FOLDER / "LICENCE-birch.txt").write_text(BIRCH_LICENCE, encoding="utf-8")
    lines = ",\n".join("    " + json.dumps(entry, ensure_ascii=False) for entry in entries)
    layouts = json.dumps(LAYOUTS, indent=4, ensure_ascii=False).replace("\n}", "\n  }")
    text = f'{{\n  "layouts": {layouts},\n  "entries": [\n{lines}\n  ]\n}}\n'
    assert len(json.loads(text)["entries"]) == len({entry["name"] for entry in entries})
    (FOLDER / "golden.json").write_text(text, encoding="utf-8")
    total = sum(path.stat().st_size for path in FOLDER.iterdir())
    print(f"{len(entries)} pairs, {total} bytes in all")
    assert total < SIZE_LIMIT, f"the pairs take {total} bytes, the limit is {SIZE_LIMIT}"


if __name__ == "__main__":
    main()
