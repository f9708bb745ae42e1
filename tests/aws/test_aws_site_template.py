"""The template of the page without a server."""

import json
import re
import subprocess
import sys
from copy import deepcopy

import pytest
from site_parts import ROOT, Stacks, http_event, load_publisher
from template_parts import emitted

from jpegslim.aws.desk import PATH, PREFIX, Desk, SiteConfiguration, read_site
from jpegslim.aws.environment import read_environment
from jpegslim.aws.prices import S3_READ, S3_WRITE, SECONDS_PER_MEGABYTE
from jpegslim.aws.quota import Limits
from jpegslim.aws.tickets import RESULTS, Refusal

TEMPLATE = ROOT / "deploy" / "aws" / "site.yaml"

pytest.importorskip("cfnlint", reason="needs cfn-lint")
pytest.importorskip("samtranslator", reason="needs aws-sam-translator")

SITE_OUTPUTS = {
    "PageUrl": "https://d1.cloudfront.net",
    "PageTarget": "d1.cloudfront.net",
    "PageBucketName": "page",
    "PhotosBucketName": "photos",
    "Endpoint": "https://a1.execute-api.eu-central-1.amazonaws.com",
    "PhotosOrigin": "https://photos.s3.eu-central-1.amazonaws.com",
    "LargestPhoto": "25000000",
}


# The page's own, as browsers name it.
ORIGIN = {
    "Fn::If": [
        "HasDomain",
        {"Fn::Sub": "https://${DomainName}"},
        {"Fn::Sub": "https://${Page.DomainName}"},
    ]
}


def lint(path):
    """Return what cfn-lint finds."""
    program = "from cfnlint.runner import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", program, path], check=False, capture_output=True, text=True
    )
    return ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def template():
    from cfnlint.decode import decode

    found, trouble = decode(str(TEMPLATE))
    assert trouble == []
    return json.loads(json.dumps(found))


@pytest.fixture(scope="module")
def transformed(template):
    """The template as CloudFormation gets to see it."""
    from samtranslator.translator.transform import transform

    template = deepcopy(template)
    # `sam package` uploads the package and says where.
    template["Globals"]["Function"]["CodeUri"] = "s3://packages/function.zip"
    return transform(template, {}, Policies())


class Policies:
    """AWS's own policies by name; the template names none."""

    def load(self):
        return {}


@pytest.fixture(scope="module")
def resources(transformed):
    return transformed["Resources"]


def in_list(value):
    return value if isinstance(value, list) else [value]


def of_type(resources, name):
    return {key: each["Properties"] for key, each in resources.items() if each["Type"] == name}


def test_the_template_is_sound_before_the_transform():
    assert lint(TEMPLATE) == ""


def test_the_template_is_sound_after_the_transform(transformed, tmp_path):
    path = tmp_path / "transformed.json"
    path.write_text(json.dumps(transformed))
    assert lint(path) == ""


