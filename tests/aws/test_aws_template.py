"""The SAM template: valid before and after its transform, and true to the handler it deploys."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from jpegslim.aws import objects, writing
from jpegslim.aws.addresses import parse_address
from jpegslim.aws.environment import read_environment
from jpegslim.aws.telling import Teller
from jpegslim.results import FileResult, Status, Url
from jpegslim.settings import PRESETS, Metadata

pytest.importorskip("cfnlint", reason="needs cfn-lint: pip install cfn-lint")
pytest.importorskip(
    "samtranslator", reason="needs aws-sam-translator: pip install aws-sam-translator"
)

TEMPLATE = Path(__file__).parents[2] / "deploy" / "aws" / "template.yaml"
FUNCTIONS = ("Function", "BackfillFunction")


def lint(path):
    """Return what cfn-lint finds."""
    program = "from cfnlint.runner import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", program, "--regions", "us-east-1", "eu-west-1", "--", path],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "AWS_DEFAULT_REGION": "us-east-1"},
    )
    return ended.stdout + ended.stderr


class NoPolicies:
    """AWS's own policies by name; the template names none."""

    def load(self):
        return {}


@pytest.fixture(scope="module")
def template():
    from samtranslator.yaml_helper import yaml_parse

    return yaml_parse(TEMPLATE.read_text())


@pytest.fixture(scope="module")
def transformed():
    """The template as CloudFormation gets to see it."""
    from samtranslator.translator.transform import transform
    from samtranslator.yaml_helper import yaml_parse

    template = yaml_parse(TEMPLATE.read_text())
    # `sam package` uploads the package and says where.
    template["Globals"]["Function"]["CodeUri"] = "s3://packages/function.zip"
    return transform(template, {"SourceBucket": "photos"}, NoPolicies())


@pytest.fixture(scope="module")
def resources(transformed):
    return transformed["Resources"]


def statements(resource):
    """Return every statement of a role or a policy, those under conditions too."""
    properties = resource["Properties"]
    documents = [each["PolicyDocument"] for each in properties.get("Policies", ())]
    documents += [properties["PolicyDocument"]] if "PolicyDocument" in properties else []
    found = []
    for document in documents:
        for each in document["Statement"]:
            branches = each["Fn::If"][1:] if "Fn::If" in each else [each]
            found += [branch for branch in branches if branch != {"Ref": "AWS::NoValue"}]
    return found


def in_list(value):
    return value if isinstance(value, list) else [value]


def variables(resource, **parameters):
    """Return a function's environment as CloudFormation would fill it in."""

    def filled(value):
        if isinstance(value, str):
            return value
        (name, inner) = next(iter(value.items()))
        if name == "Fn::If":
            assert inner[0] == "InPlace"
            return filled(inner[1] if not parameters["OutputBucket"] else inner[2])
        if name == "Ref":
            return parameters[inner]
        assert name == "Fn::Sub"
        return re.sub(r"\$\{([A-Za-z:]+)\}", lambda found: parameters[found[1]], inner)

    given = resource["Properties"]["Environment"]["Variables"]
    return {name: filled(value) for name, value in given.items()}


PARAMETERS = {
    "AWS::StackName": "jpegslim",
    "Quality": "web",
    "MetadataPolicy": "safe",
    "SourceBucket": "photos",
    "SourcePrefix": "in/",
    "OutputBucket": "",
    "OutputPrefix": "",
}


def test_the_template_is_valid_as_it_is_written():
    assert lint(TEMPLATE) == ""


def test_the_template_is_valid_as_cloudformation_sees_it(transformed, tmp_path):
    path = tmp_path / "template.json"
    path.write_text(json.dumps(transformed))
    assert lint(path) == ""


