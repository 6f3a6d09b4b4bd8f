"""Writes photos.json: pictures of Debian packages to train on, beside those of scripts/fit-maps/photos.json, each with author,
licence, version of the package and checksum. Run again only to change the selection: python3 train/photos.py

What is known of a file comes from the package's debian/copyright, and for Plasma's wallpapers from the metadata.json beside
each. Pictures that show what a test photo shows are refused.
"""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy
from PIL import Image

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "scripts"), str(HERE.parent / "scripts/fit-maps")]
from encode import FOLDER, LISTED, find_file, refuse_reserved  # noqa: E402

METADATA = object()
TRACKS = ("Jean-Christophe Durieu, ViPeR", "Free-Art-License")
# package: (version, [(what a path has, author, licence)]). A file goes by the first that it has; None leaves it out.
SOURCES = {
    "mate-backgrounds": (
        "1.26.0-1",
        [
            ("nature/(Aqua|Garden|LadyBird|YellowFlower)", "Charles Barbin", "GPL-2+"),
            ("nature/Blinds", "Lennart Poettering, Andrea Cimitan", "GPL-2+"),
            ("nature/Dune", "Marco Cogoni, Hylke Bons", "GPL-2+"),
            ("nature/FreshFlower", "Jens Ansorg", "GPL-2+"),
            ("nature/GreenMeadow", "Timothy Schellhase, Lapo Calamandrei", "GPL-2+"),
            ("nature/RainDrops", "blackcombwhistler07", "GPL-2+"),
            ("nature/Storm", "Sergey Nazarov", "GPL-2+"),
            ("nature/TwoWings", "Charles Barbin, Hylke Bons", "GPL-2+"),
            ("nature/Wood", "Jean-François Fortin Tam", "GPL-2+"),
            ("abstract/Elephants_3840x2160", "Wyng Stancikaite", "GPL-2+"),
            ("abstract/Flow", "Daniel Galleguillos, Hylke Bons", "GPL-2+"),
            ("abstract/(Silk|Spring|Waves)", "Patryk Zawadzki", "GPL-2+"),
            ("desktop/Float-into-MATE", "François Vogelweith, Joseph Krieger", "GPL-2+"),
        ],
    ),
    "ukui-wallpapers": ("20.04.3-1.1", [("backgrounds/", "Ubuntu Kylin community contributors", "CC-BY-SA-3.0")]),
    "plasma-workspace-wallpapers": ("4:5.27.5-2", [("contents/images/", METADATA, METADATA)]),
    "palapeli-data": ("4:22.12.3-1", [("collection/.*jpg", "the Palapeli developers and www.ericpouhier.com", "GPL-2+")]),
    "stellarium-data": (
        "0.22.2-1",
        [("landscapes/(guereins/guereins|garching/garching)[^/]*[1-8b]\\.png", "Fabien Chéreau", "GPL-2+")],
    ),
    "torcs-data": (
        "1.3.7+dfsg-5",
        [
            # Views of things; not tarmac, maps and advertisements.
            ("advert|sponsor|improveyou|/cars/|/data/img/", None, None),
            ("/tracks/.*(house|hus0|hytte|cabin|building|wall|brick|roof|cliff|rock|tree|garage|barn)", *TRACKS),
        ],
    ),
    "wesnoth-1.16-data": (
        "1:1.16.9-1",
        [("core/images/portraits/|images/story/", "David White and the Battle for Wesnoth's contributors", "GPL-2+")],
    ),
    "tuxpaint-stamps-default": (
        "2022.06.04-1",
        [
            ("/cartoon/|/alphabets/", None, None),
            ("/stamps/", "Bill Kendrick and the Tux Paint stamps' contributors", "GPL-2+"),
        ],
    ),
}
SIDE = 24
# Bytes: smaller files are icons.
LEAST = 12_000


def unpacked(package, version):
    folder = FOLDER / "packages" / package
    if not (folder / "usr").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", f"{package}={version}"], cwd=folder, check=True)
        archive = next(folder.glob("*.deb"))
        subprocess.run(["dpkg-deb", "-x", str(archive), str(folder)], check=True)
        archive.unlink()
    return folder


def look(image):
    """What is left of a picture when it is very small, of mean 0 and length 1."""
    small = numpy.asarray(image.convert("L").resize((SIDE, SIDE), Image.BOX), numpy.float64).ravel()
    small -= small.mean()
    return small / (numpy.linalg.norm(small) + 1e-9)


def from_metadata(path):
    """(author, licence), or None."""
    described = path.parents[2] / "metadata.json"
    if not described.exists():
        return None
    plugin = json.loads(described.read_text(encoding="utf-8"))["KPlugin"]
    return ", ".join(author["Name"] for author in plugin["Authors"]), plugin["License"]


def rights(path, place, rules):
    """(author, licence) of a file, or None where the picture is to be left out."""
    for pattern, author, licence in rules:
        if re.search(pattern, place):
            return from_metadata(path) if author is METADATA else author and (author, licence)
    return None


def main():
    measured = {}
    for photo in LISTED["photos"]:
        if photo["use"] != "fit":
            with Image.open(find_file(photo)) as image:
                measured[photo["name"]] = look(image)
    known = {photo["sha256"] for photo in LISTED["photos"]}
    photos, names = [], set()
    for package, (version, rules) in SOURCES.items():
        folder = unpacked(package, version)
        # Wallpapers come in many sizes: the largest stands for all.
        files = [path for path in folder.rglob("*.*") if path.is_file()]
        for path in sorted(files, key=lambda path: (-path.stat().st_size, path)):
            place = str(path.relative_to(folder))
            about = path.suffix in (".png", ".jpg") and path.stat().st_size > LEAST and rights(path, place, rules)
            if not about:
                continue
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            name = path.parents[2].name if path.parent.name == "images" else path.stem
            name = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
            photo = {"name": name, "author": about[0], "licence": about[1], "package": package, "version": version}
            photo |= {"path": f"/{place}", "sha256": digest}
            refuse_reserved(photo, digest)
            with Image.open(path) as image:
                seen = look(image)
            same = [other for other in measured if seen @ measured[other] > 0.93]
            if same:
                print(f"{place} shows what {same} show, which measure: left out")
            if same or digest in known or name in names:
                continue
            known.add(digest)
            names.add(name)
            photos.append(photo)
    photos.sort(key=lambda photo: (photo["package"], photo["path"]))
    text = ",\n".join(f"  {json.dumps(photo, ensure_ascii=False)}" for photo in photos)
    (HERE / "photos.json").write_text(f'{{"photos": [\n{text}\n]}}\n', encoding="utf-8")
    print(f"{len(photos)} pictures")


if __name__ == "__main__":
    main()
