"""What the SAM template watches: alarms, the dashboard, and what both cost."""

import json
import re

import pytest
from template_parts import FUNCTIONS, TEMPLATE, emitted, load_template, transform_template

pytest.importorskip(
    "samtranslator", reason="needs aws-sam-translator: pip install aws-sam-translator"
)


@pytest.fixture(scope="module")
def resources():
    return transform_template(load_template())["Resources"]


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
