"""Writes the tensor files of test/fixtures/files with the libraries that define the formats, and beside each x.ext an
x.json that says what a reader must find:

    {"dtype", "shape", "values"}                 one unnamed array (.npy)
    {"tensors": {name: {...}}, "metadata": {}}   several
    {"error": "part of the message"}             a file that is refused

Needs numpy; the bfloat16, float8 and safetensors files need the packages ml_dtypes and safetensors too and are left as
they are without them. Written with numpy 2.4.6, ml_dtypes 0.6.0, safetensors 0.8.0.

    python3 scripts/make-file-fixtures.py
"""

import json
import math
from pathlib import Path

import numpy

try:
    import ml_dtypes
except ImportError:
    ml_dtypes = None
    print("no ml_dtypes: bfloat16 and float8 files are left as they are")
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
numpy.savez(out / "refused-npz.npz", latents=numpy.zeros((1, 4, 2, 2), "<f4"))
sidecar("refused-npz.npz", {"error": "zip of NumPy arrays (.npz)"})

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
