import pytest

TOKEN = "a token of fair length"  # noqa: S105 - of a service of the test


def test_every_response_forbids_what_a_page_does_not_need(service):
    for path in ("/", "/health", "/v1/service", "/v1/nothing", "/static/page.css"):
        headers = service.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "*" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_the_page_names_no_other_place_and_has_nothing_inline(service):
    page = service.get("/").text
    assert "<script>" not in page
    assert "<style" not in page
    assert "style=" not in page
    assert "https://" not in page
    for name in ("main.js", "api.js", "batch.js", "single.js", "viewer.js", "page.css"):
        answer = service.get(f"/static/{name}")
        assert answer.status_code == 200
        assert "https://" not in answer.text
    tag = answer.headers["etag"]
    unchanged = service.get("/static/page.css", headers={"If-None-Match": tag})
    assert unchanged.status_code == 304


def test_a_bug_is_counted_and_told_without_its_words(service, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("the secret of the bug")

    monkeypatch.setattr("jpegslim.web.batches.Batches.open", fail)
    answer = service.post("/v1/jobs", json={})
    assert answer.status_code == 500
    assert answer.json()["reason"] == "internal_error"
    assert "secret" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert 'requests_total{method="POST",status="500"} 1' in service.get("/metrics").text


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e%2fapp.py", "/static/x.js"])
def test_no_other_file_is_served(service, path):
    assert service.get(path).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:1"},
    ],
)
def test_pages_of_other_sites_change_nothing(service, photo, headers):
    for method, path in (("PUT", "/v1/optimize"), ("POST", "/v1/jobs"), ("PUT", "/v1/session")):
        answer = service.request(method, path, content=photo(0), headers=headers)
        assert answer.status_code == 403
        assert answer.json()["reason"] == "cross_site"


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "same-origin"}, {"Origin": "http://localhost"}, {}]
)
def test_the_own_page_and_programs_may(service, photo, headers):
    assert service.put("/v1/optimize", content=photo(0), headers=headers).status_code == 200


@pytest.mark.parametrize("host", ["rebound.example", "localhost.example:80", ""])
def test_a_name_nobody_gave_it_is_not_answered_to(service, host):
    answer = service.get("/v1/service", headers={"Host": host})
    assert answer.status_code == 421
    assert answer.json()["reason"] == "unknown_host"


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1", "[::1]:80", "LOCALHOST"])
def test_addresses_and_its_own_name_are_answered_to(service, host):
    assert service.get("/v1/service", headers={"Host": host}).status_code == 200


def test_a_token_is_needed_for_everything_but_the_page_itself(open_service, photo):
    service = open_service(token=TOKEN)
    for method, path in (
        ("GET", "/v1/service"),
        ("PUT", "/v1/optimize"),
        ("POST", "/v1/jobs"),
        ("GET", "/v1/jobs/x"),
        ("GET", "/v1/jobs/x/events"),
        ("GET", "/v1/jobs/x/zip"),
        ("GET", "/metrics"),
        ("PUT", "/v1/session"),
    ):
        answer = service.request(method, path)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for path in ("/", "/static/main.js", "/health", "/v1/openapi.json"):
        assert service.get(path).status_code == 200
    given = {"Authorization": f"Bearer {TOKEN}"}
    assert service.put("/v1/optimize", content=photo(0), headers=given).status_code == 200


def test_the_token_once_gives_a_cookie_that_scripts_can_not_read(open_service):
    service = open_service(token=TOKEN)
    answer = service.put("/v1/session", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 204
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert TOKEN not in cookie
    assert service.get("/v1/service").status_code == 200
    assert service.delete("/v1/session").status_code == 204
    assert service.get("/v1/service").status_code == 401


@pytest.mark.parametrize("cookie", ["9999999999.00", "1.x", "", ".", "x.y", "٣.x", "9" * 400])
def test_a_made_up_cookie_opens_nothing(open_service, cookie):
    service = open_service(token=TOKEN)
    headers = {"Cookie": b"jpegslim_session=" + cookie.encode()}
    assert service.get("/v1/service", headers=headers).status_code == 401


def test_an_expired_cookie_opens_nothing(open_service, monkeypatch):
    service = open_service(token=TOKEN)
    monkeypatch.setattr("jpegslim.web.access.SESSION_SECONDS", -1)
    access = service.app.state.service.access
    headers = {"Cookie": f"jpegslim_session={access.open_session()}"}
    assert service.get("/v1/service", headers=headers).status_code == 401


def test_tokens_can_not_be_tried_without_end(open_service):
    service = open_service(token=TOKEN)
    wrong = {"Authorization": "Bearer no"}
    codes = [service.get("/v1/service", headers=wrong).status_code for _ in range(12)]
    assert codes[:10] == [401] * 10
    assert codes[10:] == [429] * 2


def test_an_unknown_address_and_method_are_told_as_problems(service):
    missing = service.get("/v1/nothing")
    assert missing.status_code == 404
    assert missing.json()["reason"] == "not_found"
    wrong = service.post("/v1/optimize")
    assert wrong.status_code == 405
    assert wrong.headers["allow"] == "PUT"
    assert wrong.headers["content-type"] == "application/problem+json"
