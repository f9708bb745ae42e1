"""Verification guards: whatever an encoder or a writer does, no lie is ever delivered."""

import numpy as np
import pytest
from PIL import Image

from jpegslim import JpegslimError, Settings, Status, optimize
from jpegslim.engine import codecs, ladder, trials, verify
from jpegslim.engine.codecs import mozjpeg
from jpegslim.engine.codecs.jpegli import Jpegli
from jpegslim.engine.colour import PLAIN
from jpegslim.engine.container.assemble import assemble
from jpegslim.results import Tile

LOSSLESS = Settings(target=None)


class Faulty:
    """jpegli with a fault: `harm` changes the pixels that go in, `spoil` the bytes that come out.

    whole: only pictures of this size are harmed, so that the search on a sample goes well.
    """

    chroma_subsamplings = Jpegli.chroma_subsamplings
    name = "faulty"

    def __init__(self, *, harm=None, spoil=None, after=0):
        self._harm, self._spoil, self._after = harm, spoil, after
        self._good = Jpegli()

    def encode(self, pixels, **options):
        self._after -= 1
        if self._after < 0 and self._harm is not None:
            pixels = np.ascontiguousarray(self._harm(pixels))
        coded = self._good.encode(pixels, **options)
        if self._after < 0 and self._spoil is not None:
            coded = self._spoil(coded)
        return coded


def _patched(pixels):
    pixels = pixels.copy()
    pixels[64:128, 64:128] = 128
    return pixels


def _renamed(coded):
    for sof in (b"\xff\xc0", b"\xff\xc2"):
        at = coded.find(sof)
        if at >= 0:
            frame = bytearray(coded[at : at + 19])
            frame[10], frame[13], frame[16] = b"RGB"
            coded = coded[:at] + bytes(frame) + coded[at + 19 :]
    return coded.replace(b"\x03\x01\x00\x02\x11\x03\x11", b"\x03R\x00G\x11B\x11")


def _retabled(coded):
    at = coded.find(b"\xff\xdb") + 5
    return (
        coded[:at] + bytes(min(255, 3 * value) for value in coded[at : at + 64]) + coded[at + 64 :]
    )


HARMS = {
    "shifted by a pixel": lambda pixels: np.roll(pixels, 1, axis=1),
    "upside down": lambda pixels: pixels[::-1],
    "red and blue swapped": lambda pixels: pixels[..., ::-1],
    "another picture": lambda pixels: 255 - pixels,
    "a grey patch": _patched,
    "one row less": lambda pixels: pixels[:-1],
    "one column more": lambda pixels: np.pad(pixels, ((0, 0), (0, 1), (0, 0))),
    "turned": lambda pixels: pixels.transpose(1, 0, 2),
    "half the size": lambda pixels: pixels[::2, ::2],
}

