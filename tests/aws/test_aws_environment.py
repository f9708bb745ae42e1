"""The function's variables: what makes no sense shows before any photo is touched."""

import pytest

from jpegslim.aws.addresses import Address
from jpegslim.aws.environment import read_environment
from jpegslim.errors import UsageError
from jpegslim.settings import Metadata


def test_without_any_variable_photos_are_replaced_at_the_usual_quality():
    configuration = read_environment({})
    assert configuration.settings.target == 85
    assert configuration.place(Address("b", "k.jpg")) is None


def test_results_keep_their_place_below_the_output():
    configuration = read_environment(
        {
            "JPEGSLIM_SOURCE": "s3://photos/in",
            "JPEGSLIM_OUTPUT": "s3://photos/out/web",
            "JPEGSLIM_QUALITY": "web",
            "JPEGSLIM_METADATA": "strip",
        }
    )
    assert configuration.settings.target == 80
    assert configuration.settings.metadata is Metadata.STRIP
    place = configuration.place(Address("photos", "in/a+b/é.jpg"))
    assert place == Address("photos", "out/web/a+b/é.jpg")


@pytest.mark.parametrize(
    ("source", "output"),
    [
        ("s3://photos", "s3://photos/out"),
        ("s3://photos/in", "s3://photos/in/out"),
        ("s3://photos/in/deep", "s3://photos/in"),
        ("s3://photos/in", "s3://photos/in/"),
        ("s3://photos/in", "s3://photos"),
    ],
)
def test_an_output_that_would_call_the_function_again_is_refused(source, output):
    with pytest.raises(UsageError, match="call the function again"):
        read_environment({"JPEGSLIM_SOURCE": source, "JPEGSLIM_OUTPUT": output})


@pytest.mark.parametrize(
    ("source", "output"),
    [("s3://photos/in", "s3://photos/in2"), ("s3://photos/in", "s3://other/in")],
)
def test_prefixes_side_by_side_are_fine(source, output):
    read_environment({"JPEGSLIM_SOURCE": source, "JPEGSLIM_OUTPUT": output})


def test_an_output_without_a_source_is_refused():
    with pytest.raises(UsageError, match="needs JPEGSLIM_SOURCE"):
        read_environment({"JPEGSLIM_OUTPUT": "s3://photos/out"})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("QUALITY", "best"),
        ("METADATA", "some"),
        ("SOURCE", "photos/in"),
        ("TIMEOUT", "soon"),
        ("RESERVE", "0"),
        ("TIMEOUT", "901"),
        ("TIMEOUT", "nan"),
        ("RESERVE", "inf"),
        ("RESERVE", "-1"),
        ("SOURCE", " s3://photos/in"),
        ("QUALITY", "85%"),
        ("QUALITY", "nan"),
        ("quality", "web"),
        ("QUALTIY", "web"),
    ],
)
def test_a_variable_that_makes_no_sense_is_refused(name, text):
    with pytest.raises(UsageError, match=rf"JPEGSLIM_{name}") as caught:
        read_environment({f"JPEGSLIM_{name}": text})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("memory", "jobs", "at_least", "at_most"),
    [("512", 1, 15, 40), ("1769", 1, 120, 200), ("3538", 2, 270, 340), ("10240", 6, 300, 1100)],
)
def test_work_fits_the_memory_of_the_function(memory, jobs, at_least, at_most):
    configuration = read_environment({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": memory})
    assert configuration.jobs == jobs
    assert at_least < configuration.megapixels < at_most
    limit = configuration.settings.max_megapixels
    assert limit == min(300, configuration.megapixels)
