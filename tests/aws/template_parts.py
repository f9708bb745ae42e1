"""The SAM template, as it is written and as CloudFormation sees it, and what the handler writes."""

import json
import os
import subprocess
import sys
from pathlib import Path

from jpegslim.aws.telling import Teller
from jpegslim.results import FileResult, Status, Url

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


def load_template():
    from samtranslator.yaml_helper import yaml_parse

    return yaml_parse(TEMPLATE.read_text())


def transform_template(template):
    """Return a template as CloudFormation gets to see it."""
    from samtranslator.translator.transform import transform

    function = template["Globals"]["Function"]
    if "CodeUri" in function:
        # `sam package` uploads the package and says where.
        function["CodeUri"] = "s3://packages/function.zip"
    return transform(template, {"SourceBucket": "photos"}, NoPolicies())


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
