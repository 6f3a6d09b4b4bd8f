"""Makes test/fixtures/mini: mini decoders, inputs and what PyTorch makes of them.

Run: python3 scripts/make-mini-fixtures.py
Needs: torch, numpy.

Two small nets with random weights, of other widths and depths than any that is shipped, each with its weights; and every
weights/mini-*.safetensors, which is not copied. The output is computed in float64 from the weights as the file has them,
float16, and from a float32 input, then rounded to float32, unclamped. mini.json is the index. flat.json holds the latents of
flat colours: what each family's tiny encoder gives in the middle of them.
"""

import json
import shutil
import sys

import numpy
import torch

from tae import FAMILIES, ROOT, load_family, read_safetensors, write_safetensors

sys.path.insert(0, str(ROOT / "train"))
from net import Mini, from_weights  # noqa: E402

FOLDER = ROOT / "test/fixtures/mini"
SIZE_LIMIT = 200_000
SEED = 43
COLOURS = ["000000", "ffffff", "808080", "ff0000", "c00000", "00ff00", "0000ff", "ffff00", "00ffff", "ff00ff", "c08060"]
# name: what net.Mini takes, and the input's shape.
TINY = {
    "tiny": ({"channels": 4, "low_width": 8, "low_blocks": 1, "high_width": 4, "high_blocks": 1}, (1, 4, 5, 3)),
    "tiny-wide-rise": (
        {"channels": 16, "low_width": 6, "low_blocks": 2, "high_width": 5, "high_blocks": 0, "rise_size": 3},
        (1, 16, 3, 4),
    ),
}


def randomise(net, generator):
    """Weights that keep activations near 1 and the output near 0..1, rounded to float16."""
    for name, parameter in net.named_parameters():
        values = generator.standard_normal(tuple(parameter.shape))
        if parameter.ndim == 4:
            gain = 0.2 if name == "head.weight" else 0.5 if name.endswith("conv2.weight") else 1.4
            values *= gain / parameter[0].numel() ** 0.5
        else:
            values = values * 0.1 + (0.5 if name == "head.bias" else 0)
        parameter.data = torch.from_numpy(values).half().float()


def flat_latents(encode, colour):
    pixels = torch.tensor([int(colour[k : k + 2], 16) / 255 for k in (0, 2, 4)])
    with torch.no_grad():
        latents = encode(pixels.view(1, 3, 1, 1).expand(1, 3, 128, 128))
    return [round(float(value), 4) for value in latents[0, :, 8, 8]]


def main():
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    entries = []

    def add(name, file, shape, generator):
        net = from_weights(read_safetensors(FOLDER / file)).double()
        source = torch.from_numpy(generator.standard_normal(shape).astype(numpy.float32))
        with torch.no_grad():
            output = net(source.double()).float()
        numpy.save(FOLDER / f"{name}.input.npy", source.numpy())
        numpy.save(FOLDER / f"{name}.output.npy", output.numpy())
        entries.append({"name": name, "weights": file, "inputShape": list(source.shape), "outputShape": list(output.shape)})
        print(f"{name:16} {output.min():8.3f} {output.max():8.3f} std {output.std():.3f}")

    for index, (name, (settings, shape)) in enumerate(TINY.items()):
        generator = numpy.random.RandomState(SEED + index)
        net = Mini(**settings)
        randomise(net, generator)
        weights = {key: tensor.half() for key, tensor in net.state_dict().items()}
        metadata = {"architecture": "latent-preview mini 1", "format": "sd15" if shape[1] == 4 else "sd3"}
        write_safetensors(FOLDER / f"{name}.safetensors", weights, metadata)
        add(name, f"{name}.safetensors", shape, generator)
    for family in FAMILIES:
        path = ROOT / f"weights/mini-{family}.safetensors"
        if path.exists():
            channels = read_safetensors(path)["stem.weight"].shape[1]
            # Seeds of their own, so that a new family changes no other's input.
            generator = numpy.random.RandomState(SEED + channels)
            add(family, f"../../../weights/{path.name}", (1, channels, 4, 5), generator)

    text = ",\n".join(f"  {json.dumps(entry)}" for entry in entries)
    (FOLDER / "mini.json").write_text(f'{{"entries": [\n{text}\n]}}\n')
    flat = {}
    for family in FAMILIES:
        encode, _ = load_family(family)
        flat[family] = {colour: flat_latents(encode, colour) for colour in COLOURS}
    (FOLDER / "flat.json").write_text(json.dumps(flat) + "\n")
    size = sum(path.stat().st_size for path in FOLDER.iterdir())
    assert size < SIZE_LIMIT, f"{size} bytes of fixtures, at most {SIZE_LIMIT}"


if __name__ == "__main__":
    main()
