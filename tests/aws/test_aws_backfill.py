"""`jpegslim backfill`: what it counts, what it asks S3 for, and what it says before."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ParamValidationError
from botocore.stub import ANY, Stubber

from jpegslim.aws import connection, prices
from jpegslim.aws.addresses import parse_address
from jpegslim.aws.backfill import (
    ENDINGS,
    Place,
    Survey,
    Wanted,
    job_request,
    read_stack,
    submit,
    survey,
)
from jpegslim.aws.objects import Listed
from jpegslim.cli import program
from jpegslim.errors import ExitCode, RunError, UsageError

ACCOUNT, REGION = "123456789012", "eu-west-1"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:jpegslim-Backfill"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/jpegslim-Job"
PLACE = Place(function=FUNCTION, role=ROLE, report=parse_address("s3://reports/jobs/"))
OUTPUTS = {
    "BackfillFunctionArn": FUNCTION,
    "JobRoleArn": ROLE,
    "ReportsBucket": "reports",
    "Architecture": "arm64",
    "MemorySize": "1769",
    "BackfillConcurrency": "20",
}
NOON = datetime(2024, 6, 30, 12, tzinfo=UTC)


def listed(key="a.jpg", *, size=1000, modified=NOON):
    return Listed(parse_address(f"s3://photos/{key}"), size, '"e"', modified)


def wanted(top="s3://photos/2024", **filters):
    return Wanted(top=parse_address(top), **filters)


def request(of=None, **changes):
    options = {"priority": 10, "arguments": {}, "waits": False} | changes
    return job_request(of or wanted(), PLACE, **options)


@pytest.fixture
def control():
    """A client for S3 Control whose answers are ours; requests are held to the service's model."""
    client = boto3.client("s3control", region_name=REGION)
    with Stubber(client) as stubber:
        yield client, stubber


@pytest.mark.parametrize(
    ("filters", "key", "changes", "taken"),
    [
        ({}, "a.jpg", {}, True),
        ({}, "a.JPEG", {}, True),
        ({}, "a.Jpg", {}, False),
        ({}, "a.png", {}, False),
        ({"endings": ("_orig.jpg",)}, "a.jpg", {}, False),
        ({"endings": ()}, "a", {}, True),
        ({"larger": 1000}, "a.jpg", {}, False),
        ({"larger": 999}, "a.jpg", {}, True),
        ({"smaller": 1000}, "a.jpg", {}, False),
        ({"smaller": 1001}, "a.jpg", {}, True),
        ({"after": NOON}, "a.jpg", {"modified": NOON + timedelta(seconds=1)}, True),
        ({"after": NOON}, "a.jpg", {}, False),
        ({"before": NOON}, "a.jpg", {"modified": NOON - timedelta(seconds=1)}, True),
        ({"before": NOON}, "a.jpg", {}, False),
    ],
)
def test_objects_are_judged_as_s3s_filters_will(filters, key, changes, taken):
    assert wanted(**filters).takes(listed(key, **changes)) is taken


def test_a_prefix_is_a_folder_and_never_the_beginning_of_another_name():
    assert wanted().filters()["KeyNameConstraint"]["MatchAnyPrefix"] == ["2024/"]
    assert "MatchAnyPrefix" not in wanted("s3://photos").filters()["KeyNameConstraint"]


def test_a_filter_that_was_not_asked_for_is_not_sent():
    assert wanted("s3://photos", endings=()).filters() == {}


def test_a_survey_counts_what_is_wanted_and_says_where_it_stopped():
    objects = [listed("a.jpg", size=10), listed("b.png"), listed("c.jpg", size=30)]
    assert survey(objects, wanted(), limit=3) == Survey(2, 40, 3, complete=True)
    assert survey(objects, wanted(), limit=2) == Survey(1, 10, 2, complete=False)


def test_photos_that_s3s_filters_leave_out_for_their_letters_are_counted_apart():
    objects = [listed("a.Jpg"), listed("b.jpg"), listed("c.jPEG"), listed("d.Jpg"), listed("e.Png")]
    found = survey(objects, wanted(), limit=9)
    assert (found.photos, found.missed) == (1, {".Jpg": 2, ".jPEG": 1})
    assert found.scaled(10).missed == found.missed
    # Neither what another filter leaves out, nor where the endings were chosen.
    assert survey(objects, wanted(larger=1000), limit=9).missed == {}
    assert survey(objects, wanted(endings=(".Jpg",)), limit=9).missed == {}


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
    assert generator["Filter"]["KeyNameConstraint"]["MatchAnySuffix"] == list(ENDINGS)


