"""What is refused, as RFC 9457 problem documents: a status, a reason code, one plain line."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from jpegslim.errors import FileError
from jpegslim.reports.wording import printable

# As web servers note it; no client ever sees it.
_CLIENT_LEFT = 499

MEDIA_TYPE = "application/problem+json"
TOO_SLOW = 408


class Problem(Exception):  # noqa: N818 - named as the RFC names it
    """A request that is not served; `reason` is a stable code for scripts."""

    def __init__(
        self, status: int, reason: str, detail: str, *, retry_after: float | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after

    def response(self) -> Response:
        """Return the document that tells the client."""
        headers = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(max(1, round(self.retry_after)))
        return document(self.status, self.reason, str(self), headers=headers)


def document(
    status: int, reason: str, detail: str, *, headers: dict[str, str] | None = None
) -> Response:
    """Return a problem document as a response."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "reason": reason,
        "detail": printable(detail),
    }
    return JSONResponse(body, status, headers=headers, media_type=MEDIA_TYPE)


def of_picture(error: FileError) -> Problem:
    """Turn what is wrong with a picture into a problem."""
    if error.reason == "internal_error":
        return Problem(500, error.reason, str(error))
    return Problem(422, error.reason, str(error))


async def show_problem(_: Request, error: Exception) -> Response:
    """Answer with the problem that was raised."""
    assert isinstance(error, Problem)  # noqa: S101 - registered for nothing else
    return error.response()


async def show_http_error(_: Request, error: Exception) -> Response:
    """Answer what the router refuses: unknown addresses and methods."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
    phrase = HTTPStatus(error.status_code).phrase
    reason = phrase.lower().replace(" ", "_")
    return document(error.status_code, reason, phrase.lower(), headers=dict(error.headers or {}))


async def forget_client(_: Request, __: Exception) -> Response:
    """End the exchange with a client that left; nobody reads this."""
    return Response(status_code=_CLIENT_LEFT)


def of_bug(error: Exception) -> Response:
    """Return the answer where the service itself failed, without telling how."""
    text = f"the service failed here ({type(error).__name__}); its log says more"
    return document(500, "internal_error", text)
