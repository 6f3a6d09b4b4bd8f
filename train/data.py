"""What a family's decoder is trained on: pictures of 256×256, their latents by the family's tiny encoder, and latents that
are no picture's, with what the tiny decoder makes of them. Also the photos to choose and to measure by, whole.

Everything lies under artifacts/train once made: pictures.npy for all families, <family>-*.npy. Made anew where it is
missing. Run alone (python3 train/data.py) it shows the pictures: artifacts/train/pictures.jpg.
"""

import hashlib
import json
import sys
import zlib
from pathlib import Path

import numpy
import torch
from PIL import Image, ImageDraw, ImageFilter, ImageFont

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "scripts"), str(HERE.parent / "scripts/fit-maps")]
import encode as photo_list  # noqa: E402
from tae import ROOT, load_family  # noqa: E402

FOLDER = ROOT / "artifacts/train"
LISTS = [ROOT / "scripts/fit-maps/photos.json", HERE / "photos.json"]
SIDE = 256
# Pictures of each kind. Of a photo, crops at several scales: many of those in ../shared, few of games' textures and
# paintings. Scenes are cut-out things upon some ground.
CROPS = {"shared": 18, "torcs-data": 1, "wesnoth-1.16-data": 3, "palapeli-data": 14}
CROPS_ELSE = 6
SCENES, DRAWN, MIXED = 250, 170, 240
# Mean step between neighbours, of 0..255: below that a crop shows next to nothing.
PLAIN = 1.5
# Of a photo's crops: the share with other exposure and saturation, and how much other.
VARIED, STOPS, SATURATIONS = 0.45, (-2.5, 1.0), (0.3, 2.2)
FONTS = Path("/usr/share/fonts/truetype/dejavu")
LUMA = numpy.array([0.2126, 0.7152, 0.0722])
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def listed():
    """The photos to train on: of both lists, those that measure nothing."""
    maps, more = (json.loads(path.read_text(encoding="utf-8"))["photos"] for path in LISTS)
    return [photo for photo in maps if photo["use"] == "fit"] + more


def list_checksum():
    return hashlib.sha256(b"".join(path.read_bytes() for path in LISTS)).hexdigest()


def relit(pixels, random):
    """Of other exposure (in linear light) and saturation, a step of white balance with it."""
    linear = (pixels / 255.0) ** 2.2 * 2 ** random.uniform(*STOPS)
    grey = (linear @ LUMA)[..., None]
    linear = grey + (linear - grey) * random.uniform(*SATURATIONS)
    linear = linear * 2 ** random.normal(0, 0.15, 3)
    return (linear.clip(0, 1) ** (1 / 2.2) * 255).round().astype(numpy.uint8)


def crop(image, random):
    """256×256 of the picture at some scale, perhaps mirrored."""
    least, most = SIDE / min(image.size), min(1.0, 1400 / max(image.size))
    factor = numpy.exp(random.uniform(*numpy.log([least, max(least, most)])))
    width, height = (max(SIDE, round(length * factor)) for length in image.size)
    left, top = random.randint(width - SIDE + 1), random.randint(height - SIDE + 1)
    box = numpy.array([left, top, left + SIDE, top + SIDE]) * numpy.tile(numpy.array(image.size) / (width, height), 2)
    part = image.resize((SIDE, SIDE), Image.LANCZOS, box=tuple(box))
    return numpy.asarray(part.transpose(Image.FLIP_LEFT_RIGHT) if random.rand() < 0.5 else part)


def eventful(image, random):
    """A crop that shows something, mostly."""
    for _ in range(4):
        pixels = crop(image, random)
        if numpy.abs(numpy.diff(pixels.astype(numpy.int16), axis=1)).mean() > PLAIN or random.rand() < 0.15:
            break
    return pixels


def colour(random):
    """Anywhere in the cube, or on a face of it, where deep colours are, or grey."""
    found = random.rand(3)
    kind = random.randint(5)
    if kind < 2:
        found[random.randint(3)] = random.randint(2)
    if kind == 2:
        found[:] = found[0]
    return tuple(int(part) for part in (found * 255).round())


def ground(random):
    """A flat colour or a blend of up to four."""
    corners = [colour(random) for _ in range(4)]
    if random.rand() < 0.4:
        return Image.new("RGB", (SIDE, SIDE), corners[0])
    small = Image.fromarray(numpy.array(corners, numpy.uint8).reshape(2, 2, 3))
    return small.resize((SIDE, SIDE), [Image.BICUBIC, Image.BILINEAR][random.randint(2)])


