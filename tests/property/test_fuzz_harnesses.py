"""Every fuzz harness for a moment, with mutations of its own seeds: it must not rot unrun.

The fuzzers themselves need atheris and run for much longer: docs/fuzzing.md.
"""

import importlib
import random
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
if not (ROOT / "fuzz").is_dir():
    pytest.skip("the fuzz harnesses are not shipped", allow_module_level=True)
# Behind all else, so that an installed package is tested before the one beside the harnesses.
sys.path.append(str(ROOT))

HARNESSES = ("container", "mpf", "icc", "metadata", "inspecting")
INPUTS = 300


def mutated(generator, seeds, words):
    """Return a seed with a few bytes changed, moved, cut out or put in."""
    data = bytearray(generator.choice(seeds))
    for _ in range(generator.randint(1, 6)):
        at = generator.randrange(len(data) + 1)
        length = generator.choice((1, 2, 4, 40))
        new = generator.choice(
            (
                bytes([generator.choice((0, 1, 0x7F, 0x80, 0xFF))]),
                generator.randbytes(length),
                generator.choice(words),
                data[at : at + length] * 2,
            )
        )
        end = at + generator.choice((0, len(new), len(new), length))
        data[at:end] = new
    return bytes(data)


@pytest.mark.parametrize("name", HARNESSES)
def test_every_law_holds_on_mutations_of_the_seeds(name):
    harness = importlib.import_module(f"fuzz.{name}")
    seeds = harness.seeds()
    for seed in seeds:
        harness.check(seed)
    generator = random.Random(name)  # noqa: S311 - the same inputs every time
    for _ in range(INPUTS):
        harness.check(mutated(generator, seeds, harness.DICTIONARY))


@pytest.mark.parametrize("name", HARNESSES)
def test_a_harness_can_fail(name, monkeypatch):
    laws = importlib.import_module("fuzz.laws")
    harness = importlib.import_module(f"fuzz.{name}")
    monkeypatch.setattr(laws, "_SECONDS", -1.0)
    with pytest.raises(laws.LawBroken, match="processor time"):
        harness.check(harness.seeds()[0])
