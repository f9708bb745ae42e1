"""The service holds what its OpenAPI document says, whatever it is asked."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis")

from schemathesis.checks import CHECKS  # noqa: E402 - only where it is installed

from jpegslim.web.limits import Limits  # noqa: E402
from jpegslim.web.openapi import describe  # noqa: E402

# An endless stream; test_web_jobs reads it.
STREAMS = "followJob"
# What a path may hold can't be told by JSON Schema: no '..', nothing that can't be shown.
TOLD_IN_WORDS = "addFile"

DESCRIBED = {
    operation["operationId"]: (path, method, operation)
    for path, operations in describe(Limits(), needs_token=False)["paths"].items()
    for method, operation in operations.items()
    if method != "parameters" and operation["operationId"] != STREAMS
}
# What can be asked for wrongly.
TAKES_SOMETHING = {
    name
    for name, (path, _, operation) in DESCRIBED.items()
    if "{" in path or "parameters" in operation or "requestBody" in operation
}
QUIETLY = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": list(HealthCheck),
}


@pytest.fixture(scope="module")
def api(launch, photo):
    pictures = [photo(number, size=(160, 120)) for number in range(3)]
    for media_type in ("image/jpeg", "application/octet-stream"):
        schemathesis.openapi.media_type(media_type, st.sampled_from(pictures))
    address = launch("--storage", "2G").url
    return schemathesis.openapi.from_url(f"{address}/v1/openapi.json")


@pytest.mark.parametrize(
    ("name", "mode"),
    [(name, "POSITIVE") for name in DESCRIBED]
    + [(name, "NEGATIVE") for name in sorted(TAKES_SOMETHING)],
)
def test_every_answer_is_as_described(api, name, mode):
    path, method, _ = DESCRIBED[name]
    excluded = CHECKS.get_by_names(["positive_data_acceptance"]) if name == TOLD_IN_WORDS else []
    mode = schemathesis.GenerationMode[mode]
    cases = api[path][method].as_strategy(generation_mode=mode)

    @settings(max_examples=25, **QUIETLY)
    @given(cases)
    def hold(case):
        case.call_and_validate(excluded_checks=excluded)

    hold()


def test_jobs_are_as_described_from_their_beginning_to_their_end(api):
    machine = api.exclude(operation_id=STREAMS).as_state_machine()
    machine.run(settings=settings(max_examples=15, stateful_step_count=6, **QUIETLY))
