import io

import pytest
from PIL import Image

import jpegslim


def test_bytes_in_bytes_out_with_the_figures_in_headers(service, photo):
    data = photo(0)
    answer = service.put("/v1/optimize?quality=80", content=data)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["jpegslim-status"] == "optimized"
    assert int(answer.headers["jpegslim-bytes-in"]) == len(data)
    assert int(answer.headers["jpegslim-bytes-out"]) == len(answer.content) < len(data)
    claimed = float(answer.headers["jpegslim-score"])
    assert claimed >= 80
    assert jpegslim.compare(data, answer.content).score == pytest.approx(claimed, abs=0.001)


def test_the_result_is_the_librarys_own(service, photo):
    data = photo(1)
    ours = jpegslim.optimize(data, jpegslim.Settings(target=85)).data
    assert service.put("/v1/optimize", content=data).content == ours


def test_a_picture_that_can_not_be_made_smaller_comes_back_as_it_came(service, photo):
    once = service.put("/v1/optimize", content=photo(2)).content
    again = service.put("/v1/optimize", content=once)
    assert again.content == once
    assert again.headers["jpegslim-status"] == "skipped"
    assert again.headers["jpegslim-reason"] == "already_optimized"


def test_baseline_and_lossless_are_what_they_say(service, photo):
    data = photo(3, progressive=True)
    baseline = service.put("/v1/optimize?quality=70&baseline=true", content=data)
    with Image.open(io.BytesIO(baseline.content)) as picture:
        assert "progressive" not in picture.info
    lossless = service.put("/v1/optimize?quality=lossless", content=photo(3))
    assert lossless.headers["jpegslim-status"] == "lossless"
    assert "jpegslim-score" not in lossless.headers
    with (
        Image.open(io.BytesIO(photo(3))) as before,
        Image.open(io.BytesIO(lossless.content)) as after,
    ):
        assert before.tobytes() == after.tobytes()


def test_metadata_is_kept_unless_asked_otherwise(service, photo):
    exif = Image.Exif()
    exif[0x010F] = "Somebody's camera"
    data = photo(0, exif=exif)
    kept = service.put("/v1/optimize", content=data).content
    assert b"Somebody's camera" in kept
    stripped = service.put("/v1/optimize?metadata=strip", content=data).content
    assert b"Somebody's camera" not in stripped
    assert len(stripped) < len(kept)


def test_the_orientation_tells_a_viewer_how_the_picture_is_turned(service, photo):
    exif = Image.Exif()
    exif[0x0112] = 6
    answer = service.put("/v1/optimize", content=photo(0, exif=exif))
    assert answer.headers["jpegslim-orientation"] == "6"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("quality=200", "bad_parameter"),
        ("quality=nan", "bad_parameter"),
        ("quality=1_0", "bad_parameter"),
        ("quality=best", "bad_parameter"),
        ("metadata=none", "bad_parameter"),
        ("baseline=yes", "bad_parameter"),
        ("qualty=80", "unknown_parameter"),
        ("quality=80&quality=90", "repeated_parameter"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_told(service, photo, query, reason):
    answer = service.put(f"/v1/optimize?{query}", content=photo(0))
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["reason"] == reason
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda _: b"", "not_a_jpeg"),
        (lambda _: b"x", "not_a_jpeg"),
        (lambda _: b"\x89PNG\r\n\x1a\n" + bytes(5000), "not_a_jpeg"),
        (lambda photo: photo(0)[:5000], "truncated"),
        (lambda _: b"\xff\xd8\xff", "truncated"),
    ],
)
def test_what_is_no_whole_jpeg_is_refused_with_the_reason(service, photo, stored, make, reason):
    answer = service.put("/v1/optimize", content=make(photo))
    assert answer.status_code == 422
    assert answer.json()["reason"] == reason
    assert stored() == []


def test_nothing_of_a_picture_stays_on_the_disk(service, photo, stored):
    assert service.put("/v1/optimize", content=photo(0)).status_code == 200
    assert stored() == []
    assert "jpegslim_stored_bytes 0" in service.get("/metrics").text


def test_an_upload_without_a_length_is_taken_as_well(service, photo):
    data = photo(0)
    pieces = (data[at : at + 1000] for at in range(0, len(data), 1000))
    assert service.put("/v1/optimize", content=pieces).status_code == 200