def test_the_template_has_none_of_the_yaml_that_cloudformation_refuses():
    import yaml

    tokens = {type(token) for token in yaml.scan(TEMPLATE.read_text())}
    assert not tokens & {yaml.AliasToken, yaml.AnchorToken}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_handler_takes_its_environment_in_place(resources, name):
    given = variables(resources[name], **PARAMETERS)
    configuration = read_environment(given)
    assert configuration.settings.target == PRESETS["web"]
    assert configuration.settings.metadata is Metadata.SAFE
    assert configuration.source == parse_address("s3://photos/in/")
    assert configuration.output is None


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_handler_takes_its_environment_with_another_place(resources, name):
    elsewhere = {**PARAMETERS, "OutputBucket": "slim", "OutputPrefix": "out/"}
    configuration = read_environment(variables(resources[name], **elsewhere))
    assert configuration.output == parse_address("s3://slim/out/")


def test_every_quality_and_metadata_policy_the_template_takes_is_known(template):
    parameters = template["Parameters"]
    assert set(parameters["MetadataPolicy"]["AllowedValues"]) == {str(each) for each in Metadata}
    pattern = parameters["Quality"]["AllowedPattern"]
    assert all(re.fullmatch(pattern, name) for name in PRESETS)
    assert not re.fullmatch(pattern, "101")
    assert not re.fullmatch(pattern, "0")


@pytest.mark.parametrize(
    ("parameter", "taken", "refused"),
    [
        ("Quality", ["high", "85", "62.5", "100"], ["best", "0", "100.5", "-1", "High"]),
        ("SourceBucket", ["photos", "my.photos-2"], ["", "Photos", "a", "s3://photos", "photos/"]),
        ("OutputBucket", ["", "slim"], ["slim/", "Slim"]),
        ("SourcePrefix", ["", "in/", "a b+é%/2024/"], ["in", "*/", "a?/", "${x}/", "a\\b/"]),
        ("OutputPrefix", ["", "out/"], ["out", "*/"]),
        ("AlarmEmail", ["", "ops@example.org"], ["ops", "ops @example.org"]),
    ],
)
def test_parameters_take_what_makes_sense_and_nothing_else(template, parameter, taken, refused):
    pattern = template["Parameters"][parameter]["AllowedPattern"]
    assert all(re.fullmatch(pattern, each) for each in taken)
    assert not any(re.fullmatch(pattern, each) for each in refused)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_both_functions_are_the_same_code(resources, name):
    properties = resources[name]["Properties"]
    assert properties["Handler"] == "jpegslim.aws.handler.handler"
    assert properties["Code"] == resources["Function"]["Properties"]["Code"]


def test_a_photo_that_failed_takes_none_of_its_batch_with_it(resources):
    mapping = resources["FunctionPhotos"]["Properties"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["Queue", "Arn"]}


def test_what_keeps_failing_ends_as_a_dead_letter_that_alarms(resources):
    redrive = resources["Queue"]["Properties"]["RedrivePolicy"]
    assert redrive["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetters", "Arn"]}
    alarm = resources["DeadLettersAlarm"]["Properties"]
    assert alarm["Dimensions"][0]["Value"] == {"Fn::GetAtt": ["DeadLetters", "QueueName"]}
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")


def test_no_message_comes_again_while_a_call_may_still_run(template):
    visible = template["Mappings"]["Visibility"]
    timeouts = template["Parameters"]["Timeout"]["AllowedValues"]
    assert {name: each["Seconds"] for name, each in visible.items()} == {
        name: 6 * int(name) for name in timeouts
    }


def test_what_waits_too_long_is_told_before_it_is_forgotten(resources):
    queue, dead = (resources[name]["Properties"] for name in ("Queue", "DeadLetters"))
    # Both count from when a message was first sent, also after it has become a dead letter.
    assert queue["MessageRetentionPeriod"] <= dead["MessageRetentionPeriod"] - 4 * 24 * 3600
    alarm = resources["WaitingAlarm"]["Properties"]
    assert alarm["Threshold"] <= queue["MessageRetentionPeriod"] / 2