def test_other_partitions_keep_their_name():
    place = Place(
        function=FUNCTION.replace("arn:aws:", "arn:aws-cn:"),
        role=ROLE.replace("arn:aws:", "arn:aws-cn:"),
        report=parse_address("s3://reports"),
    )
    asked = job_request(wanted(), place, priority=1, arguments={}, waits=False)
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
    with pytest.raises(RunError, match="s3:CreateJob, and iam:PassRole"):
        submit(client, request())


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
        architecture="arm64",
        memory=1769,
        copies=100,
    )
    seconds = 2_000_000 * prices.SECONDS_PER_MEGABYTE
    assert found.seconds == pytest.approx(seconds)
    assert found.elapsed == pytest.approx(seconds / 100)
    assert found.costs["Lambda"] == pytest.approx(seconds * 1769 / 1024 * 0.0000133334 + 0.2)
    assert found.costs["S3 Batch Operations"] == pytest.approx(0.25 + 1 + 0.03)
    assert found.costs["S3 requests"] == pytest.approx(5 + 3 * 0.4)
    assert found.total == pytest.approx(sum(found.costs.values()))


def test_the_documents_tell_the_costs_that_the_formula_gives():
    page = (Path(__file__).parents[2] / "docs" / "aws.md").read_text(encoding="utf-8")
    for architecture in ("arm64", "x86_64"):
        found = prices.estimate(
            photos=1_000_000,
            size=2_115_000_000_000,
            listed=1_000_000,
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
            photos=1, size=10**9, listed=1, architecture="x86_64", memory=memory, copies=1
        )

    assert at(885).seconds == pytest.approx(2 * at(1769).seconds, rel=0.01)
    assert at(3538).seconds == at(1769).seconds
    assert at(3538).costs["Lambda"] == pytest.approx(2 * at(1769).costs["Lambda"], rel=0.01)


def test_a_few_photos_take_no_more_copies_than_they_are():
    found = prices.estimate(
        photos=2, size=2_000_000, listed=2, architecture="arm64", memory=1769, copies=1000
    )
    assert found.elapsed == pytest.approx(found.seconds / 2)


@pytest.fixture
def photos(bucket):
    """A bucket with two photos below 2024/, and things beside them."""
    bucket.put("2024/a b+é.jpg", bytes(3_000_000))
    bucket.put("2024/06/c.JPEG", bytes(1_000_000))
    bucket.put("2024/notes.txt", b"no photo")
    bucket.put("2024-old/d.jpg", b"another name")
    return bucket


@pytest.fixture
def deployed(monkeypatch):
    """The services that the command talks to beside S3: a stack, and jobs that are collected."""
    jobs = []
    outputs = dict(OUTPUTS)
    formation = boto3.client("cloudformation", region_name=REGION)
    control = boto3.client("s3control", region_name=REGION)
    stack = {"StackName": "slim", "CreationTime": NOON, "StackStatus": "CREATE_COMPLETE"}
    stubs = [Stubber(formation), Stubber(control)]

    def connect(name, **where):
        if name == "cloudformation":
            told = [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()]
            answer = {"Stacks": [{**stack, "Outputs": told}]}
            stubs[0].add_response("describe_stacks", answer, {"StackName": "slim"})
            return formation
        assert name == "s3control"
        jobs.append(where["region"])
        anything = dict.fromkeys(request(), ANY)
        stubs[1].add_response("create_job", {"JobId": "job-id-7"}, anything)
        return control

    monkeypatch.setattr(connection, "connect_service", connect)
    for stub in stubs:
        stub.activate()
    yield outputs, jobs
    for stub in stubs:
        stub.deactivate()


@pytest.fixture
def backfill(photos, capsys):
    """Return a function that runs the command over the bucket: exit code, stdout, stderr."""

    def run(*arguments, below="/2024"):
        source = f"s3://{photos.name}{below}"
        with pytest.raises(SystemExit) as ended:
            program.main(["backfill", source, "--endpoint-url", photos.endpoint, *arguments])
        told = capsys.readouterr()
        return ended.value.code, told.out, told.err

    return run


def test_a_dry_run_shows_the_estimate_and_the_request_and_submits_nothing(backfill, deployed):
    code, out, _ = backfill("--stack", "slim", "--dry-run")
    assert code == ExitCode.OK
    assert "2 below s3://" in out
    assert "4.0 MB (counted)" in out
    assert "with 2 photos at once" in out
    assert "costs    $0.25" in out
    shown = json.loads(out[out.index("{") :])
    assert shown["RoleArn"] == ROLE
    assert deployed[1] == []


def test_without_a_terminal_and_without_yes_nothing_is_submitted(backfill, deployed):
    code, _, err = backfill("--stack", "slim")
    assert code == ExitCode.USAGE
    assert "give --yes" in err
    assert deployed[1] == []


def test_yes_submits_where_the_function_is_and_tells_how_to_stop(backfill, deployed):
    code, out, _ = backfill("--stack", "slim", "--yes")
    assert code == ExitCode.OK
    assert deployed[1] == [REGION]
    assert "job-id-7" in out
    assert f"--account-id {ACCOUNT} --job-id job-id-7 --requested-job-status Cancelled" in out


