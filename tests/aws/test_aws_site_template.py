"""The template of the page without a server, and the script that puts the page in its bucket."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from site_parts import ROOT, load_publisher

from jpegslim.aws.desk import PATH, PREFIX, read_site
from jpegslim.aws.environment import read_environment

TEMPLATE = ROOT / "deploy" / "aws" / "site.yaml"

pytest.importorskip("cfnlint", reason="needs cfn-lint")
pytest.importorskip("samtranslator", reason="needs aws-sam-translator")

SITE_OUTPUTS = {
    "PageUrl": "https://d1.cloudfront.net",
    "PageBucketName": "page",
    "Endpoint": "https://a1.execute-api.eu-central-1.amazonaws.com",
    "PhotosOrigin": "https://photos.s3.eu-central-1.amazonaws.com",
    "LargestPhoto": "25000000",
}


def lint(path):
    """Return what cfn-lint finds."""
    program = "from cfnlint.runner import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", program, path], check=False, capture_output=True, text=True
    )
    return ended.stdout + ended.stderr


@pytest.fixture(scope="module")
def transformed():
    """The template as CloudFormation gets to see it."""
    from cfnlint.decode import decode
    from samtranslator.translator.transform import transform

    found, trouble = decode(str(TEMPLATE))
    assert trouble == []
    template = json.loads(json.dumps(found))
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
    (policy,) = of_type(resources, "AWS::S3::BucketPolicy").values()
    (statement,) = policy["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert "Page" in json.dumps(statement["Condition"])


def test_photos_expire_and_only_the_page_may_use_them(resources):
    photos = resources["PhotosBucket"]["Properties"]
    (rule,) = photos["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 1)
    # Of everything in there.
    assert not {"Prefix", "Filter", "TagFilters"} & set(rule)
    assert "VersioningConfiguration" not in photos
    (cors,) = photos["CorsConfiguration"]["CorsRules"]
    assert cors["AllowedOrigins"] == [{"Fn::Sub": "https://${Page.DomainName}"}]
    assert set(cors["AllowedMethods"]) == {"GET", "PUT"}


def test_functions_may_do_what_they_do_and_no_more(resources):
    allowed = {}
    for name, role in of_type(resources, "AWS::IAM::Role").items():
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                assert "*" not in json.dumps(statement["Action"])
                places = statement["Resource"]
                for place in places if isinstance(places, list) else [places]:
                    allowed.setdefault(name, set()).add((statement["Action"], json.dumps(place)))

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
        },
        "StudioRole": {
            ("s3:GetObject", place("uploads")),
            ("s3:GetObject", place("states")),
            ("s3:PutObject", place("results")),
            ("s3:PutObject", place("states")),
            ("s3:ListBucket", whole("PhotosBucket")),
        },
    }


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


# The script


class Stacks:
    def __init__(self, outputs):
        self._outputs = [{"OutputKey": key, "OutputValue": text} for key, text in outputs.items()]

    def describe_stacks(self, *, StackName):  # noqa: N803 - boto3's
        return {"Stacks": [{"StackName": StackName, "Outputs": self._outputs}]}


def test_the_outputs_are_those_the_script_reads(transformed):
    assert set(transformed["Outputs"]) == set(SITE_OUTPUTS)
    site = load_publisher().read_stack(Stacks(SITE_OUTPUTS), "mine")
    assert (site.bucket, site.largest) == ("page", 25_000_000)


def test_a_stack_of_another_template_is_told():
    publisher = load_publisher()
    with pytest.raises(publisher.PublishingError, match="no output 'PageBucketName'"):
        publisher.read_stack(Stacks({"Other": "1"}), "mine")


def test_the_page_may_ask_its_function_and_its_bucket_alone(bucket):
    publisher = load_publisher()
    site = publisher.Site(
        bucket=bucket.name,
        endpoint="https://api.example",
        photos_origin="https://photos.example",
        largest=1_000_000,
    )
    publisher.publish(bucket.client, site)
    page = bucket.get("index.html").decode()
    assert "connect-src 'self' https://api.example https://photos.example;" in page
    assert page.index("Content-Security-Policy") < page.index("<script")
    config = json.loads(bucket.get("config.json"))
    assert (config["endpoint"], config["file_bytes"]) == ("https://api.example", 1_000_000)
    # Every part that the page and its scripts name.
    named = {"static/page.css", "static/main.js", "static/bucket.js", "static/viewer.js"}
    assert named | {"static/viewer.css", "static/icon.svg"} <= set(bucket.stored())
    assert bucket.head("static/main.js")["ContentType"] == "text/javascript; charset=utf-8"


def test_the_script_says_what_it_needs():
    script = Path(load_publisher().__file__)
    told = subprocess.run(
        [sys.executable, script, "--help"], check=True, capture_output=True, text=True
    ).stdout
    assert "STACK" in told
