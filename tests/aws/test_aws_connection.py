"""The client for S3 goes where the options and the user's configuration say."""

import pytest

from jpegslim.aws.connection import connect


@pytest.mark.parametrize(
    ("style", "address"),
    [
        ("auto", "https://s3.example.org/photos/a.jpg"),
        ("path", "https://s3.example.org/photos/a.jpg"),
        ("virtual", "https://photos.s3.example.org/a.jpg"),
    ],
)
@pytest.mark.parametrize("by_option", [True, False])
def test_the_configured_style_of_addresses_holds(tmp_path, monkeypatch, style, address, by_option):
    endpoint = "https://s3.example.org"
    config = tmp_path / "config"
    config.write_text(f"[default]\ns3 =\n  addressing_style = {style}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    if not by_option:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    client = connect(endpoint_url=endpoint if by_option else None)
    url = client.generate_presigned_url("get_object", {"Bucket": "photos", "Key": "a.jpg"})
    assert url.partition("?")[0] == address