def test_a_prefix_is_never_left_to_filters_that_want_it_encoded(transformed):
    source = transformed["Resources"]["Source"]["Properties"]["NotificationConfiguration"]
    assert "SourcePrefix" not in json.dumps(source)
    made_with_prefix = {"Fn::And": [{"Condition": "MakesSource"}, {"Condition": "HasPrefix"}]}
    assert made_with_prefix in transformed["Conditions"]["ByBridge"]["Fn::Or"]


# What AWS itself measures, by the dimension it is looked up with.
MEASURED = {
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible"): "QueueName",
    ("AWS/SQS", "ApproximateAgeOfOldestMessage"): "QueueName",
    ("AWS/Lambda", "Errors"): "FunctionName",
    ("AWS/Lambda", "Throttles"): "FunctionName",
    ("AWS/Lambda", "ConcurrentExecutions"): "FunctionName",
}


def alarmed(alarm):
    """Return what an alarm looks at: namespace, metric, dimension and value of each."""
    given = alarm["Properties"]
    stats = [
        each["MetricStat"]["Metric"] for each in given.get("Metrics", ()) if "MetricStat" in each
    ]
    for each in stats or [given]:
        (dimension,) = each["Dimensions"]
        yield each["Namespace"], each["MetricName"], dimension["Name"], dimension["Value"]


