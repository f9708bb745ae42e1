"""The SAM template: valid before and after its transform, and true to the handler it deploys."""

import ast
import inspect
import json
import re

import pytest
from template_parts import FUNCTIONS, TEMPLATE, lint, load_template, transform_template

from jpegslim.aws import objects, writing
from jpegslim.aws.addresses import parse_address
from jpegslim.aws.environment import read_environment
from jpegslim.settings import PRESETS, Metadata

pytest.importorskip("cfnlint", reason="needs cfn-lint: pip install cfn-lint")
pytest.importorskip(
    "samtranslator", reason="needs aws-sam-translator: pip install aws-sam-translator"
)


@pytest.fixture(scope="module")
def template():
    return load_template()


@pytest.fixture(scope="module")
def transformed():
    return transform_template(load_template())


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


def as_images(template):
    """Return the template changed as docs/aws.md says for images."""
    for name in ("CodeUri", "Handler", "Runtime"):
        del template["Globals"]["Function"][name]
    for name in FUNCTIONS:
        template["Resources"][name]["Properties"] |= {
            "PackageType": "Image",
            "ImageUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/jpegslim:1",
        }
    return template


def test_the_template_is_valid_with_images_as_the_documents_say(tmp_path):
    images = transform_template(as_images(load_template()))
    for name in FUNCTIONS:
        properties = images["Resources"][name]["Properties"]
        assert properties["PackageType"] == "Image"
        assert properties["Code"]["ImageUri"].endswith("/jpegslim:1")
        assert not {"Handler", "Runtime"} & set(properties)
    path = tmp_path / "template.json"
    path.write_text(json.dumps(images))
    # Without functions of a runtime nothing names that parameter any more.
    assert "W2001" in lint(path)
    del images["Parameters"]["Runtime"]
    del images["Metadata"]
    path.write_text(json.dumps(images))
    assert lint(path) == ""


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
        # IAM's policies hold nothing beyond these, and the stack would be rolled back.
        ("SourcePrefix", ["ÿ/", "~[a]/^_`{|}/"], ["Ā/", "e\u0301/", "写真/", "\U0001f600/", "\0/"]),
        ("OutputPrefix", ["", "out/"], ["out", "*/", "写真/"]),
        ("AlarmEmail", ["", "ops@example.org"], ["ops", "ops @example.org"]),
    ],
)
def test_parameters_take_what_makes_sense_and_nothing_else(template, parameter, taken, refused):
    pattern = template["Parameters"][parameter]["AllowedPattern"]
    assert all(re.fullmatch(pattern, each) for each in taken)
    assert not any(re.fullmatch(pattern, each) for each in refused)


@pytest.mark.parametrize("parameter", ["SourcePrefix", "OutputPrefix"])
def test_a_prefix_takes_every_letter_that_iam_does_but_patterns(template, parameter):
    pattern = template["Parameters"][parameter]["AllowedPattern"]
    taken = {letter for letter in map(chr, range(0x300)) if re.fullmatch(pattern, f"{letter}/")}
    printable = {*map(chr, range(0x20, 0x7F)), *map(chr, range(0xA0, 0x100))}
    assert taken == printable - set("*?$\\")
    assert "U+00FF" in template["Parameters"][parameter]["ConstraintDescription"]


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
        # But a creation that failed leaves no name taken.
        assert resources[name]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert resources[name]["UpdateReplacePolicy"] == "Retain"
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
