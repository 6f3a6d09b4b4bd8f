"""Writes the tensor files of test/fixtures/files with the libraries that define the formats, and beside each x.ext an
x.json that says what a reader must find:

    {"dtype", "shape", "values"}                 one unnamed array (.npy)
    {"tensors": {name: {...}}, "metadata": {}}   several
    {"error": "part of the message"}             a file that is refused

Needs numpy; the bfloat16, float8, safetensors and PyTorch files need the packages ml_dtypes, safetensors and torch too and
are left as they are without them. Written with numpy 2.4.6 (.npz: 1.24.2), ml_dtypes 0.6.0, safetensors 0.8.0, torch 1.13.

    python3 scripts/make-file-fixtures.py
"""

import json
import math
import struct
import zipfile
import zlib
from pathlib import Path

import numpy

try:
    import ml_dtypes
except ImportError:
    ml_dtypes = None
    print("no ml_dtypes: bfloat16 and float8 files are left as they are")
try:
    import torch
except ImportError:
    torch = None
    print("no torch: .pt files are left as they are")
try:
    import safetensors.numpy
except ImportError:
    safetensors = None
    print("no safetensors: .safetensors files are left as they are")

out = Path(__file__).resolve().parent.parent / "test" / "fixtures" / "files"
out.mkdir(parents=True, exist_ok=True)


