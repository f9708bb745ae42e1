"""Scores of the published program (version 2.1) and of the exact definition, pair by pair."""

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jpegslim.engine.metric import compare

FIXTURES = Path(__file__).parents[4] / "shared" / "fixtures" / "ssimulacra2"

pytestmark = pytest.mark.skipif(
    not (FIXTURES / "scores.tsv").is_file(),
    reason=f"no reference scores beside the repository ({FIXTURES})",
)

# Official scores of smooth pictures suffer from the program's own noise; those of textured ones,
# between 60 and 88, do not.
TEXTURED = ("kodim",)


def rows() -> list[dict[str, str]]:
    if not (FIXTURES / "scores.tsv").is_file():
        return []
    with (FIXTURES / "scores.tsv").open(newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def score(row: dict[str, str]) -> float:
    reference, distorted = (
        np.asarray(Image.open(FIXTURES / row[name]).convert("RGB"))
        for name in ("reference", "distorted")
    )
    assert reference.shape == (int(row["height"]), int(row["width"]), 3)
    return compare(reference, distorted).score


# The reference is held to 0.02 and the kernel to 0.1 by the design; both are within 0.0002.
WITHIN = {"numpy": 0.001, "kernel": 0.002}


@pytest.mark.parametrize("row", rows(), ids=lambda row: row["distorted"])
def test_every_pair_scores_as_the_exact_definition_does(row, implementation):
    assert score(row) == pytest.approx(float(row["exact_float64"]), abs=WITHIN[implementation])


@pytest.mark.parametrize(
    "row",
    [
        row
        for row in rows()
        if any(name in row["reference"] for name in TEXTURED)
        and 60 < float(row["official_2_1"]) < 88
    ],
    ids=lambda row: row["distorted"],
)
def test_textured_pairs_score_as_the_published_program_says(row, kernel):
    assert score(row) == pytest.approx(float(row["official_2_1"]), abs=0.1)
