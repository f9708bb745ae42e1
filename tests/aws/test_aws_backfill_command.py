"""`jpegslim backfill`: what it says before, what it submits, and what it tells of that."""

import json
import sys

import boto3
import pytest
from backfill_parts import ACCOUNT, FUNCTION, NOON, OUTPUTS, REGION, ROLE, request
from botocore.stub import ANY, Stubber

from jpegslim.aws import connection
from jpegslim.cli import program
from jpegslim.errors import ExitCode


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
    """The services that the command talks to beside S3: a stack, and jobs that are created.

    Outputs of the stack, where jobs were asked for, and what each is answered: an id or an error.
    """
    regions = []
    answers = ["job-id-7", "job-id-8"]
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
        regions.append(where["region"])
        anything = dict.fromkeys(request(), ANY)
        for each in answers:
            if each.startswith("job-id"):
                stubs[1].add_response("create_job", {"JobId": each}, anything)
            else:
                stubs[1].add_client_error("create_job", each, http_status_code=403)
        return control

    monkeypatch.setattr(connection, "connect_service", connect)
    for stub in stubs:
        stub.activate()
    yield outputs, regions, answers
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
    assert "costs    $0.50" in out
    shown = [json.loads(each) for each in out.split("request  to S3 Control, CreateJob:")[1:]]
    assert [each["RoleArn"] for each in shown] == [ROLE, ROLE]
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
    assert "job      job-id-7 for .JPEG is being prepared" in out
    assert "job      job-id-8 for .jpg is being prepared" in out
    for job in ("job-id-7", "job-id-8"):
        assert f"--account-id {ACCOUNT} --job-id {job} --requested-job-status Cancelled" in out


def test_one_job_is_told_of_without_its_ending(backfill, deployed):
    _, out, _ = backfill("--stack", "slim", "--yes", "--suffix", ".jpg")
    assert "jobs     " not in out
    assert "costs    $0.25" in out
    assert "job      job-id-7 is being prepared" in out
    assert "job-id-8" not in out


def test_jobs_that_were_created_are_told_though_a_later_one_was_refused(backfill, deployed):
    deployed[2][:] = ["job-id-7", "AccessDenied"]
    code, out, err = backfill("--stack", "slim", "--yes")
    assert code == ExitCode.STOPPED
    assert "--job-id job-id-7 --requested-job-status Cancelled" in out
    assert "1 job not created, to be asked for again with --suffix .jpg" in out
    assert "no job was created for .jpg: access denied" in err


def test_jobs_that_were_created_are_in_the_json_though_a_later_one_was_refused(backfill, deployed):
    deployed[2][:] = ["job-id-7", "AccessDenied"]
    code, out, err = backfill("--stack", "slim", "--yes", "--json")
    assert code == ExitCode.STOPPED
    told = json.loads(out)
    assert (told["jobs"], len(told["requests"])) == (["job-id-7"], 2)
    assert "no job was created for .jpg" in err


def test_where_the_first_is_refused_nothing_is_told_as_created(backfill, deployed):
    deployed[2][:] = ["AccessDenied"]
    code, out, err = backfill("--stack", "slim", "--yes")
    assert code == ExitCode.STOPPED
    assert "job      " not in out
    assert "left     " not in out
    assert "no job was created for .JPEG" in err


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


def test_json_holds_the_estimate_the_requests_and_the_jobs(backfill, deployed):
    code, out, _ = backfill(
        "--stack", "slim", "--yes", "--json", "-q", "web", "--metadata", "STRIP"
    )
    told = json.loads(out)
    assert code == ExitCode.OK
    assert (told["photos"], told["bytes"], told["listed"]) == (2, 4_000_000, 3)
    assert told["jobs"] == ["job-id-7", "job-id-8"]
    assert told["endings"] == {
        ".jpg": {"photos": 1, "bytes": 3_000_000},
        ".JPEG": {"photos": 1, "bytes": 1_000_000},
    }
    for each in told["requests"]:
        arguments = each["Operation"]["LambdaInvoke"]["UserArguments"]
        assert arguments == {"quality": "web", "metadata": "strip"}