def number(value):
    """JSON has no NaN and no infinities: they stand as strings that JavaScript's Number() reads."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def expected(array, dtype=None):
    name = dtype or array.dtype.newbyteorder("=").name
    name = {"int64": "float64", "uint64": "float64", "bool": "uint8"}.get(name, name)
    kind = int if array.dtype.kind in "iub" else float
    return {"dtype": name, "shape": list(array.shape), "values": [number(kind(v)) for v in array.flatten(order="C")]}


def sidecar(name, content):
    (out / name).with_suffix(".json").write_text(json.dumps(content) + "\n")


def good(name, array, version=None, dtype=None):
    with open(out / f"{name}.npy", "wb") as file:
        numpy.lib.format.write_array(file, array, version=version)
    sidecar(f"{name}.npy", expected(array, dtype))


def refused(name, array, error):
    numpy.save(out / f"{name}.npy", array, allow_pickle=True)
    sidecar(f"{name}.npy", {"error": error})


random = numpy.random.default_rng(7)
special = numpy.array([0.0, -0.0, 1.0, -2.5, math.nan, math.inf, -math.inf, 6e-8, 6.104e-05, 65504.0, 1 / 3, -1e-4])

# Plain types, little-endian, C order.
good("float64", special.reshape(3, 4))
good("float32", numpy.append(special, [1e-45, 3.4e38]).astype("<f4").reshape(1, 2, 7))
good("float16", special.astype("<f2").reshape(1, 2, 2, 3))
for bits in (8, 16, 32):
    good(f"int{bits}", numpy.array([-(2 ** (bits - 1)), -1, 0, 2 ** (bits - 1) - 1], f"<i{bits // 8}"))
    good(f"uint{bits}", numpy.array([0, 1, 2**bits - 1], f"<u{bits // 8}"))
good("int64", numpy.array([-(2**53), -(2**32) - 1, -1, 0, 2**32, 2**53], "<i8"))
good("uint64", numpy.array([0, 2**31, 2**32 + 1, 2**53], "<u8"))
good("bool", numpy.array([[True, False, True]]))

# Other byte orders, memory orders, versions and shapes.
good("float64-big-endian", special.astype(">f8"))
good("float32-big-endian", special.astype(">f4").reshape(2, 6))
good("float16-big-endian", special.astype(">f2").reshape(4, 3))
good("int16-big-endian", numpy.array([[-32768, 258], [-1, 32767]], ">i2"))
good("int64-big-endian", numpy.array([-(2**40), 2**53], ">i8"))
good("float32-fortran-2d", numpy.asfortranarray(random.standard_normal((3, 5)).astype("<f4")))
good("float32-fortran-4d", numpy.asfortranarray(random.standard_normal((2, 4, 3, 5)).astype("<f4")))
good("float16-fortran-5d-big-endian", numpy.asfortranarray(random.standard_normal((1, 3, 2, 4, 2)).astype(">f2")))
good("float32-version-2", special.astype("<f4"), version=(2, 0))
good("float32-version-3", special.astype("<f4"), version=(3, 0))
good("float32-scalar", numpy.array(1.5, "<f4"))
good("float32-empty", numpy.zeros((0, 4), "<f4"))

# Refused, each with its own words.
refused("refused-complex64", numpy.zeros((2, 2), "<c8"), "complex numbers")
refused("refused-complex128", numpy.zeros((2, 2), "<c16"), "complex numbers")
refused("refused-object", numpy.array([{"a": 1}, None], object), "pickled Python objects")
refused("refused-structured", numpy.zeros(2, [("x", "<f4"), ("y", "<f4", (2,))]), "fields 'x', 'y'")
refused("refused-bytes", numpy.array([b"ab", b"c"]), "byte strings")
refused("refused-strings", numpy.array(["ab", "c"]), "strings, not numbers")
refused("refused-dates", numpy.array(["2020-01-01"], "datetime64[D]"), "dates, not numbers")
refused("refused-long-double", numpy.zeros(2, numpy.longdouble), "a float of a size that is not read")
refused("refused-int64-beyond-2-53", numpy.array([1, 2**53, 2**53 + 1], "<i8"), "element 2 of int64 is 9007199254740993")


def several(name, arrays, save, suffix="npz", found=None):
    with open(out / f"{name}.{suffix}", "wb") as file:
        save(file, **arrays)
    found = found or {key: expected(array) for key, array in arrays.items()}
    sidecar(f"{name}.{suffix}", {"tensors": found})


# Several arrays in a zip. The random ones do not compress, the even ones do.
arrays = {
    "latents": random.standard_normal((1, 4, 6, 5)).astype("<f4"),
    "half": special.astype("<f2"),
    "fortran": numpy.asfortranarray(random.standard_normal((3, 5)).astype(">f4")),
    "even": numpy.zeros((40, 25), "<i4"),
    "scalar": numpy.array(2.5),
    "../../x": numpy.array([1.0, 2.0], "<f4"),
    "__proto__": numpy.array([3.0], "<f4"),
}
several("npz-stored", arrays, numpy.savez)
several("npz-deflated", arrays, numpy.savez_compressed)
several("npz-one", {"arr_0": arrays["latents"]}, numpy.savez)


def savez_streamed(file, **arrays):
    """Onto a file that cannot seek: sizes and checksums come behind the data (bit 3)."""
    class Stream:
        def __init__(self, file):
            self.write, self.flush = file.write, file.flush

    with zipfile.ZipFile(Stream(file), "w", zipfile.ZIP_DEFLATED) as archive:
        for key, array in arrays.items():
            with archive.open(f"{key}.npy", "w") as member:
                numpy.lib.format.write_array(member, array)


def savez_zip64(file, **arrays):
    with zipfile.ZipFile(file, "w") as archive:
        for key, array in arrays.items():
            with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                numpy.lib.format.write_array(member, array)


several("npz-data-descriptor", arrays, savez_streamed)
several("npz-zip64-members", arrays, savez_zip64)

if torch:

    def pt(name, value, tensors=None, metadata=None, error=None, suffix="pt", **options):
        torch.save(value, out / f"{name}.{suffix}", **options)
        if error:
            return sidecar(f"{name}.{suffix}", {"error": error})
        types = {"torch.bool": "uint8", "torch.int64": "float64"}
        found = {
            key: {
                "dtype": types.get(str(tensor.dtype), str(tensor.dtype).removeprefix("torch.")),
                "shape": list(tensor.shape),
                "values": [number(v) for v in tensor.to(torch.float64).flatten().tolist()],
            }
            for key, tensor in tensors.items()
        }
        sidecar(f"{name}.{suffix}", {"tensors": found, "metadata": metadata or {}})

    torch.manual_seed(7)
    latent = torch.randn(1, 4, 3, 5)
    pt("torch-tensor", latent, {"": latent})
    pt("torch-half", latent.half(), {"": latent.half()}, suffix="pth")
    pt("torch-bfloat16", latent.bfloat16(), {"": latent.bfloat16()})
    names = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]
    every = {name: torch.tensor([0, 1, 0, 5]).to(getattr(torch, name)) for name in names}
    every["special"] = torch.from_numpy(special.astype("f4"))
    pt("torch-dict", every, every)
    base = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4)
    views = {
        "base": base,
        "transposed": base.transpose(0, 2),
        "sliced": base[:, 1:, ::2],
        "offset": base.flatten()[5:9],
        "expanded": base[0, 0, :3].expand(2, 3),
        "scalar": base[1, 1, 1],
        "empty": base[:, :0],
        "permuted half": base.half().permute(2, 0, 1),
    }
    pt("torch-views", views, views)
    layer = torch.nn.Sequential(torch.nn.Conv2d(4, 2, 3), torch.nn.BatchNorm2d(2))
    pt("torch-state-dict", layer.state_dict(), layer.state_dict())
    parameters = dict(layer.named_parameters())
    pt("torch-parameters", parameters, parameters)
    nested = {
        "prompt": "a cat ✓",
        "step": 20,
        "sigma": 0.5,
        "scalar": numpy.float64(1.5),
        "size": latent.shape,
        "done": True,
        "none": None,
        "large": 2**70,
        "steps": [latent, (latent * 2, {"x": latent + 1, 3: latent - 1})],
        "__proto__": latent[0, 0],
    }
    found = {
        "steps.0": latent,
        "steps.1.0": latent * 2,
        "steps.1.1.x": latent + 1,
        "steps.1.1.3": latent - 1,
        "__proto__": latent[0, 0],
    }
    pt("torch-nested", nested, found, {"prompt": "a cat ✓"})
    old = {"_use_new_zipfile_serialization": False}
    pt("refused-torch-legacy", latent, error="a PyTorch file of the old pickle form", **old)
    pt("refused-torch-module", layer, error="the global 'torch.nn.modules.container.Sequential' is not on the list")
    pt("refused-torch-complex", latent.to(torch.complex64), error="'torch.ComplexFloatStorage'")
    pt("refused-torch-sparse", latent.to_sparse(), error="'torch._utils._rebuild_sparse_tensor'")
    pt("refused-torch-protocol-4", latent, error="the opcode FRAME", pickle_protocol=4)
    torch.jit.save(torch.jit.script(layer), out / "refused-torch-script.pt")
    sidecar("refused-torch-script.pt", {"error": "a TorchScript program"})

if ml_dtypes:
    good("bfloat16", special.astype(ml_dtypes.bfloat16).reshape(2, 6), dtype="bfloat16")
    refused("refused-float8", special.astype(ml_dtypes.float8_e5m2), "float")


def safe(name, tensors, metadata=None, error=None, suffix="safetensors"):
    (out / f"{name}.{suffix}").write_bytes(safetensors.numpy.save(tensors, metadata))
    if error:
        return sidecar(f"{name}.{suffix}", {"error": error})
    found = {key: expected(array) for key, array in tensors.items()}
    sidecar(f"{name}.{suffix}", {"tensors": found, "metadata": metadata or {}})


if safetensors and ml_dtypes:
    types = ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8"]
    every = {name: numpy.arange(6).reshape(1, 2, 3).astype(name) for name in types}
    every["bfloat16"] = special.astype(ml_dtypes.bfloat16)
    every["bool"] = numpy.array([True, False, True])
    every["special float32"] = special.astype("<f4")
    every["special float16"] = special.astype("<f2")
    safe("every-dtype", every, {"made by": "safetensors"})
    names = ["__proto__", "constructor", "", "ünïcode ✓", 'quo"te\\', "line\nbreak"]
    safe(
        "names",
        {name: numpy.array([float(i)], "<f4") for i, name in enumerate(names)},
        {"ключ": "значение", "__proto__": "x", "quote": '{"nodes":[]}'},
    )
    safe("rank-0-and-empty", {"scalar": numpy.array(2.5, "<f4"), "empty": numpy.zeros((2, 0, 3), "<f2")})
    safe("no-tensors", {})
    safe(
        "comfyui",
        {
            "latent_tensor": random.standard_normal((1, 4, 2, 3)).astype("<f4"),
            "latent_format_version_0": numpy.zeros(0, "<f4"),
        },
        {"prompt": '{"3":{"class_type":"KSampler"}}'},
        suffix="latent",
    )
    for name, code in {"float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2"}.items():
        weight = special.astype(getattr(ml_dtypes, name))
        safe(f"refused-{name.replace('_', '-')}", {"weight": weight}, error=f"tensor 'weight' has dtype '{code}'")
    safe("refused-complex64-tensor", {"x": numpy.zeros(2, "<c8")}, error="tensor 'x' has dtype 'C64', complex")


def png(name, pixels, filters, colour=6, depth=8, error=None):
    """(H, W, C) bytes, each row with its filter; written here because libraries choose the filters themselves."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, channels = pixels.shape
    rows = b""
    for y in range(height):
        row = pixels[y].astype(int)
        above = pixels[y - 1].astype(int) if y else numpy.zeros_like(row)
        left = numpy.vstack([numpy.zeros((1, channels), int), row[:-1]])
        corner = numpy.vstack([numpy.zeros((1, channels), int), above[:-1]])
        p = left + above - corner
        near = [abs(p - left), abs(p - above), abs(p - corner)]
        first = (near[0] <= near[1]) & (near[0] <= near[2])
        paeth = numpy.where(first, left, numpy.where(near[1] <= near[2], above, corner))
        kind = filters[y % len(filters)]
        predicted = [0 * row, left, above, (left + above) // 2, paeth][kind]
        rows += bytes([kind]) + ((row - predicted) % 256).astype(numpy.uint8).tobytes()
    packed = zlib.compress(rows)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"tEXt", b"made by\0hand") + chunk(b"IDAT", packed[:50]) + chunk(b"IDAT", packed[50:])
    (out / f"{name}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b""))
    if error:
        return sidecar(f"{name}.png", {"error": error})
    values = (pixels / 255 - 0.5) * 6
    latents = numpy.moveaxis(values, 2, 0)[None].astype("<f4")
    sidecar(f"{name}.png", expected(latents))


# Latents in 8 bits: clamp(x / 6 + 0.5) * 255, the fourth channel as alpha.
eight = numpy.clip(random.standard_normal((15, 16, 4)) / 6 + 0.5, 0, 1) * 255
png("png-rgba", eight.round().astype(numpy.uint8), [0, 1, 2, 3, 4])
opaque = eight.round().astype(numpy.uint8)
opaque[..., 3] = 255
png("refused-png-opaque", opaque, [0], error="a picture, not a latent: its alpha is 0 or 255 nearly everywhere")
png("refused-png-rgb", opaque[..., :3], [1], colour=2, error="a picture, not a latent: it has no fourth channel")
