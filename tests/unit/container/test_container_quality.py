import pytest
from container_samples import noise, photo, rows, saved
from PIL import Image

from jpegslim.engine.container.quality import ZIGZAG, by_rows, estimate
from jpegslim.engine.container.segments import parse


def estimated(data):
    return estimate(parse(data).component_tables)


@pytest.mark.parametrize("quality", [*range(1, 101)])
def test_the_quality_that_standard_tables_were_scaled_to_is_told_exactly(quality):
    found = estimated(saved(noise(8, 8), quality=quality))
    assert (found.luma, found.chroma, found.standard) == (quality, quality, True)
    assert estimated(saved(noise(8, 8, 1), quality=quality)).chroma is None


def test_tables_are_shown_by_rows():
    rows_of = by_rows(tuple(range(64)))
    assert rows_of[0] == (0, 1, 5, 6, 14, 15, 27, 28)
    assert rows_of[7] == (35, 36, 48, 49, 57, 58, 62, 63)
    assert sorted(ZIGZAG) == list(range(64))


def test_one_table_for_all_components_is_standard_too():
    tables = parse(saved(noise(8, 8), quality=80)).component_tables
    found = estimate([tables[0]] * 3)
    assert (found.luma, found.chroma, found.standard) == (80, 80, True)


def test_luma_and_chroma_may_differ():
    fine, coarse = (
        parse(saved(noise(8, 8), quality=quality)).component_tables for quality in (90, 60)
    )
    found = estimate([fine[0], coarse[1], coarse[1]])
    assert (found.luma, found.chroma, found.standard) == (90, 60, True)


@pytest.mark.parametrize("quality", [30, 60, 75, 90, 95])
def test_other_tables_are_estimated_by_the_closest_standard_one(quality):
    standard = parse(saved(noise(8, 8), quality=quality)).component_tables
    # As an encoder does that spares the low frequencies and is coarser in the high ones.
    custom = tuple(
        max(round(value * factor), 1)
        for value, factor in zip(
            standard[0], [0.8 + 0.4 * place / 63 for place in range(64)], strict=True
        )
    )
    found = estimate([custom])
    assert not found.standard
    assert abs(found.luma - quality) <= 2


def test_tables_of_ones_and_of_hundreds_are_the_ends_of_the_scale():
    assert estimate([(1,) * 64]).luma == 100
    assert estimate([(40_000,) * 64]).luma == 1
    assert estimate([(0,) * 64]).luma == 100
    assert estimate([]) is None


def test_pillow_with_other_tables_is_no_standard():
    tables = [[2] * 64, [9] * 64]
    found = estimated(saved(Image.new("RGB", (8, 8)), qtables=tables))
    assert not found.standard
    assert 90 < found.chroma < found.luma


def test_photos_are_estimated_as_in_their_index():
    index = rows("photos")
    if not index:
        pytest.skip("needs the folder ../shared/photos beside the repository")
    for name, row in index.items():
        # The index was made by another program, with an estimate of its own.
        assert abs(estimated(photo(name)).luma - int(row["est_quality"])) <= 2, name
