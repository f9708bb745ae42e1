"""Backfills: what they count, what they ask S3 for, and what they cost."""

import shlex
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from backfill_parts import ACCOUNT, FUNCTION, NOON, REGION, ROLE, listed, request, wanted
from botocore.exceptions import ParamValidationError
from botocore.stub import Stubber

from jpegslim.aws import prices
from jpegslim.aws.addresses import parse_address
from jpegslim.aws.backfill import (
    Place,
    Share,
    Survey,
    job_request,
    read_stack,
    stopping,
    submit,
    survey,
)
from jpegslim.errors import RunError, UsageError


@pytest.fixture
def control():
    """A client for S3 Control whose answers are ours; requests are held to the service's model."""
    client = boto3.client("s3control", region_name=REGION)
    with Stubber(client) as stubber:
        yield client, stubber


@pytest.mark.parametrize(
    ("filters", "key", "changes", "ending"),
    [
        ({}, "a.jpg", {}, ".jpg"),
        ({}, "a.JPEG", {}, ".JPEG"),
        ({}, "a.Jpg", {}, ".Jpg"),
        ({}, "a.png", {}, None),
        ({}, "jpg", {}, None),
        ({}, "b.jpg/a", {}, None),
        # As S3 reads it: no name without an ending.
        ({}, "b/.jpg", {}, ".jpg"),
        ({"suffixes": (".jpg",)}, "a.Jpg", {}, None),
        ({"suffixes": ("_orig.jpg",)}, "a.jpg", {}, None),
        ({"suffixes": ("_orig.jpg", ".JPG")}, "a_orig.jpg", {}, "_orig.jpg"),
        ({"suffixes": ("",)}, "a", {}, ""),
        ({"larger": 1000}, "a.jpg", {}, None),
        ({"larger": 999}, "a.jpg", {}, ".jpg"),
        ({"smaller": 1000}, "a.jpg", {}, None),
        ({"smaller": 1001}, "a.jpg", {}, ".jpg"),
        ({"after": NOON}, "a.jpg", {"modified": NOON + timedelta(seconds=1)}, ".jpg"),
        ({"after": NOON}, "a.jpg", {}, None),
        ({"before": NOON}, "a.jpg", {"modified": NOON - timedelta(seconds=1)}, ".jpg"),
        ({"before": NOON}, "a.jpg", {}, None),
    ],
)
def test_objects_are_judged_as_s3s_filters_will(filters, key, changes, ending):
    assert wanted(**filters).ending_of(listed(key, **changes)) == ending


def test_a_prefix_is_a_folder_and_never_the_beginning_of_another_name():
    assert wanted().filters(".jpg")["KeyNameConstraint"]["MatchAnyPrefix"] == ["2024/"]
    assert "MatchAnyPrefix" not in wanted("s3://photos").filters(".jpg")["KeyNameConstraint"]


def test_a_filter_that_was_not_asked_for_is_not_sent():
    assert wanted("s3://photos", suffixes=("",)).filters("") == {}


def test_a_filter_by_name_has_one_string_as_s3_asks_for():
    names = wanted().filters(".JPG")["KeyNameConstraint"]
    assert names == {"MatchAnyPrefix": ["2024/"], "MatchAnySuffix": [".JPG"]}


@pytest.mark.parametrize(
    ("given", "jobs"),
    [
        ((), ()),
        ((".jpg", ".JPG"), (".jpg", ".JPG")),
        ((".jpg", ".jpg"), (".jpg",)),
        # One is part of the other: no photo is worked on, and paid for, by two jobs.
        (("_a.jpg", ".jpg"), (".jpg",)),
        ((".jpg", "", ".JPG"), ("",)),
    ],
)
def test_every_suffix_is_a_job_unless_another_includes_it(given, jobs):
    filters = wanted(suffixes=given)
    assert filters.jobs() == jobs
    if given:
        assert filters.ending_of(listed("x_a.jpg")) in jobs