def test_no_bucket_is_public(resources):
    buckets = of_type(resources, "AWS::S3::Bucket")
    assert set(buckets) == {"PageBucket", "PhotosBucket"}
    for each in buckets.values():
        assert set(each["PublicAccessBlockConfiguration"].values()) == {True}
    policies = of_type(resources, "AWS::S3::BucketPolicy")
    (statement,) = policies["PageBucketPolicy"]["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert "Page" in json.dumps(statement["Condition"])
    (statement,) = policies["PhotosBucketPolicy"]["PolicyDocument"]["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_photos_expire_and_only_the_page_may_use_them(resources):
    photos = resources["PhotosBucket"]["Properties"]
    (rule,) = photos["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 1)
    # Of everything in there.
    assert not {"Prefix", "Filter", "TagFilters"} & set(rule)
    assert "VersioningConfiguration" not in photos
    (cors,) = photos["CorsConfiguration"]["CorsRules"]
    assert cors["AllowedOrigins"] == [ORIGIN]
    assert set(cors["AllowedMethods"]) == {"GET", "PUT"}


def test_functions_may_do_what_they_do_and_no_more(resources):
    allowed = {}
    for name, role in of_type(resources, "AWS::IAM::Role").items():
        # Not the policy that SAM would give them, to make any log group in the account.
        assert "ManagedPolicyArns" not in role
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert "*" not in json.dumps(statement["Action"])
                for action in in_list(statement["Action"]):
                    for place in in_list(statement["Resource"]):
                        allowed.setdefault(name, set()).add((action, json.dumps(place)))

    def place(folder):
        return json.dumps({"Fn::Sub": f"${{PhotosBucket.Arn}}/{folder}/*"})

    def whole(name):
        return json.dumps({"Fn::GetAtt": [name, "Arn"]})

    assert allowed == {
        "DeskRole": {
            ("s3:PutObject", place("uploads")),
            ("s3:PutObject", place("states")),
            ("s3:GetObject", place("states")),
            ("s3:GetObject", place("results")),
            ("dynamodb:UpdateItem", whole("Visitors")),
            ("logs:CreateLogStream", whole("DeskLogs")),
            ("logs:PutLogEvents", whole("DeskLogs")),
        },
        "StudioRole": {
            ("s3:GetObject", place("uploads")),
            ("s3:GetObject", place("states")),
            ("s3:PutObject", place("results")),
            ("s3:PutObject", place("states")),
            ("s3:ListBucket", whole("PhotosBucket")),
            ("logs:CreateLogStream", whole("StudioLogs")),
            ("logs:PutLogEvents", whole("StudioLogs")),
        },
    }
    for name, function in of_type(resources, "AWS::Lambda::Function").items():
        assert function["Role"] == {"Fn::GetAtt": [f"{name}Role", "Arn"]}
        assert function["LoggingConfig"] == {"LogGroup": {"Ref": f"{name}Logs"}}


def test_results_do_not_call_the_function_again(resources):
    (rule,) = of_type(resources, "AWS::Events::Rule").values()
    detail = rule["EventPattern"]["detail"]
    assert detail["object"]["key"] == [{"prefix": "uploads/"}]
    assert detail["bucket"]["name"] == [{"Ref": "PhotosBucket"}]


def test_the_functions_understand_their_variables(resources):
    functions = of_type(resources, "AWS::Lambda::Function")
    variables = {name: each["Environment"]["Variables"] for name, each in functions.items()}
    spelt = {
        **dict.fromkeys(variables["Desk"], "1"),
        f"{PREFIX}ORIGIN": "https://d1.cloudfront.net",
    }
    site = read_site(spelt)
    assert (site.largest, site.limits.hourly, site.limits.daily) == (1, 1, 1)
    studio = {**variables["Studio"], "JPEGSLIM_SOURCE": "s3://photos/uploads/"}
    configuration = read_environment(studio)
    assert configuration.timeout + configuration.reserve < functions["Studio"]["Timeout"]


def test_the_handlers_are_there(resources):
    from importlib import import_module

    for each in of_type(resources, "AWS::Lambda::Function").values():
        module, _, name = each["Handler"].rpartition(".")
        assert callable(getattr(import_module(module), name))


def test_the_api_knows_the_one_address_and_is_throttled(resources):
    (api,) = of_type(resources, "AWS::ApiGatewayV2::Api").values()
    assert set(api["Body"]["paths"]) == {PATH}
    assert set(api["Body"]["paths"][PATH]) == {"post", "options"}
    (stage,) = of_type(resources, "AWS::ApiGatewayV2::Stage").values()
    assert stage["DefaultRouteSettings"]["ThrottlingRateLimit"] > 0


def test_a_name_of_ones_own_is_the_origin_everywhere(resources, transformed):
    page = resources["Page"]["Properties"]["DistributionConfig"]
    assert page["Aliases"]["Fn::If"][:2] == ["HasDomain", [{"Ref": "DomainName"}]]
    certificate = page["ViewerCertificate"]["Fn::If"][1]
    assert certificate["AcmCertificateArn"] == {"Ref": "CertificateArn"}
    assert certificate["MinimumProtocolVersion"] >= "TLSv1.2_2021"
    desk = resources["Desk"]["Properties"]["Environment"]["Variables"]
    assert desk[f"{PREFIX}ORIGIN"] == ORIGIN
    assert transformed["Outputs"]["PageUrl"]["Value"] == ORIGIN


@pytest.mark.parametrize(
    ("parameter", "taken", "refused"),
    [
        ("DomainName", ["", "photos.example.org"], ["photos", "https://a.b", "a b.c", "a.b/"]),
        (
            "CertificateArn",
            ["", "arn:aws:acm:us-east-1:123456789012:certificate/0a1b-2c"],
            ["arn:aws:acm:eu-west-1:123456789012:certificate/0a1b-2c", "0a1b-2c"],
        ),
        ("AlarmEmail", ["", "ops@example.org"], ["ops"]),
    ],
)
def test_parameters_take_what_makes_sense_and_nothing_else(template, parameter, taken, refused):
    pattern = template["Parameters"][parameter]["AllowedPattern"]
    assert all(re.fullmatch(pattern, each) for each in taken)
    assert not any(re.fullmatch(pattern, each) for each in refused)


def test_an_address_that_is_none_shows_the_page_and_not_the_buckets_xml(resources):
    (answer,) = resources["Page"]["Properties"]["DistributionConfig"]["CustomErrorResponses"]
    assert (answer["ErrorCode"], answer["ResponseCode"]) == (403, 404)
    key = answer["ResponsePagePath"].removeprefix("/")
    site = load_publisher().Site(bucket="b", endpoint="e", photos_origin="p", largest=1)
    page = load_publisher().page_of(site)
    # Wherever it is shown, its parts are found.
    assert not re.findall(rb"(?:src|href|data-config)=\"(?![/#])", page[key])


def test_the_largest_photo_and_its_result_find_room(template):
    largest = template["Parameters"]["LargestPhoto"]["MaxValue"]
    # Lambda's /tmp, where nothing else is asked for; and the seconds that one photo may take.
    assert 2 * largest < 512 << 20
    assert largest / 1e6 * SECONDS_PER_MEGABYTE < 90


MEASURED = {
    ("AWS/ApiGateway", "5xx"): {"ApiId": "Api"},
    ("AWS/Lambda", "Errors"): {"FunctionName": "Studio"},
    ("AWS/Lambda", "AsyncEventsDropped"): {"FunctionName": "Studio"},
    ("AWS/S3", "BytesDownloaded"): {"BucketName": "PhotosBucket", "FilterId": "results"},
    ("AWS/S3", "AllRequests"): {"BucketName": "PhotosBucket", "FilterId": "all"},
    ("jpegslim", "${AWS::StackName}-DayFull"): {},
}


def test_every_alarm_looks_at_what_is_measured(resources):
    alarms = of_type(resources, "AWS::CloudWatch::Alarm")
    watched = {}
    for alarm in alarms.values():
        stats = [
            one["MetricStat"]["Metric"] for one in alarm.get("Metrics", ()) if "MetricStat" in one
        ]
        for each in stats or [alarm]:
            name = each["MetricName"]
            where = {one["Name"]: one["Value"] for one in each.get("Dimensions", ())}
            key = each["Namespace"], name if isinstance(name, str) else name["Fn::Sub"]
            watched[key] = {
                dimension: value["Ref"] if isinstance(value, dict) else value
                for dimension, value in where.items()
            }
        assert alarm["AlarmActions"] == [{"Ref": "Alarms"}]
        assert alarm["TreatMissingData"] == "notBreaching"
    assert watched == MEASURED
    # The same names where they are made.
    (counted,) = of_type(resources, "AWS::Logs::MetricFilter").values()
    (made,) = counted["MetricTransformations"]
    assert (made["MetricNamespace"], made["MetricName"]["Fn::Sub"]) in MEASURED
    photos = resources["PhotosBucket"]["Properties"]
    metrics = photos["MetricsConfigurations"]["Fn::If"][1]
    # One without a filter is of the whole bucket.
    assert metrics == [{"Id": "results", "Prefix": RESULTS}, {"Id": "all"}]


def test_no_page_needs_as_many_requests_as_the_alarm_allows_a_photo(resources):
    script = (ROOT / "jpegslim" / "web" / "static" / "bucket.js").read_text(encoding="utf-8")
    (first, pause, later, minutes) = (
        int(re.search(pattern, script)[1])
        for pattern in (
            r"FIRST_LOOKS = (\d+);",
            r"[^_]LOOK_MS = (\d+);",
            r"LATER_LOOK_MS = (\d+);",
            r"PATIENCE_MS = (\d+) \* 60 \* 1000;",
        )
    )
    # The last of the first looks is followed by the longer pause.
    early = first - 1
    looks = early + -(-(minutes * 60_000 - early * pause) // later)
    # The state's writing, the upload and its preflight, the result; the function reads and writes
    # a state and a photo each time.
    attempts = 1 + resources["StudioEventInvokeConfig"]["Properties"]["MaximumRetryAttempts"]
    needed = looks + 4 + 4 * attempts
    (days, _) = resources["RequestsAlarm"]["Properties"]["Metrics"]
    assert days["Expression"]["Fn::Sub"] == f"requests / (${{PhotosPerDay}} * {needed})"
    page = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
    hourly = 1000 * needed
    assert f"photos of a whole day\n  can need ({needed} each)" in page
    reads, writes = (round(100 * hourly * price) for price in (S3_READ, S3_WRITE))
    told = f"{hourly // 3600} requests a second: {reads} cents an hour as reads, {writes} as writes"
    assert told in page


def test_the_metrics_are_those_of_this_stack_alone(resources):
    studio = resources["Studio"]["Properties"]["Environment"]["Variables"]
    assert studio["POWERTOOLS_SERVICE_NAME"] == {"Ref": "AWS::StackName"}


def test_the_documents_tell_what_the_pages_metrics_and_alarms_cost_a_month(resources, capsys):
    page = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
    # The page's function leaves no photo to be tried again that it would count.
    written = {name for _, _, name in emitted(capsys)} - {"Retried"}
    assert f"${len(written) * 0.30:.2f} for the {len(written)} that the second function" in page
    alarms = of_type(resources, "AWS::CloudWatch::Alarm").values()
    stats = [one for each in alarms for one in each.get("Metrics", ()) if "MetricStat" in one]
    single = [each for each in alarms if "Metrics" not in each]
    assert f"${(len(stats) + len(single)) * 0.10:.2f} a month for the alarms" in page


def test_nothing_is_paid_for_alarms_that_nobody_reads(resources):
    telling = ("AWS::CloudWatch::Alarm", "AWS::Logs::MetricFilter", "AWS::SNS::Topic")
    kinds = [each for each in resources.values() if each["Type"] in telling]
    assert len(kinds) == 7
    assert {each["Condition"] for each in kinds} == {"Tells"}
    photos = resources["PhotosBucket"]["Properties"]
    assert photos["MetricsConfigurations"]["Fn::If"][0] == "Tells"


def test_a_full_day_is_logged_as_the_alarm_looks_for_it(resources, caplog):
    class Full:
        def take(self, _):
            raise Refusal(429, "too_busy_today", "words", retry_after=60)

    site = SiteConfiguration(
        origin="https://d1", bucket="b", table="t", limits=Limits(1, 1), largest=9
    )
    headers = {"origin": site.origin, "content-type": "application/json"}
    event = http_event("POST", PATH, body='{"size": 1}', headers=headers)
    assert Desk(site, None, Full()).serve(event)["statusCode"] == 429
    (counted,) = of_type(resources, "AWS::Logs::MetricFilter").values()
    assert counted["FilterPattern"].strip('"') in caplog.text
    # Lambda's logs begin at this level.
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    assert "192.0.2.1" not in caplog.text


def test_the_outputs_are_those_the_script_reads(transformed):
    assert set(transformed["Outputs"]) == set(SITE_OUTPUTS)
    site = load_publisher().read_stack(Stacks(SITE_OUTPUTS), "mine")
    assert (site.bucket, site.largest) == ("page", 25_000_000)