def scene(stamps, grounds, random):
    """Things upon a plain ground or upon a blurred photo."""
    if random.rand() < 0.5:
        image = ground(random)
    else:
        image = Image.fromarray(grounds[random.randint(len(grounds))])
        image = image.filter(ImageFilter.GaussianBlur(random.uniform(0, 6)))
    for _ in range(random.randint(1, 6)):
        stamp = stamps[random.randint(len(stamps))]
        factor = random.uniform(60, 300) / max(stamp.size)
        stamp = stamp.resize([max(1, round(side * min(1, factor))) for side in stamp.size], Image.LANCZOS)
        if random.rand() < 0.5:
            stamp = stamp.rotate(random.uniform(-40, 40), Image.BICUBIC, expand=True)
        if random.rand() < 0.5:
            stamp = stamp.transpose(Image.FLIP_LEFT_RIGHT)
        place = (random.randint(-40, SIDE - 40), random.randint(-40, SIDE - 40))
        image.paste(stamp, place, stamp)
    return numpy.asarray(image)


def drawn(random, index):
    """Flat squares, blends, text, lines, patterns or noise, by turns."""
    kind = index % 7
    image = ground(random)
    draw = ImageDraw.Draw(image)
    if kind == 0:
        step = [16, 32, 64][random.randint(3)]
        for y in range(0, SIDE, step):
            for x in range(0, SIDE, step):
                draw.rectangle((x, y, x + step - 1, y + step - 1), fill=colour(random))
    elif kind == 2:
        fonts = sorted(FONTS.glob("*.ttf"))
        letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ,.;:!?()   "
        y = random.randint(12)
        while y < SIDE:
            size = random.randint(9, 60)
            font = ImageFont.truetype(str(fonts[random.randint(len(fonts))]), size) if fonts else None
            line = "".join(letters[k] for k in random.randint(len(letters), size=60))
            draw.text((random.randint(-20, 30), y), line, fill=colour(random), font=font)
            y += int(size * 1.3)
    elif kind == 3:
        for _ in range(random.randint(4, 40)):
            points = tuple(int(part) for part in random.randint(-30, SIDE + 30, 4))
            shape = random.randint(3)
            if shape == 0:
                draw.line(points, fill=colour(random), width=int(random.randint(1, 7)))
            else:
                box = (min(points[::2]), min(points[1::2]), max(points[::2]), max(points[1::2]))
                fill = colour(random) if random.rand() < 0.5 else None
                (draw.ellipse if shape == 1 else draw.rectangle)(box, fill=fill, outline=colour(random))
    elif kind == 4:
        y, x = numpy.mgrid[:SIDE, :SIDE]
        angle, period = random.uniform(0, numpy.pi), numpy.exp(random.uniform(numpy.log(4), numpy.log(80)))
        across = numpy.cos(angle) * x + numpy.sin(angle) * y
        along = numpy.cos(angle) * y - numpy.sin(angle) * x
        wave = numpy.sin(2 * numpy.pi * across / period)
        if random.rand() < 0.5:
            wave = wave * numpy.sin(2 * numpy.pi * along / period)
        share = (wave > 0 if random.rand() < 0.5 else wave / 2 + 0.5)[..., None]
        one, other = (numpy.array(colour(random)) for _ in range(2))
        return (one * share + other * (1 - share)).round().astype(numpy.uint8)
    elif kind == 5:
        # Noise of every size at once, as clouds and rough ground have it; the larger the stronger.
        slope = random.uniform(0.4, 1.3)
        total = numpy.zeros((SIDE, SIDE, 3))
        for octave in range(1, 9):
            side = 2**octave
            spread = random.normal(0, 1, (side, side, 3)) * random.uniform(0.2, 1) + random.normal(0, 1, (side, side, 1))
            for k in range(3):
                plane = Image.fromarray(spread[..., k].astype(numpy.float32))
                total[..., k] += numpy.asarray(plane.resize((SIDE, SIDE), Image.BICUBIC)) * side**-slope
        total = total / total.std() * random.uniform(10, 70) + numpy.array(colour(random))
        return total.clip(0, 255).round().astype(numpy.uint8)
    elif kind == 6:
        return relit(numpy.asarray(image), random)
    return numpy.asarray(image)


def make_pictures():
    """(N, 256, 256, 3) bytes. Each source draws by its own name, so a longer list changes no other's pictures."""
    found, stamps = [], []
    for photo in listed():
        random = numpy.random.RandomState(zlib.crc32(photo["name"].encode()))
        with Image.open(photo_list.find_file(photo)) as file:
            image = file.convert("RGBA")
        image.thumbnail((2800, 2800), Image.LANCZOS)
        # What lets much of its ground through is a thing to set upon another.
        if numpy.asarray(image.getchannel("A")).mean() < 245:
            image.thumbnail((512, 512), Image.LANCZOS)
            stamps.append(image)
            continue
        for _ in range(CROPS["shared"] if "shared" in photo else CROPS.get(photo["package"], CROPS_ELSE)):
            pixels = eventful(image.convert("RGB"), random)
            found.append(relit(pixels, random) if random.rand() < VARIED else pixels)
    random = numpy.random.RandomState(1)
    found += [scene(stamps, found[: len(found)], random) for _ in range(SCENES)]
    random = numpy.random.RandomState(2)
    found += [drawn(random, index) for index in range(DRAWN)]
    return numpy.stack(found)