def test_a_survey_counts_what_is_wanted_and_says_where_it_stopped():
    objects = [listed("a.jpg", size=10), listed("b.png"), listed("c.jpg", size=30)]
    both, first = {".jpg": Share(2, 40)}, {".jpg": Share(1, 10)}
    assert survey(objects, wanted(), limit=3) == Survey(2, 40, 3, complete=True, endings=both)
    assert survey(objects, wanted(), limit=2) == Survey(1, 10, 2, complete=False, endings=first)


def test_a_survey_finds_endings_in_whatever_letters_most_photos_first():
    names = ["a.Jpg", "b.jpg", "c.jPEG", "d.Jpg", "e.Png", "f.jpg", "g.Jpg"]
    found = survey([listed(name) for name in names], wanted(), limit=9)
    assert found.photos == 6
    assert list(found.endings.items()) == [
        (".Jpg", Share(3, 3000)),
        (".jpg", Share(2, 2000)),
        (".jPEG", Share(1, 1000)),
    ]
    assert found.scaled(10).endings == found.endings
    assert survey([listed("a.jpg")], wanted(larger=1000), limit=9).endings == {}


def test_a_suffix_that_was_asked_for_keeps_its_job_where_the_listing_was_cut_short():
    filters = wanted(suffixes=(".JPG", ".jpg"))
    objects = [listed("a.jpg"), listed("b.JPG")]
    assert list(survey(objects, filters, limit=1).endings) == [".jpg", ".JPG"]
    assert survey(objects, filters, limit=1).endings[".JPG"] == Share(0, 0)
    assert list(survey(objects[:1], filters, limit=1).endings) == [".jpg"]


def test_a_survey_of_some_stands_for_as_many_as_there_are():
    assert Survey(2, 40, 4, complete=False).scaled(10) == Survey(10, 200, 20, complete=True)


def test_a_survey_of_none_stands_for_nothing():
    assert Survey(0, 0, 4, complete=False).scaled(10).photos == 0


def test_s3_understands_the_request(control):
    client, stubber = control
    asked = request(
        wanted(larger=1, smaller=2, after=NOON, before=NOON),
        arguments={"quality": "web", "metadata": "strip"},
    )
    stubber.add_response("create_job", {"JobId": "job-id-1"}, asked)
    assert submit(client, asked) == "job-id-1"
    stubber.assert_no_pending_responses()


def test_the_service_model_would_notice_a_wrong_request(control):
    # Else the test above would prove nothing.
    client, stubber = control
    wrong = request()
    wrong["Operation"]["LambdaInvoke"]["Function"] = FUNCTION
    stubber.add_response("create_job", {"JobId": "job-id-1"})
    with pytest.raises(RunError, match=r"no job was created.*Unknown parameter") as caught:
        submit(client, wrong)
    assert isinstance(caught.value.__cause__.__cause__, ParamValidationError)


def test_the_job_names_the_function_the_role_and_the_places():
    asked = request(arguments={"quality": "80"}, waits=True, priority=3)
    assert asked["AccountId"] == ACCOUNT
    assert asked["RoleArn"] == ROLE
    assert (asked["Priority"], asked["ConfirmationRequired"]) == (3, True)
    assert asked["Operation"] == {
        "LambdaInvoke": {
            "FunctionArn": FUNCTION,
            "InvocationSchemaVersion": "2.0",
            "UserArguments": {"quality": "80"},
        }
    }
    assert asked["Report"]["Bucket"] == "arn:aws:s3:::reports"
    assert asked["Report"]["Prefix"] == "jobs"
    generator = asked["ManifestGenerator"]["S3JobManifestGenerator"]
    assert generator["SourceBucket"] == "arn:aws:s3:::photos"
    assert generator["ManifestOutputLocation"]["ManifestPrefix"] == "jobs/lists"
    assert generator["Filter"]["KeyNameConstraint"]["MatchAnySuffix"] == [".jpg"]
    assert asked["Description"] == "jpegslim: .jpg below s3://photos/2024"


def test_other_partitions_keep_their_name():
    place = Place(
        function=FUNCTION.replace("arn:aws:", "arn:aws-cn:"),
        role=ROLE.replace("arn:aws:", "arn:aws-cn:"),
        report=parse_address("s3://reports"),
    )
    asked = job_request(wanted(), place, ending="", priority=1, arguments={}, waits=False)
    assert asked["Report"]["Bucket"] == "arn:aws-cn:s3:::reports"
    assert asked["Report"]["Prefix"] == "jpegslim"


