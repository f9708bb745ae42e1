"""The options that say what becomes of metadata, and of photos too large or signed."""

import pytest

from jpegslim.errors import ExitCode
from jpegslim.settings import Settings


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        (["--metadata", "keep"], Settings()),
        (["--metadata", "SAFE"], Settings(metadata="safe")),
        (["--metadata", "strip"], Settings(metadata="strip")),
        (
            ["--metadata", "strip", "--bake-orientation"],
            Settings(metadata="strip", bake_orientation=True),
        ),
        (["--break-signatures"], Settings(break_signatures=True)),
        (["--max-megapixels", "12.5"], Settings(max_megapixels=12.5)),
    ],
)
def test_options_become_settings_of_the_run(invoke, batch, options, settings):
    assert invoke("optimize", "photos", *options).exit_code == ExitCode.OK
    assert batch.calls[0].settings == settings


@pytest.mark.parametrize("policy", [[], ["--metadata", "keep"], ["--metadata", "safe"]])
def test_the_orientation_is_baked_only_where_metadata_is_stripped(invoke, batch, policy):
    outcome = invoke("optimize", "photos", "--bake-orientation", *policy)
    assert outcome.exit_code == ExitCode.USAGE
    assert "--bake-orientation needs --metadata strip" in outcome.stderr
    assert batch.calls == []


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--metadata", "some"),
        *(("--max-megapixels", each) for each in ("0", "-1", "nan", "inf", "x")),
    ],
)
def test_a_value_that_makes_no_sense_is_wrong_usage(invoke, batch, option, value):
    outcome = invoke("optimize", "photos", option, value)
    assert outcome.exit_code == ExitCode.USAGE
    assert option in outcome.stderr
    assert batch.calls == []


def test_the_help_names_the_policies_in_a_section_of_their_own(invoke):
    text = invoke("optimize", "--help").stdout
    section = text.split("What becomes of its metadata:")[1].split("Which photos:")[0]
    for option in ("--metadata [keep|safe|strip]", "--bake-orientation", "--break-signatures"):
        assert option in section
