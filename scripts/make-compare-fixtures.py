"""Makes test/fixtures/compare: small image pairs and what scikit-image says about them.

Needs Python 3 with numpy, scipy, Pillow and scikit-image (made with 0.19.3):
    python3 scripts/make-compare-fixtures.py
"""

import json
from pathlib import Path

import numpy as np
import skimage
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import color, data, metrics

WIDTH, HEIGHT = 48, 40
SHARMA_SOURCE = (
    "G. Sharma, W. Wu, E. N. Dalal, 'The CIEDE2000 color-difference formula: implementation notes, "
    "supplementary test data, and mathematical observations', Color Research & Application 30(1), 2005, table 1; "
    "read from the copy in scikit-image's tests. Columns: L1 a1 b1, L2 a2 b2, expected difference."
)
folder = Path(__file__).resolve().parent.parent / "test" / "fixtures" / "compare"
random = np.random.default_rng(2004)


def to_bytes(values):
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def pairs():
    # The astronaut is NASA's photograph of Eileen Collins: public domain.
    photo = data.astronaut()
    face = photo[80 : 80 + HEIGHT, 190 : 190 + WIDTH]
    badge = photo[330 : 330 + HEIGHT, 250 : 250 + WIDTH]
    yield "noise", to_bytes(face + random.normal(0, 12, face.shape)), face
    yield "blur", to_bytes(gaussian_filter(badge.astype(float), (1.5, 1.5, 0))), badge

    # Coloured waves, moved by two pixels.
    y, x = np.mgrid[0:HEIGHT, 0 : WIDTH + 2]
    waves = to_bytes(np.stack([127 + 120 * np.sin(x / 5 + phase + y / (7 + phase)) for phase in (0, 2, 4)], axis=-1))
    yield "shift", waves[:, 2:], waves[:, :-2]

    # Unrelated colours from the whole cube: every hue, near black, near white.
    yield "colors", *to_bytes(random.uniform(-40, 295, (2, HEIGHT, WIDTH, 3)))


def luma(rgb):
    return rgb.astype(float) @ np.array([0.299, 0.587, 0.114])


def golden(image, reference):
    difference = np.abs(image.astype(int) - reference.astype(int))
    return {
        "psnr": metrics.peak_signal_noise_ratio(reference, image, data_range=255),
        "ssim": metrics.structural_similarity(
            luma(image), luma(reference), gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255
        ),
        "deltaE": color.deltaE_ciede2000(color.rgb2lab(reference), color.rgb2lab(image)).mean(),
        "meanError": difference.mean(),
        "maxError": int(difference.max()),
    }


def ssim_of_small(image, reference):
    """SSIM with the window cut to the image where a side has fewer than 11 pixels, window by window, in two passes
    (first the means, then the deviations from them). scikit-image refuses such images."""
    x, y = luma(image), luma(reference)
    rows, columns = (min(side, 11) for side in x.shape)
    offsets = np.mgrid[0:rows, 0:columns] - np.array([rows - 1, columns - 1]).reshape(2, 1, 1) / 2
    window = np.exp(-(offsets**2).sum(axis=0) / (2 * 1.5**2))
    window /= window.sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    values = []
    for top in range(x.shape[0] - rows + 1):
        for left in range(x.shape[1] - columns + 1):
            a, b = (plane[top : top + rows, left : left + columns] for plane in (x, y))
            mean_a, mean_b = (window * a).sum(), (window * b).sum()
            variance_a, variance_b = (window * (a - mean_a) ** 2).sum(), (window * (b - mean_b) ** 2).sum()
            covariance = (window * (a - mean_a) * (b - mean_b)).sum()
            luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
            values.append(luminance * (2 * covariance + c2) / (variance_a + variance_b + c2))
    return float(np.mean(values))


folder.mkdir(parents=True, exist_ok=True)
goldens = {"source": f"scikit-image {skimage.__version__}, scripts/make-compare-fixtures.py", "pairs": {}, "crops": []}
for name, image, reference in pairs():
    Image.fromarray(image).save(folder / f"{name}-image.png", optimize=True)
    Image.fromarray(reference).save(folder / f"{name}-reference.png", optimize=True)
    goldens["pairs"][name] = golden(image, reference)
    # The top left corner of each pair; the last size has no cut window and ties this loop to scikit-image's number.
    for width, height in ((1, 1), (4, 4), (7, 1), (1, 16), (20, 3), (10, 12), (11, 11), (WIDTH, HEIGHT)):
        corner = (slice(0, height), slice(0, width))
        ssim = ssim_of_small(image[corner], reference[corner])
        goldens["crops"].append({"pair": name, "width": width, "height": height, "ssim": ssim})
    assert abs(goldens["crops"][-1]["ssim"] - goldens["pairs"][name]["ssim"]) < 1e-9
(folder / "goldens.json").write_text(json.dumps(goldens, indent=1) + "\n")

rows = []
table = Path(skimage.__file__).parent / "color" / "tests" / "ciede2000_test_data.txt"
for line in table.read_text().splitlines():
    if line.strip() and not line.startswith("#"):
        fields = [float(field) for field in line.split()]
        # pair 1 L a b a' C' h' mean-hue G T SL SC SH RT dE 2 L a b ...
        rows.append([*fields[2:5], *fields[17:20], fields[15]])
assert len(rows) == 34
lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
(folder / "sharma.json").write_text(f'{{\n "source": {json.dumps(SHARMA_SOURCE)},\n "rows": [\n{lines}\n ]\n}}\n')