def test_every_alarm_looks_at_what_is_measured_of_what_is_there(resources):
    alarms = [each for each in resources.values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    watched = {tuple(map(json.dumps, one)) for alarm in alarms for one in alarmed(alarm)}
    assert len(watched) == sum(len(list(alarmed(alarm))) for alarm in alarms) == 6
    of = {"QueueName": "AWS::SQS::Queue", "FunctionName": "AWS::Lambda::Function"}
    for namespace, metric, dimension, value in (map(json.loads, each) for each in watched):
        assert MEASURED[namespace, metric] == dimension
        # A queue's Ref would be its URL, and a function's Arn no name: neither is ever measured.
        name = value["Ref"] if dimension == "FunctionName" else value["Fn::GetAtt"][0]
        assert resources[name]["Type"] == of[dimension]
        assert dimension == "FunctionName" or value["Fn::GetAtt"][1] == "QueueName"


def test_every_alarm_tells_whoever_is_to_be_told(resources):
    alarms = [each for each in resources.values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    tells = [{"Fn::If": ["Tells", {"Ref": "Alarms"}, {"Ref": "AWS::NoValue"}]}]
    for each in alarms:
        assert each["Properties"]["AlarmActions"] == each["Properties"]["OKActions"] == tells
        # A queue that nothing waits in and a function that nobody calls measure nothing.
        assert each["Properties"]["TreatMissingData"] == "notBreaching"
        sums = [one for one in each["Properties"].get("Metrics", ()) if "Expression" in one]
        ids = {one["Id"] for one in each["Properties"].get("Metrics", ())}
        for one in sums:
            assert set(re.findall(r"[a-z]+", one["Expression"])) == ids - {one["Id"]}


def test_every_way_of_telling_takes_the_same_photos(resources):
    told = resources["Source"]["Properties"]["NotificationConfiguration"]["QueueConfigurations"]
    direct = {each["Filter"]["S3Key"]["Rules"][0]["Value"] for each in told["Fn::If"][2]}
    pattern = resources["Bridge"]["Properties"]["EventPattern"]["detail"]["object"]["key"]
    bridged = {each["wildcard"]["Fn::Sub"] for each in pattern}
    assert bridged == {f"${{SourcePrefix}}*{ending}" for ending in direct}
    assert direct == {".jpg", ".jpeg", ".JPG", ".JPEG"}


def test_permissions_are_for_one_prefix_and_nothing_is_for_everything(resources):
    roles = ("FunctionRole", "BackfillFunctionRole", "JobRole", "PhotosPolicy")
    for each in (statement for name in roles for statement in statements(resources[name])):
        assert each["Effect"] == "Allow"
        assert not any("*" in action for action in in_list(each["Action"])), each
        for resource in in_list(each["Resource"]):
            assert resource != "*", each
            if isinstance(resource, dict) and "arn:${AWS::Partition}:s3" in str(resource):
                scope = resource["Fn::Sub"].rpartition(":::")[2]
                assert scope in (
                    "${SourceBucket}",
                    "${SourceBucket}/${SourcePrefix}*",
                    "${OutputBucket}",
                    "${OutputBucket}/${OutputPrefix}*",
                ), each


# What each call asks for, of S3's own reference. A tag or a grant in a write asks for its own.
_WRITE = {"s3:PutObject", "s3:PutObjectAcl", "s3:PutObjectTagging"}
ASKED = {
    "abort_multipart_upload": {"s3:AbortMultipartUpload"},
    "complete_multipart_upload": {"s3:PutObject"},
    "create_multipart_upload": _WRITE,
    "get_bucket_ownership_controls": {"s3:GetBucketOwnershipControls"},
    "get_object": {"s3:GetObject"},
    "get_object_acl": {"s3:GetObjectAcl"},
    "get_object_tagging": {"s3:GetObjectTagging"},
    "head_object": {"s3:GetObject"},
    "list_objects_v2": {"s3:ListBucket"},
    "put_object": _WRITE,
    "upload_part": {"s3:PutObject"},
}
# Not calls: without them S3 keeps locks to itself.
SILENT = {"s3:GetObjectLegalHold", "s3:GetObjectRetention"}


def s3_calls(module):
    """Return the names of the calls to S3 that a module makes."""
    found = set()
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            if isinstance(owner, ast.Attribute) and owner.attr in ("client", "_client"):
                paged = node.func.attr == "get_paginator"
                found.add(node.args[0].value if paged else node.func.attr)
    return found


def test_both_functions_may_do_what_the_code_does_and_no_more(resources):
    calls = s3_calls(objects) | s3_calls(writing)
    assert calls == set(ASKED)
    needed = set().union(*(ASKED[name] for name in calls)) | SILENT
    by_name = {
        each["Sid"]: set(in_list(each["Action"])) for each in statements(resources["PhotosPolicy"])
    }
    elsewhere = {"WriteResults", "SeeWhichResultsAreMissing"}
    in_place = set().union(*(by_name[name] for name in by_name.keys() - elsewhere - {"UseKeys"}))
    assert in_place == needed
    # Where results go: no access list is taken along, and what stands there is looked at.
    there = {"s3:AbortMultipartUpload", "s3:GetObject"} | _WRITE - {"s3:PutObjectAcl"}
    assert by_name["WriteResults"] == there
    assert by_name["SeeWhichResultsAreMissing"] == {"s3:ListBucket"}


def test_nobody_may_delete_photos(resources):
    actions = {
        action
        for resource in resources.values()
        if resource["Type"].startswith("AWS::IAM")
        for each in statements(resource)
        for action in in_list(each["Action"])
    }
    assert "s3:PutObject" in actions
    assert not any(action.startswith("s3:Delete") for action in actions)


def test_the_queue_takes_messages_of_this_bucket_alone(resources):
    first, bridge = resources["QueuePolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert "${SourceBucket}" in str(first["Condition"]["ArnEquals"])
    assert first["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert bridge["Fn::If"][0] == "ByBridge"


def test_buckets_with_photos_and_reports_outlive_the_stack(resources):
    for name in ("Source", "Reports"):
        assert resources[name]["DeletionPolicy"] == "Retain"
        blocked = resources[name]["Properties"]["PublicAccessBlockConfiguration"]
        assert set(blocked.values()) == {True}
    assert resources["Source"]["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}


def test_a_stack_tells_all_that_a_backfill_needs(transformed):
    assert set(transformed["Outputs"]) >= {
        "BackfillFunctionArn",
        "JobRoleArn",
        "ReportsBucket",
        "Source",
        "Architecture",
        "MemorySize",
        "BackfillConcurrency",
    }


def emitted(capsys):
    """Return the namespace, dimensions and names of the metrics that the handler writes."""
    teller = Teller({"POWERTOOLS_SERVICE_NAME": "stack"})
    teller.begin("request")
    for status in Status:
        result = FileResult(
            path=Url("s3://photos/a.jpg"),
            status=status,
            reason=str(status),
            message="",
            bytes_in=2,
            bytes_out=1,
            target=85.0,
            score=86.0,
        )
        teller.photo(result, seconds=1.0, retried=False)
        teller.photo(result, seconds=1.0, retried=True)
    teller.not_understood("name", "trouble")
    teller.end()
    found = set()
    for line in capsys.readouterr().out.splitlines():
        record = json.loads(line)
        for each in record.get("_aws", {}).get("CloudWatchMetrics", ()):
            dimensions = tuple((name, record[name]) for name in each["Dimensions"][0])
            found |= {(each["Namespace"], dimensions, one["Name"]) for one in each["Metrics"]}
    return found


def shown(resources):
    """Return the metrics that the dashboard shows, its abbreviations spelt out."""
    body = resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    found = set()
    for widget in json.loads(body)["widgets"]:
        last = []
        for metric in widget["properties"]["metrics"]:
            names = [each for each in metric if isinstance(each, str)]
            if names[:1] == ["..."]:
                names = last[: len(last) - len(names) + 1] + names[1:]
            last = [last[place] if each == "." else each for place, each in enumerate(names)]
            found.add(tuple(last))
    return found


def own(metrics):
    return {each for each in metrics if not each[0].startswith("AWS/")}


def test_the_dashboard_shows_the_very_metrics_that_the_handler_writes(resources, capsys):
    written = emitted(capsys)
    assert {dimensions for _, dimensions, _ in written} == {(("service", "stack"),)}
    names = {(namespace, name) for namespace, _, name in written}
    metrics = own(shown(resources))
    assert {(namespace, name) for namespace, name, *_ in metrics} == names
    services = {service for *_, dimension, service in metrics if dimension == "service"}
    assert services == {"${AWS::StackName}", "${AWS::StackName}-backfill"}
    for name, service in zip(FUNCTIONS, sorted(services, key=len), strict=True):
        given = resources[name]["Properties"]["Environment"]["Variables"]
        assert service in str(given["POWERTOOLS_SERVICE_NAME"]) or given[
            "POWERTOOLS_SERVICE_NAME"
        ] == {"Ref": "AWS::StackName"}


def test_the_dashboard_shows_of_aws_what_is_measured_of_what_is_there(resources):
    metrics = shown(resources) - own(shown(resources))
    assert {(namespace, name) for namespace, name, *_ in metrics} == set(MEASURED)
    for namespace, name, dimension, value in metrics:
        assert MEASURED[namespace, name] == dimension
        # What Ref gives of a function is its name, of a queue its URL.
        resource, _, attribute = value[2:-1].partition(".")
        assert (resource in FUNCTIONS) is (dimension == "FunctionName")
        assert attribute == ("" if resource in FUNCTIONS else "QueueName")
        assert resource in resources


def test_the_documents_tell_what_metrics_and_alarms_cost_a_month(resources, capsys):
    page = (TEMPLATE.parents[2] / "docs" / "aws.md").read_text(encoding="utf-8")
    metrics = len({name for _, _, name in emitted(capsys)})
    alarms = [each for each in resources.values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    watched = sum(len(list(alarmed(alarm))) for alarm in alarms)
    both, told = len(FUNCTIONS) * metrics * 0.30, watched * 0.10
    said = f"${both:.2f} where both\nfunctions count all {metrics} of theirs, and ${told:.2f}"
    assert said in page
