"""Make the fonts of the book: ``python tests/browser/fonts.py FOLDER``.

FOLDER has the variable fonts of the packages source-sans 3.52.0 and source-code-pro
2.42.0. Needed only for characters that are not in the files yet; asks for Brotli.
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

OUT = Path(__file__).parents[2] / "book" / "_static" / "fonts"
# Latin with accents, Greek, punctuation, sub- and superscripts, arrows, operators
TEXT = (
    "U+20-7E,U+A0-17F,U+2BC,U+2C6-2DD,U+300-304,U+370-3FF,U+2010-2037,U+2070-208E,"
    "U+20AC,U+2113,U+2122,U+2190-2195,U+21D0-21D4,U+2200-22FF,U+2713,U+2717"
)
BOXES = ",U+2500-259F"
# file, new name (the licence keeps the old one for the whole font), weights, characters
FONTS = {
    "sans": ("SourceSans3VF-Upright", "Latent Sans", (300, 700), TEXT),
    "sans-italic": ("SourceSans3VF-Italic", "Latent Sans Italic", (300, 700), TEXT),
    "mono": ("SourceCodeVF-Upright", "Latent Mono", (400, 700), TEXT + BOXES),
}


def make(folder):
    """Write the three files."""
    options = subset.Options()
    options.flavor, options.hinting = "woff2", False
    options.layout_features = ["kern", "mark", "mkmk", "ccmp", "locl", "liga", "tnum"]
    options.name_IDs = [0, 13, 14]  # copyright, licence, where to read it
    for out, (file, name, weights, characters) in FONTS.items():
        font = TTFont(folder / f"{file}.ttf.woff2", lazy=False)
        font.ensureDecompiled()
        subsetter = subset.Subsetter(options)
        subsetter.populate(unicodes=subset.parse_unicodes(characters))
        subsetter.subset(font)
        font = instantiateVariableFont(font, {"wght": weights})
        names = {1: name, 2: "Regular", 3: name, 4: name, 6: name.replace(" ", "")}
        for number, text in names.items():
            font["name"].setName(text, number, 3, 1, 0x409)
        subset.save_font(font, OUT / f"{out}.woff2", options)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
