"""Which objects a run is about: the rules for folders, on keys."""

from pathlib import Path

import pytest

from jpegslim.aws.addresses import Address
from jpegslim.aws.wanted import Found, check_apart, find_objects, local_place
from jpegslim.errors import UsageError
from jpegslim.files.selection import EVERYTHING, Selection


def found(bucket, objects, *tops, selection=EVERYTHING, without=None):
    addresses = [Address(bucket.name, top) for top in tops]
    each = find_objects(objects, addresses, selection, without=without)
    return {one.place if isinstance(one, Found) else one.reason for one in each}


@pytest.fixture
def filled(bucket):
    for key in (
        "photos",
        "photos.jpg",
        "photos/a.jpg",
        "photos/b.PNG",
        "photos/deep/c.jpeg",
        "photos/.thumbs/d.jpg",
        "photos/deep/.e.jpg",
        "photos/raw/f.jpg",
        "photos-old/g.jpg",
    ):
        bucket.put(key, b"x" * (10 if "deep" in key else 100))
    return bucket


def test_an_address_is_the_object_and_what_is_below_it(filled, objects_of):
    assert found(filled, objects_of(filled), "photos") == {
        "photos",
        "photos/a.jpg",
        "photos/deep/c.jpeg",
        "photos/raw/f.jpg",
    }


def test_with_a_slash_it_is_only_what_is_below(filled, objects_of):
    assert "photos" not in found(filled, objects_of(filled), "photos/")


def test_a_whole_bucket_keeps_its_name_in_an_output(filled, objects_of):
    assert f"{filled.name}/photos-old/g.jpg" in found(filled, objects_of(filled), "")


def test_patterns_and_sizes_choose(filled, objects_of):
    objects = objects_of(filled)
    left_out = Selection(exclude=("raw",), min_size=50)
    assert found(filled, objects, "photos/", selection=left_out) == {"photos/a.jpg"}
    only = Selection(include=("**/*.jpeg",))
    assert found(filled, objects, "photos/", selection=only) == {"photos/deep/c.jpeg"}
    young = Selection(min_age=600)
    assert found(filled, objects, "photos/", selection=young) == {"too_young"}


def test_what_is_left_out_on_purpose_is_no_missing_object(filled, objects_of):
    objects = objects_of(filled)
    assert found(filled, objects, "photos/", selection=Selection(min_size=5000)) == set()
    assert found(filled, objects, "nothing") == {"not_found"}
    assert found(filled, objects, "photos", selection=Selection(min_size=5000)) == {"too_small"}
    without = Address(filled.name, "photos/")
    assert found(filled, objects, "photos/", without=without) == set()


def test_an_address_within_another_is_visited_once():
    tops = [Address("b", key) for key in ("in/deep/", "in", "in/", "in", "inner")]
    assert check_apart(tops, None) == [Address("b", "in"), Address("b", "inner")]


def test_an_object_in_a_folder_is_found_by_its_name_and_what_is_below_once(bucket, objects_of):
    for key in ("in/scan", "in/scan/a.jpg", "in/b.jpg", "in/deep/c.jpg"):
        bucket.put(key, b"x" * 100)
    tops = check_apart([Address(bucket.name, key) for key in ("in", "in/scan", "in/deep")], None)
    each = find_objects(objects_of(bucket), tops, EVERYTHING, without=None)
    assert [one.place for one in each] == [
        *("in/b.jpg", "in/deep/c.jpg", "in/scan/a.jpg"),
        "scan",
    ]


def test_what_a_walk_would_pass_over_is_visited_where_it_is_named():
    keys = ("in", "in/a.jpg", "in/scan.dat", "in/.old", "in/raw/")
    tops = [Address("b", key) for key in keys]
    apart = [Address("b", "in"), Address("b", "in/scan.dat"), Address("b", "in/.old")]
    assert check_apart(tops, None) == apart
    excluded = Selection(exclude=("a.jpg",))
    assert Address("b", "in/a.jpg") in check_apart(tops, None, excluded)


def test_a_slash_at_the_end_of_a_photos_key_is_a_letter(bucket, objects_of):
    bucket.put("in/", b"")
    bucket.put("in/deep/", b"")
    bucket.put("in/x.jpg/", b"x" * 100)
    objects = objects_of(bucket)
    assert found(bucket, objects, "in") == {"in/x.jpg/"}
    for top in ("in/x.jpg", "in/x.jpg/"):
        assert found(bucket, objects, top) == {"x.jpg/"}


@pytest.mark.parametrize(("top", "above"), [("in", ""), ("a/in/", "a/")])
def test_an_output_onto_the_source_is_refused(top, above):
    with pytest.raises(UsageError, match="onto itself"):
        check_apart([Address("b", top)], Address("b", above))
    assert check_apart([Address("b", top)], Address("c", above)) == [Address("b", top)]


@pytest.mark.parametrize(
    ("top", "output"), [("in", "in/"), ("in/", "in/"), ("out/a/b", "out/"), ("a/in", "")]
)
def test_a_source_in_the_output_is_refused(top, output):
    # All that is in an output is left alone: such a run would find nothing, and say nothing.
    with pytest.raises(UsageError, match=r"lies in --output s3://b/.*give another place"):
        check_apart([Address("b", top)], Address("b", output))
    assert check_apart([Address("b", top)], Address("c", output)) == [Address("b", top)]


def test_a_pattern_in_a_key_is_none(filled, objects_of):
    (told,) = find_objects(
        objects_of(filled), [Address(filled.name, "photos/*.jpg")], EVERYTHING, without=None
    )
    assert told.reason == "not_found"
    assert "choose with --include" in told.message


def test_two_of_one_name_are_refused():
    with pytest.raises(UsageError, match="run them apart"):
        check_apart([Address("b", "one/in"), Address("b", "two/in")], Address("c", ""))
    with pytest.raises(UsageError, match="run them apart"):
        check_apart([Address("b", "one/in"), Address("b", "two/in")], Path("out"))
    assert len(check_apart([Address("b", "one/in"), Address("b", "two/in")], None)) == 2


@pytest.mark.parametrize(
    "place", ["../evil.jpg", "a/../../evil.jpg", "/evil.jpg", "a//b.jpg", "a/./b.jpg", "a\0b", ""]
)
def test_a_key_that_is_no_path_has_no_file(place):
    assert local_place(Path("out"), place) is None


@pytest.mark.parametrize("place", ["a.jpg", "a/b c/é.jpg", "a/..b/c..jpg"])
def test_a_key_that_is_one_has(place):
    assert local_place(Path("out"), place) == Path("out") / place
