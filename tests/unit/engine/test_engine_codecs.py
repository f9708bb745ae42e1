"""The adapters: a strict decoder, one encoder and its understudies."""

import io
from importlib.metadata import version

import numpy as np
import pytest
from PIL import Image

from jpegslim import BrokenJpeg, FileError, NotAJpeg, Settings, Status, UnsupportedJpeg, optimize
from jpegslim.engine import codecs
from jpegslim.engine.codecs import fallback, mozjpeg, turbo
from jpegslim.engine.codecs.fallback import PillowEncoder, Pyjpegli, quality_of
from jpegslim.engine.codecs.jpegli import Jpegli
from jpegslim.engine.container.segments import parse

ENCODERS = {"ajpegli": Jpegli, "pyjpegli": Pyjpegli, "Pillow": PillowEncoder}


@pytest.fixture(params=ENCODERS)
def encoder(request):
    if request.param == "pyjpegli":
        pytest.importorskip("pyjpegli", reason="needs the package pyjpegli")
    return ENCODERS[request.param]()


class TestDecoding:
    def test_the_shape_follows_the_components(self, jpeg, photo):
        assert turbo.decode(jpeg(photo.convert("L")), components=1).shape == (256, 320)
        assert turbo.decode(jpeg(photo), components=3).shape == (256, 320, 3)
        assert turbo.decode(jpeg(photo.convert("CMYK")), components=4).shape == (256, 320, 4)

    def test_it_decodes_what_pillow_decodes(self, jpeg, pixels_by_pillow):
        source = jpeg(subsampling="4:4:4")
        difference = turbo.decode(source, components=3).astype(int) - pixels_by_pillow(source)
        assert np.abs(difference).max() <= 1

    @pytest.mark.parametrize("harm", ["cut", "cut and closed", "garbled restarts"])
    def test_damage_is_refused_in_libjpegs_words(self, jpeg, harm):
        source = jpeg(restart_marker_rows=1)
        half = source[: len(source) // 2].rstrip(b"\xff")
        damaged = {
            "cut": half,
            "cut and closed": half + b"\xff\xd9",
            "garbled restarts": source.replace(b"\xff\xd3", b"\xff\xd6"),
        }[harm]
        with pytest.raises(BrokenJpeg, match=r"Corrupt JPEG data|Premature end of JPEG"):
            turbo.decode(damaged, components=3)

    def test_what_is_beyond_it_is_unsupported_not_broken(self, jpeg):
        source = jpeg().replace(b"\xff\xc0\x00\x11\x08", b"\xff\xc3\x00\x11\x08", 1)
        with pytest.raises(UnsupportedJpeg):
            turbo.decode(source, components=3)


class TestAnyFormat:
    @pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "BMP", "GIF"])
    def test_pictures_of_other_kinds_are_read(self, photo, kind):
        written = io.BytesIO()
        photo.save(written, kind, **({"lossless": True} if kind == "WEBP" else {}))
        pixels = codecs.decode_any(written.getvalue())
        assert pixels.shape == (256, 320, 3)
        if kind != "GIF":
            assert np.array_equal(pixels, np.asarray(photo))

    @pytest.mark.parametrize(
        ("mode", "shape"), [("1", 2), ("L", 2), ("LA", 2), ("P", 3), ("RGBA", 3)]
    )
    def test_grey_stays_grey_and_all_else_is_rgb(self, photo, mode, shape):
        written = io.BytesIO()
        photo.convert(mode).save(written, "PNG")
        assert codecs.decode_any(written.getvalue()).ndim == shape

    def test_sixteen_bits_of_grey_keep_their_highest_eight(self):
        ramp = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
        written = io.BytesIO()
        Image.fromarray(ramp).save(written, "PNG")
        assert np.array_equal(codecs.decode_any(written.getvalue()), ramp // 257)

    def test_a_palette_with_transparent_colours_is_read_without_a_warning(self, photo):
        written = io.BytesIO()
        photo.convert("P").save(written, "PNG", transparency=bytes(range(256)))
        assert codecs.decode_any(written.getvalue()).shape == (256, 320, 3)

    def test_a_huge_header_is_refused_without_a_warning(self, photo):
        written = io.BytesIO()
        photo.save(written, "BMP")
        huge = bytearray(written.getvalue())
        huge[18:26] = (40_000).to_bytes(4, "little") * 2
        with pytest.raises(FileError) as caught:
            codecs.decode_any(bytes(huge))
        assert caught.value.reason in ("too_big", "broken")

    def test_damage_and_strangers_are_told_apart(self, jpeg, photo):
        written = io.BytesIO()
        photo.save(written, "PNG")
        with pytest.raises(BrokenJpeg, match="damaged"):
            codecs.decode_any(written.getvalue()[:5000])
        with pytest.raises(BrokenJpeg, match="damaged"):
            codecs.decode_any(jpeg()[:-3000] + b"\xff\xd9")
        with pytest.raises(NotAJpeg, match="no decoder"):
            codecs.decode_any(b"GIF? no")
        with pytest.raises(FileError, match="CMYK") as caught:
            codecs.decode_any(jpeg(photo.convert("CMYK")))
        assert caught.value.reason == "not_measurable"


class TestEncoders:
    def test_every_sampling_on_offer_is_what_comes_out(self, encoder, photo):
        for sampling in encoder.chroma_subsamplings:
            grey = sampling == codecs.GRAY
            pixels = np.asarray(photo.convert("L") if grey else photo)
            coded = encoder.encode(
                pixels, distance=1.0, chroma_subsampling=sampling, progressive=False
            )
            frame = parse(coded).frame
            assert frame.chroma_subsampling == sampling
            assert not frame.progressive

    def test_scans_change_and_coefficients_do_not(self, encoder, photo, same_coefficients):
        coded = [
            encoder.encode(
                np.asarray(photo), distance=1.3, chroma_subsampling="4:2:0", progressive=progressive
            )
            for progressive in (False, True)
        ]
        assert parse(coded[1]).frame.progressive
        assert len(coded[1]) < len(coded[0])
        assert same_coefficients(*coded)

    def test_a_larger_distance_makes_a_smaller_file(self, encoder, photo):
        sizes = [
            len(
                encoder.encode(
                    np.asarray(photo), distance=each, chroma_subsampling="4:2:0", progressive=False
                )
            )
            for each in (0.2, 0.5, 1.0, 2.0, 5.0, 12.0)
        ]
        assert sizes == sorted(sizes, reverse=True)

    @pytest.fixture(params=["colour", "grey"])
    def source(self, request, encoder, photo, jpeg):
        grey = request.param == "grey"
        if grey and codecs.GRAY not in encoder.chroma_subsamplings:
            pytest.skip(f"{encoder.name} codes colour only")
        return jpeg(photo.convert("L") if grey else photo, quality=98, subsampling="4:4:4")

    def test_each_drives_the_whole_ladder(self, monkeypatch, encoder, source, scores):
        monkeypatch.setattr(codecs, "encoder", lambda **_: encoder)
        result = optimize(source)
        assert result.status is Status.OPTIMIZED
        assert result.encoder == encoder.name
        assert scores(source, result.data)[0].score >= 85
        # Integer qualities are stairs a point or two high.
        assert result.score < 88
        baseline = optimize(source, Settings(progressive=False))
        assert not parse(baseline.data).frame.progressive

    def test_pyjpegli_refuses_what_it_would_get_wrong(self, photo):
        pytest.importorskip("pyjpegli", reason="needs the package pyjpegli")
        with pytest.raises(ValueError, match="4:4:4"):
            Pyjpegli().encode(
                np.asarray(photo), distance=1.0, chroma_subsampling="4:4:4", progressive=False
            )


class TestChoice:
    @pytest.fixture(autouse=True)
    def _forget(self):
        codecs.encoder.cache_clear()
        yield
        codecs.encoder.cache_clear()

    @pytest.fixture
    def missing(self, monkeypatch):
        """Make packages look as if they were not installed."""

        def hide(*names):
            find, ask = codecs.find_spec, codecs.version

            def asked(name):
                if name in names:
                    raise codecs.PackageNotFoundError(name)
                return ask(name)

            monkeypatch.setattr(
                codecs, "find_spec", lambda name: None if name in names else find(name)
            )
            monkeypatch.setattr(codecs, "version", asked)

        return hide

    def test_ajpegli_comes_first(self):
        assert isinstance(codecs.encoder(), Jpegli)
        assert codecs.describe()["encoder"] == f"ajpegli {version('ajpegli')}"

    def test_pyjpegli_steps_in_for_colour_and_pillow_for_grey(self, missing):
        pytest.importorskip("pyjpegli", reason="needs the package pyjpegli")
        missing("ajpegli")
        assert isinstance(codecs.encoder(), Pyjpegli)
        assert isinstance(codecs.encoder(gray=True), PillowEncoder)
        assert codecs.describe()["encoder"].startswith("pyjpegli ")

    def test_pillow_is_the_last_resort(self, missing):
        missing("ajpegli", "pyjpegli")
        assert isinstance(codecs.encoder(), PillowEncoder)
        assert codecs.describe()["encoder"].lower() == f"pillow {version('pillow')}"

    def test_the_description_names_every_role(self):
        described = codecs.describe()
        assert set(described) == {"encoder", "decoder", "lossless"}
        assert described["decoder"] == turbo.name()
        assert described["lossless"] == mozjpeg.name()


class TestQuality:
    def test_a_larger_distance_never_means_a_higher_quality(self):
        qualities = [quality_of(each) for each in np.linspace(0.01, 30, 4000)]
        assert qualities == sorted(qualities, reverse=True)
        assert set(qualities) == set(range(1, 101))

    def test_every_quality_answers_to_its_own_distance(self):
        for quality in range(1, 101):
            assert quality_of(fallback._distance_of(quality) + 1e-9) == quality

    def test_it_is_never_coarser_than_asked(self):
        for distance in np.linspace(0.1, 24, 500):
            assert fallback._distance_of(quality_of(distance)) <= distance

    def test_a_distance_finer_than_all_means_the_highest(self):
        assert quality_of(0.0) == 100


def test_the_lossless_optimizer_says_when_it_gives_up(jpeg):
    with pytest.raises(UnsupportedJpeg, match="lossless optimizer"):
        mozjpeg.recode(b"\xff\xd8\xff\xd9")
    assert mozjpeg.recode(jpeg() + b"behind it").endswith(b"\xff\xd9")