@pytest.mark.parametrize(("answer", "submitted"), [("y\n", 1), ("n\n", 0)])
def test_on_a_terminal_it_asks(backfill, deployed, monkeypatch, answer, submitted):
    import io

    terminal = io.StringIO(answer)
    terminal.isatty = lambda: True
    monkeypatch.setattr(sys, "stdin", terminal)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: terminal.readline())
    code, _, err = backfill("--stack", "slim")
    assert code == ExitCode.OK
    assert len(deployed[1]) == submitted
    assert ("nothing was submitted" in err) is not bool(submitted)


def test_json_holds_the_estimate_the_request_and_the_job(backfill, deployed):
    code, out, _ = backfill(
        "--stack", "slim", "--yes", "--json", "-q", "web", "--metadata", "STRIP"
    )
    told = json.loads(out)
    assert code == ExitCode.OK
    assert (told["photos"], told["bytes"], told["listed"]) == (2, 4_000_000, 3)
    assert told["job"] == "job-id-7"
    assert told["request"]["Operation"]["LambdaInvoke"]["UserArguments"] == {
        "quality": "web",
        "metadata": "strip",
    }


def test_dates_and_sizes_reach_the_request(backfill, deployed):
    _, out, _ = backfill(
        *("--stack", "slim", "--dry-run", "--json", "--larger-than", "2M"),
        *("--stored-after", "2020-01-02", "--stored-before", "2199-01-01T10:00+02:00"),
    )
    told = json.loads(out)
    filters = told["request"]["ManifestGenerator"]["S3JobManifestGenerator"]["Filter"]
    assert told["photos"] == 1
    assert filters["ObjectSizeGreaterThanBytes"] == 2_000_000
    assert filters["CreatedAfter"] == "2020-01-02T00:00:00+00:00"
    assert filters["CreatedBefore"] == "2199-01-01T10:00:00+02:00"


def test_a_listing_that_was_cut_short_says_so_and_can_be_scaled(backfill, deployed):
    _, out, _ = backfill("--stack", "slim", "--dry-run", "--count-limit", "1")
    assert "at least: the first 1 objects were listed" in out
    _, out, _ = backfill("--stack", "slim", "--dry-run", "--count-limit", "1", "--photos", "50")
    assert "photos   50 below" in out


def test_photos_of_another_case_are_told_with_what_to_do(backfill, deployed, photos):
    photos.put("2024/e.Jpg", b"x")
    _, out, _ = backfill("--stack", "slim", "--dry-run")
    assert "2 below s3://" in out
    assert "without  1 more photo: " in out
    assert "--suffix .Jpg" in out
    _, out, _ = backfill("--stack", "slim", "--dry-run", "--json")
    assert json.loads(out)["missed"] == {".Jpg": 1}
    _, out, _ = backfill("--stack", "slim", "--dry-run", "--suffix", ".Jpg")
    assert "1 below s3://" in out
    assert "without" not in out


def test_an_empty_suffix_is_any(backfill, deployed):
    _, out, _ = backfill("--stack", "slim", "--dry-run", "--json", "--suffix", "")
    told = json.loads(out)
    generator = told["request"]["ManifestGenerator"]["S3JobManifestGenerator"]
    assert told["photos"] == 3
    assert "MatchAnySuffix" not in generator["Filter"]["KeyNameConstraint"]


def test_where_there_is_no_photo_there_is_no_job(backfill, deployed):
    code, out, _ = backfill("--stack", "slim", "--yes", below="/2031")
    assert code == ExitCode.OK
    assert "nothing to do" in out
    assert deployed[1] == []


def test_a_listing_that_met_no_photo_before_its_limit_says_so(backfill, deployed):
    arguments = ("--suffix", "notes.txt", "--count-limit", "1", "--photos", "9", "--yes")
    code, out, _ = backfill("--stack", "slim", *arguments)
    assert code == ExitCode.OK
    assert "among the first 1 objects" in out
    assert "--count-limit" in out
    assert deployed[1] == []


def test_photos_that_the_function_would_leave_alone_are_refused_at_once(backfill, deployed):
    deployed[0]["Source"] = "s3://elsewhere/"
    code, _, err = backfill("--stack", "slim", "--yes")
    assert code == ExitCode.USAGE
    assert "is not below s3://elsewhere/" in err
    assert deployed[1] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dry-run"], "--function"),
        (["--dry-run", "--function", FUNCTION], "--role"),
        (["--dry-run", "--function", FUNCTION, "--role", ROLE], "--report"),
        (["--stack", "slim", "--json"], "--json asks nobody"),
        (["--stack", "slim", "-q", "best"], "best"),
        (["--stack", "slim", "--stored-after", "yesterday"], "is no date"),
    ],
)
def test_what_makes_no_sense_is_refused(backfill, deployed, arguments, said):
    code, _, err = backfill(*arguments)
    assert code == ExitCode.USAGE
    assert said in err


def test_everything_may_be_named_without_a_stack(backfill, deployed):
    code, out, _ = backfill(
        *("--function", FUNCTION, "--role", ROLE, "--report", "s3://reports/x", "--yes", "--json")
    )
    assert code == ExitCode.OK
    told = json.loads(out)
    assert told["request"]["Report"]["Prefix"] == "x"
    assert told["copies"] == 2
