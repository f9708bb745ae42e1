"""Settings: plain data that refuses what makes no sense."""

import pickle
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from jpegslim.errors import UsageError
from jpegslim.settings import PRESETS, Metadata, Settings, parse_quality


def test_the_default_is_the_preset_high():
    assert Settings().target == PRESETS["high"] == parse_quality("high") == 85


@pytest.mark.parametrize(
    ("name", "target"),
    [("archive", 90), ("high", 85), ("web", 80), ("small", 70), ("lossless", None)],
)
def test_presets_are_targets(name, target):
    assert parse_quality(name) == target
    assert parse_quality(f" {name.upper()} ") == target


@pytest.mark.parametrize(("text", "target"), [("1", 1), ("100", 100), ("82.5", 82.5), ("8e1", 80)])
def test_a_number_is_its_own_target(text, target):
    assert parse_quality(text) == target


@pytest.mark.parametrize(
    "text", ["0", "0.99", "100.1", "-5", "nan", "inf", "", "best", "85%", "1e9"]
)
def test_any_other_quality_is_refused_with_the_presets_names(text):
    with pytest.raises(UsageError, match="archive, high, web, small, lossless"):
        parse_quality(text)


@pytest.mark.parametrize(
    "wrong",
    [
        {"target": 0.5},
        {"target": 101},
        {"target": float("nan")},
        {"tile_margin": -1},
        {"generation_saving": 1.0},
        {"generation_saving": -0.1},
        {"minimum_saving": 1.5},
        {"minimum_saving": float("nan")},
        {"max_megapixels": 0},
    ],
    ids=str,
)
def test_a_value_out_of_range_is_a_usage_error(wrong):
    with pytest.raises(UsageError):
        Settings(**wrong)


@pytest.mark.parametrize("name", ["tile_margin", "max_megapixels"])
def test_not_a_number_is_out_of_every_range(name):
    with pytest.raises(UsageError):
        Settings(**{name: float("nan")})


def test_the_tile_floor_lies_below_the_target():
    assert Settings(target=85, tile_margin=10).tile_floor == 75
    assert Settings(target=85, tile_margin=0).tile_floor == 85
    assert Settings(tile_margin=None).tile_floor is None
    assert Settings(target=None).tile_floor is None


def test_settings_do_not_change():
    with pytest.raises(FrozenInstanceError):
        Settings().target = 10


CHANGES = {
    "target": 84.9,
    "tile_margin": None,
    "generation_saving": 0.2,
    "minimum_saving": 0.02,
    "progressive": False,
    "marker": False,
    "max_megapixels": 10.0,
    "metadata": Metadata.STRIP,
    "break_signatures": True,
}


def test_the_fingerprint_changes_with_any_option():
    # The orientation is baked in with STRIP only: see below.
    assert {*CHANGES, "bake_orientation"} == {field.name for field in fields(Settings)}
    prints = {replace(Settings(), **{name: value}).fingerprint() for name, value in CHANGES.items()}
    assert len(prints | {Settings().fingerprint()}) == len(CHANGES) + 1
    assert all(len(each) == 16 for each in prints)


def test_the_fingerprint_tells_a_baked_orientation_from_a_kept_one():
    stripped = Settings(metadata=Metadata.STRIP)
    assert replace(stripped, bake_orientation=True).fingerprint() != stripped.fingerprint()


def test_the_orientation_is_baked_only_with_metadata_stripped():
    assert Settings(metadata="strip", bake_orientation=True).metadata is Metadata.STRIP
    for metadata in (Metadata.KEEP, Metadata.SAFE):
        with pytest.raises(UsageError, match="stripped"):
            Settings(metadata=metadata, bake_orientation=True)


def test_an_unknown_policy_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="keep, safe, strip"):
        Settings(metadata="some")


def test_the_fingerprint_survives_the_way_to_a_worker():
    again = pickle.loads(pickle.dumps(Settings()))  # noqa: S301 - made here
    assert again == Settings()
    assert again.fingerprint() == Settings().fingerprint()


def test_a_whole_number_is_the_same_target_as_its_decimal_form():
    assert Settings(target=85).fingerprint() == Settings(target=85.0).fingerprint()