def kept(name, make):
    """An array of artifacts/train, made where it is missing."""
    path = FOLDER / f"{name}.npy"
    if not path.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        array = make()
        partial = path.with_suffix(".partial")
        with partial.open("wb") as file:
            numpy.save(file, array)
        partial.rename(path)
        print(f"{path.name}: {array.shape} {array.dtype}", flush=True)
    return numpy.load(path)


def run(net, array, prepare, finish, batch=4):
    """The net over (N, …), in bfloat16 where that is faster: what it loses is less than the latents' own noise."""
    net = net.to(device, memory_format=torch.channels_last)
    for module in net.modules():
        if isinstance(module, torch.nn.GroupNorm):
            # On CPUs it takes no input of another type than its weights.
            module.register_forward_pre_hook(lambda _, inputs: (inputs[0].float(),))
    done = []
    with torch.no_grad(), torch.autocast(device.type, dtype=torch.bfloat16):
        for start in range(0, len(array), batch):
            part = prepare(torch.from_numpy(numpy.ascontiguousarray(array[start : start + batch])).to(device))
            done.append(finish(net(part.contiguous(memory_format=torch.channels_last)).float()).cpu().numpy())
    return numpy.concatenate(done)


def to_planes(pixels):
    return pixels.permute(0, 3, 1, 2).float() / 255


def to_bytes(planes):
    return (planes.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1)


def encoded(family):
    """Latents (N, C, 32, 32) of the pictures, float16."""
    pictures = kept("pictures", make_pictures)
    return kept(f"{family}-latents", lambda: run(load_family(family)[0], pictures, to_planes, lambda z: z.half()))


def mix(latents, random):
    """Latents as samplers have them on their way: of two pictures at once, smooth, faint, strong, or flat."""
    one, other = (torch.from_numpy(latents[random.randint(len(latents))].astype(numpy.float32)) for _ in range(2))
    kind = random.randint(4)
    if kind == 0:
        one = one + (other - one) * random.uniform(0.15, 0.85)
    elif kind == 1:
        coins = torch.rand(1, 32, 32, generator=torch.Generator().manual_seed(random.randint(2**31)))
        one = smooth(torch.where(coins < 0.5, one, other), random.uniform(0.7, 2.5))
    elif kind == 2:
        one = smooth(one, random.uniform(0.6, 4))
    else:
        mean = one.mean((1, 2), keepdim=True)
        one = mean + (one - mean) * random.uniform(0, 1.2)
    return one.half().numpy()


def smooth(planes, deviation):
    """Gaussian, with edges repeated."""
    reach = int(3 * deviation) + 1
    kernel = torch.exp(-(torch.arange(-reach, reach + 1.0) ** 2) / (2 * deviation**2))
    kernel = (kernel / kernel.sum())[None, None]
    for axis in (1, 2):
        rows = planes.transpose(axis, 2)
        flat = rows.reshape(-1, 1, rows.shape[-1])
        flat = torch.nn.functional.conv1d(torch.nn.functional.pad(flat, (reach, reach), mode="replicate"), kernel)
        planes = flat.reshape(rows.shape).transpose(axis, 2)
    return planes


def mixed(family):
    """(latents (M, C, 32, 32), the tiny decoder's bytes of them (M, 256, 256, 3))."""
    latents = encoded(family)
    random = numpy.random.RandomState(3)
    mixtures = kept(f"{family}-mixed", lambda: numpy.stack([mix(latents, random) for _ in range(MIXED)]))
    decode = lambda: run(load_family(family)[1], mixtures, lambda z: z.float(), to_bytes)  # noqa: E731
    return mixtures, kept(f"{family}-mixed-pictures", decode)


def photos(family, use):
    """[(name, latents (C, H, W), bytes (8H, 8W, 3))] of whole photos, in float32 all along."""
    found = []
    for photo in photo_list.LISTED["photos"]:
        if photo["use"] != use:
            continue
        with Image.open(photo_list.find_file(photo)) as file:
            pixels = numpy.array(photo_list.whole(file.convert("RGB")))
        source = to_planes(torch.from_numpy(pixels)[None])
        with torch.no_grad():
            latents = kept(f"{family}-{use}-{photo['name']}", lambda: load_family(family)[0](source)[0].numpy())  # noqa: B023
        found.append((photo["name"], latents, pixels))
    return found


def main():
    pictures = kept("pictures", make_pictures)
    columns, side = 40, 64
    sheet = Image.new("RGB", (columns * side, -(-len(pictures) // columns) * side))
    for index, pixels in enumerate(pictures):
        place = (index % columns * side, index // columns * side)
        sheet.paste(Image.fromarray(pixels).resize((side, side), Image.BOX), place)
    sheet.save(FOLDER / "pictures.jpg")
    print(f"{len(pictures)} pictures")


if __name__ == "__main__":
    main()