def test_every_job_is_one_of_its_own():
    assert request()["ClientRequestToken"] != request()["ClientRequestToken"]


@pytest.mark.parametrize(
    "wrong",
    [{"function": ROLE}, {"role": FUNCTION}, {"role": "admin"}, {"function": f"{FUNCTION}:a:b"}],
)
def test_what_is_no_arn_of_its_kind_is_refused(wrong):
    arns = {"function": FUNCTION, "role": ROLE} | wrong
    with pytest.raises(UsageError, match="is no ARN of"):
        Place(**arns, report=parse_address("s3://reports"))


def test_a_refusal_of_s3_is_told_with_the_permission(control):
    client, stubber = control
    stubber.add_client_error("create_job", "AccessDenied", http_status_code=403)
    with pytest.raises(RunError, match=r"created for \.jpg: .*s3:CreateJob, and iam:PassRole"):
        submit(client, request(), ending=".jpg")


def test_what_stops_a_job_names_the_profile_it_was_made_with():
    place = Place(function=FUNCTION, role=ROLE, report=parse_address("s3://reports"))
    for command in stopping(place, "job-id-1", profile="my work; x"):
        words = shlex.split(command)
        assert words[words.index("--profile") + 1] == "my work; x"
    assert not any("--profile" in command for command in stopping(place, "job-id-1"))


def test_a_stack_that_is_not_there_is_told():
    client = boto3.client("cloudformation", region_name=REGION)
    with Stubber(client) as stubber:
        stubber.add_client_error("describe_stacks", "ValidationError", "does not exist", 400)
        with pytest.raises(UsageError, match=f"no stack 'nope' in {REGION}"):
            read_stack(client, "nope")


def test_an_estimate_is_the_formula_that_the_documents_give():
    found = prices.estimate(
        photos=1_000_000,
        size=2_000_000_000_000,
        listed=2_000_000,
        jobs=2,
        architecture="arm64",
        memory=1769,
        copies=100,
    )
    seconds = 2_000_000 * prices.SECONDS_PER_MEGABYTE
    assert found.seconds == pytest.approx(seconds)
    assert found.elapsed == pytest.approx(seconds / 100)
    assert found.costs["Lambda"] == pytest.approx(seconds * 1769 / 1024 * 0.0000133334 + 0.2)
    assert found.costs["S3 Batch Operations"] == pytest.approx(2 * (0.25 + 0.03) + 1)
    assert found.costs["S3 requests"] == pytest.approx(5 + 3 * 0.4)
    assert found.total == pytest.approx(sum(found.costs.values()))


def test_the_documents_tell_the_costs_that_the_formula_gives():
    page = (Path(__file__).parents[2] / "docs" / "aws.md").read_text(encoding="utf-8")
    for architecture in ("arm64", "x86_64"):
        found = prices.estimate(
            photos=1_000_000,
            size=2_115_000_000_000,
            listed=1_000_000,
            jobs=1,
            architecture=architecture,
            memory=1769,
            copies=100,
        )
        told = [f"${dollars:,.2f}" for dollars in (*found.costs.values(), found.total)]
        assert f"| {architecture} | {' | '.join(told)} |" in page
    assert prices.AS_OF in page
    assert f"{prices.SECONDS_PER_MEGABYTE} s" in page


def test_less_memory_is_slower_and_more_is_only_dearer():
    def at(memory):
        return prices.estimate(
            photos=1, size=10**9, listed=1, jobs=1, architecture="x86_64", memory=memory, copies=1
        )

    assert at(885).seconds == pytest.approx(2 * at(1769).seconds, rel=0.01)
    assert at(3538).seconds == at(1769).seconds
    assert at(3538).costs["Lambda"] == pytest.approx(2 * at(1769).costs["Lambda"], rel=0.01)


def test_a_few_photos_take_no_more_copies_than_they_are():
    found = prices.estimate(
        photos=2, size=2_000_000, listed=2, jobs=1, architecture="arm64", memory=1769, copies=1000
    )
    assert found.elapsed == pytest.approx(found.seconds / 2)
