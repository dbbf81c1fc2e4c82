"""Print docs/pictures.md's table, and draw its sheet, for a run's weights.

python -m tests.torch_parity.training.pictures.measure RUN [PART OF A KIND'S NAME ...]
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from tests import ROOT
from tests.torch_parity.training.pictures.drawn import DOUBTFUL, READ, numbers, picture
from tests.torch_parity.training.pictures.test_kinds import looked_at, measured
from torch_parity.training.familiarity import Familiarity
from torch_parity.training.predict import Classifier

SHOWN = (
    "pen of 0.8%", "frame of 1 pixel, grey 180", "lines on 2 sides", "turned sheet on a table", "specks, small digit",
    "white on transparent", "grey in colour and alpha", "photo, squared paper", "photo, squared, black lines",
    "photo, ruled, dark lines", "inverted", "red on equally bright green",
)  # fmt: skip
TILE, GAP = 168, 12


def main(run: str, *parts: str) -> None:
    kinds = {**READ, **DOUBTFUL}
    classifier = Classifier(run)
    familiarity = Familiarity(classifier)
    with tempfile.TemporaryDirectory() as folder:
        if not parts:
            sheet(Path(folder)).save(ROOT / "docs" / "pictures.png", optimize=True)
        print("| kind | right | of these with a warning | refused | wrong without a word |\n|---|---|---|---|---|")
        for name in [kind for kind in kinds if not parts or any(part in kind for part in parts)]:
            counts = measured(kinds[name], classifier, familiarity, Path(folder))
            print(f"| {name} | {' | '.join(str(count) for count in counts.values())} |", flush=True)


def sheet(folder: Path) -> Image.Image:
    """Twelve pictures as drawn, and below each, as prepared."""
    columns = 6
    whole = Image.new("RGB", (columns * (TILE + GAP) + GAP, 4 * (TILE + GAP) + GAP), (190, 200, 215))
    for place, name in enumerate(SHOWN):
        number = numbers(1)[place % 10]
        drawn = picture(READ[name](number, np.random.default_rng(5)))
        prepared = Image.fromarray(looked_at(READ[name], number, folder).pixels)
        left, top = GAP + place % columns * (TILE + GAP), GAP + place // columns * 2 * (TILE + GAP)
        drawn = drawn.convert("RGBA").resize((TILE, TILE), Image.Resampling.LANCZOS)
        whole.paste(drawn, (left, top), drawn)
        whole.paste(prepared.resize((TILE, TILE), Image.Resampling.NEAREST), (left, top + TILE + GAP))
    return whole


if __name__ == "__main__":
    main(*sys.argv[1:])