SPOILS = {
    "cut": lambda coded: coded[: len(coded) // 2],
    "cut and closed": lambda coded: coded[: len(coded) // 2].rstrip(b"\xff") + b"\xff\xd9",
    "empty": lambda _: b"",
    "no JPEG": lambda _: b"\x89PNG\r\n\x1a\n" + bytes(100),
    "called RGB by its component ids": _renamed,
    "coarser tables than coded for": _retabled,
}


def outcome(source, settings=None):
    """Return the result, or None where the picture was refused with an error."""
    try:
        return optimize(source, settings)
    except (JpegslimError, ValueError):
        return None


@pytest.fixture
def source(jpeg):
    return jpeg(quality=96)


@pytest.fixture
def large(jpeg, photo):
    """A picture large enough to be searched on a mosaic: the whole one is met only at the end."""
    return jpeg(photo.resize((1600, 1280)), quality=96)


def never_lossy(source, result):
    assert result is None or result.status is not Status.OPTIMIZED
    assert result is None or result.score is None


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_an_encoder_that_codes_something_else_is_never_believed(monkeypatch, source, harm):
    monkeypatch.setattr(codecs, "encoder", lambda **_: Faulty(harm=harm))
    never_lossy(source, outcome(source))


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_an_encoder_that_writes_damaged_files_is_never_believed(monkeypatch, source, spoil):
    monkeypatch.setattr(codecs, "encoder", lambda **_: Faulty(spoil=spoil))
    never_lossy(source, outcome(source))


@pytest.mark.parametrize("name", ["shifted by a pixel", "one row less", "a grey patch"])
def test_a_fault_in_the_whole_picture_only_is_found(monkeypatch, large, name):
    def harm_whole(pixels):
        return HARMS[name](pixels) if pixels.shape[:2] == (1280, 1600) else pixels

    monkeypatch.setattr(codecs, "encoder", lambda **_: Faulty(harm=harm_whole))
    result = optimize(large)
    assert result.status is not Status.OPTIMIZED


def test_lossy_that_fails_verification_falls_down_to_lossless(
    monkeypatch, source, same_coefficients
):
    monkeypatch.setattr(codecs, "encoder", lambda **_: Faulty(spoil=SPOILS["cut and closed"]))
    result = optimize(source)
    assert (result.status, result.reason) == (Status.LOSSLESS, "verification_failed")
    assert same_coefficients(source, result.data)


@pytest.mark.parametrize("after", range(1, 8))
def test_an_encoder_that_fails_now_and_then_delivers_only_what_passed(
    monkeypatch, source, scores, after
):
    faulty = Faulty(harm=HARMS["a grey patch"], after=after)
    monkeypatch.setattr(codecs, "encoder", lambda **_: faulty)
    result = outcome(source)
    if result is not None and result.status is Status.OPTIMIZED:
        assert scores(source, result.data)[0].score >= 85


def test_a_single_bad_tile_in_a_good_picture_is_not_delivered(monkeypatch, jpeg, photo, flat):
    picture = photo.resize((2048, 1536))
    source = jpeg(picture, quality=97, subsampling="4:4:4")

    def fog(pixels):
        if pixels.shape[:2] != (1536, 2048):
            return pixels
        pixels = pixels.copy()
        tile = pixels[512:1024, 512:1024]
        small = Image.fromarray(tile).resize((128, 128))
        pixels[512:1024, 512:1024] = np.asarray(small.resize((512, 512)))
        return pixels

    monkeypatch.setattr(codecs, "encoder", lambda **_: Faulty(harm=fog))
    without = optimize(source, Settings(target=50, tile_margin=None))
    assert without.status is Status.OPTIMIZED
    assert without.worst_tile.score < 48
    with_floor = optimize(source, Settings(target=50, tile_margin=1))
    if with_floor.status is Status.OPTIMIZED:
        assert with_floor.worst_tile.score >= 49


def test_a_writer_that_loses_a_segment_is_caught(monkeypatch, jpeg, inserted):
    source = inserted(jpeg(), (0xE1, b"Exif\0\0II*\0" + bytes(8)), (0xFE, b"mine"))

    def careless(container, coded, *, marker, recoded):
        data = assemble(container, coded, marker=marker, recoded=recoded)
        return data.replace(b"\xff\xfe\x00\x06mine", b"", 1)

    monkeypatch.setattr(trials, "assemble", careless)
    monkeypatch.setattr(ladder, "assemble", careless)
    for settings in (Settings(), LOSSLESS):
        result = optimize(source, settings)
        assert (result.status, result.reason) == (Status.KEPT, "not_carried")
        assert result.data == source


def test_a_writer_that_loses_the_trailer_is_caught(monkeypatch, jpeg):
    source = jpeg() + b"a motion video"

    def careless(container, coded, *, marker, recoded):
        data = assemble(container, coded, marker=marker, recoded=recoded)
        return data.removesuffix(b"video")

    monkeypatch.setattr(trials, "assemble", careless)
    monkeypatch.setattr(ladder, "assemble", careless)
    for settings in (Settings(), LOSSLESS):
        assert optimize(source, settings).data == source


def test_the_file_delivered_is_the_file_measured(monkeypatch, source, same_coefficients):
    grey = np.full((256, 320, 3), 90, np.uint8)
    options = {"distance": 1.0, "chroma_subsampling": "4:2:0", "progressive": True}

    def switched(container, coded, *, marker, recoded):
        coded = Jpegli().encode(grey, **options) if recoded else coded
        return assemble(container, coded, marker=marker, recoded=recoded)

    monkeypatch.setattr(ladder, "assemble", switched)
    result = optimize(source)
    assert (result.status, result.reason) == (Status.LOSSLESS, "verification_failed")
    assert same_coefficients(source, result.data)


def test_a_lossless_optimizer_that_changes_a_pixel_is_caught(monkeypatch, jpeg, source):
    other = np.asarray(Image.new("RGB", (320, 256)))
    monkeypatch.setattr(
        mozjpeg, "recode", lambda _: jpeg(Image.fromarray(other), quality=96, progressive=True)
    )
    result = optimize(source, LOSSLESS)
    assert (result.status, result.data) == (Status.KEPT, source)


@pytest.mark.parametrize("spoil", SPOILS.values(), ids=SPOILS)
def test_a_lossless_optimizer_that_writes_damaged_files_is_caught(monkeypatch, source, spoil):
    good = mozjpeg.recode
    monkeypatch.setattr(mozjpeg, "recode", lambda data: spoil(good(data)))
    result = outcome(source, LOSSLESS)
    assert result is None or (result.status, result.data) == (Status.KEPT, source)


def test_a_score_below_the_target_never_passes(monkeypatch, source):
    measure = verify.measure

    def one_point_less(*given):
        measured = measure(*given)
        return verify.Measured(min(measured.score, 84.99), measured.worst_tile)

    monkeypatch.setattr(verify, "measure", one_point_less)
    assert optimize(source).status is not Status.OPTIMIZED


def test_a_tile_below_the_floor_never_passes(monkeypatch, source):
    measure = verify.measure
    monkeypatch.setattr(
        verify,
        "measure",
        lambda *given: verify.Measured(measure(*given).score, Tile(0, 0, 320, 256, 74.99)),
    )
    assert optimize(source).status is not Status.OPTIMIZED
    assert optimize(source, Settings(tile_margin=None)).status is Status.OPTIMIZED


def test_measuring_refuses_another_size_and_another_kind(jpeg, photo, flat):
    reference = np.asarray(photo)
    with pytest.raises(verify.PromiseBroken, match="320×255 pixels instead of 320×256"):
        verify.measure(jpeg(flat(320, 255)), reference, PLAIN)
    with pytest.raises(verify.PromiseBroken, match="does not decode cleanly"):
        verify.measure(jpeg()[:-500] + b"\xff\xd9", reference, PLAIN)


def test_files_count_as_the_same_only_outside_the_marker(jpeg, inserted):
    marker = b"jpegslim/1 v=1 target=85 score=%s tables=01234567 source=0123456789abcdef"
    first = inserted(jpeg(), (0xFE, marker % b"85.00"))
    second = inserted(jpeg(), (0xFE, marker % b"85.31"))
    assert verify.same_but_marker(first, second)
    assert not verify.same_but_marker(first, inserted(jpeg(), (0xFE, b"85.31")))
    assert not verify.same_but_marker(first, second[:-2] + b"\0" + second[-2:])
    assert not verify.same_but_marker(first, second + b"\0")