def test_dates_and_sizes_reach_the_request(backfill, deployed):
    _, out, _ = backfill(
        *("--stack", "slim", "--dry-run", "--json", "--larger-than", "2M"),
        *("--stored-after", "2020-01-02", "--stored-before", "2199-01-01T10:00+02:00"),
    )
    told = json.loads(out)
    (asked,) = told["requests"]
    filters = asked["ManifestGenerator"]["S3JobManifestGenerator"]["Filter"]
    assert told["photos"] == 1
    assert filters["ObjectSizeGreaterThanBytes"] == 2_000_000
    assert filters["CreatedAfter"] == "2020-01-02T00:00:00+00:00"
    assert filters["CreatedBefore"] == "2199-01-01T10:00:00+02:00"


def test_a_listing_that_was_cut_short_says_so_and_can_be_scaled(backfill, deployed):
    _, out, _ = backfill("--stack", "slim", "--dry-run", "--count-limit", "1")
    assert "at least: the first 1 objects were listed" in out
    _, out, _ = backfill("--stack", "slim", "--dry-run", "--count-limit", "1", "--photos", "50")
    assert "photos   50 below" in out


def test_a_listing_that_was_cut_short_says_which_endings_it_met(backfill, deployed):
    cut = ("--stack", "slim", "--dry-run", "--count-limit", "2")
    _, out, _ = backfill(*cut)
    assert "endings  .JPEG, .jpg were seen: others need --suffix, or a higher --count-limit" in out
    _, out, _ = backfill(*cut, "--suffix", ".jpg", "--suffix", ".jpe")
    assert "endings  " not in out
    assert ".jpe (none yet)" in out
    _, out, _ = backfill("--stack", "slim", "--dry-run")
    assert "endings  " not in out


def test_every_ending_that_is_found_has_a_job_of_its_own(backfill, deployed, photos):
    photos.put("2024/e.Jpg", b"x")
    photos.put("2024/f.Jpg", b"xy")
    _, out, _ = backfill("--stack", "slim", "--dry-run")
    assert "4 below s3://" in out
    assert "jobs     3, for S3 takes one ending a job:\n         .Jpg (2 photos, 3 bytes)" in out
    assert "costs    $0.75" in out
    _, out, _ = backfill("--stack", "slim", "--dry-run", "--json")
    suffixes = [suffixes_of(each) for each in json.loads(out)["requests"]]
    assert suffixes == [[".Jpg"], [".JPEG"], [".jpg"]]


def suffixes_of(asked):
    generator = asked["ManifestGenerator"]["S3JobManifestGenerator"]
    return generator["Filter"]["KeyNameConstraint"].get("MatchAnySuffix")


def test_a_suffix_that_no_key_has_gets_no_job(backfill, deployed):
    _, out, _ = backfill(
        *("--stack", "slim", "--dry-run", "--json", "--suffix", ".jpg", "--suffix", ".Jpg")
    )
    assert [suffixes_of(each) for each in json.loads(out)["requests"]] == [[".jpg"]]


def test_an_empty_suffix_is_one_job_for_all(backfill, deployed):
    _, out, _ = backfill(
        *("--stack", "slim", "--dry-run", "--json", "--suffix", ".jpg", "--suffix", "")
    )
    told = json.loads(out)
    assert told["photos"] == 3
    assert [suffixes_of(each) for each in told["requests"]] == [None]


def test_what_was_submitted_as_somebody_is_stopped_as_the_same(
    backfill, deployed, monkeypatch, tmp_path
):
    (tmp_path / "config").write_text(
        "[profile 'my work']\naws_access_key_id = a\naws_secret_access_key = b\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    _, out, _ = backfill("--stack", "slim", "--yes", "--profile", "my work")
    assert out.count("aws s3control describe-job --profile 'my work' ") == 2
    assert out.count("aws s3control update-job-status --profile 'my work' ") == 2


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
    assert [each["Report"]["Prefix"] for each in told["requests"]] == ["x", "x"]
    assert told["copies"] == 2
