"""The interface described for programs (OpenAPI 3.1): what the tests hold it to."""

from typing import Any

from jpegslim.results import Status
from jpegslim.settings import PRESETS, Metadata
from jpegslim.version import VERSION
from jpegslim.web.batches import State
from jpegslim.web.limits import Limits
from jpegslim.web.problems import MEDIA_TYPE as PROBLEM

Json = dict[str, Any]

_ABOUT = """Makes JPEG photos smaller, as far as the SSIMULACRA2 score of the delivered bytes
allows. Errors are RFC 9457 problem documents whose `reason` is a stable code."""


def describe(limits: Limits, *, needs_token: bool) -> Json:
    """Return the document for a service with these limits."""
    document: Json = {
        "openapi": "3.1.0",
        "info": {"title": "jpegslim", "version": VERSION, "description": _ABOUT},
        "paths": _paths(limits),
        "components": {
            "schemas": _schemas(),
            "parameters": _parameters(),
            "responses": _responses(),
        },
    }
    if needs_token:
        document["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"bearer": []}]
        for path, method in (
            ("/health", "get"),
            ("/v1/openapi.json", "get"),
            ("/v1/session", "delete"),
        ):
            document["paths"][path][method]["security"] = []
        for operations in document["paths"].values():
            for name, operation in operations.items():
                if name in ("get", "put", "post", "delete") and operation.get("security") != []:
                    operation["responses"]["401"] = _ref("responses", "Unauthorized")
                    operation["responses"]["429"] = _ref("responses", "TooMany")
    return document


def _paths(limits: Limits) -> Json:
    upload = {
        "required": True,
        "description": f"The file's bytes, at most {limits.file_bytes}.",
        "content": {"image/jpeg": {}, "application/octet-stream": {}},
    }
    job, file = _ref("parameters", "job"), _ref("parameters", "file")
    options = [_ref("parameters", name) for name in ("quality", "metadata", "baseline")]
    refusals = ("400", "403", "408", "413", "422", "429", "500", "503", "507")
    return {
        "/v1/optimize": {
            "put": _operation(
                "optimize",
                "Optimize one picture",
                {"200": _optimized(), **_problems(*refusals)},
                parameters=options,
                body=upload,
            )
        },
        "/v1/jobs": {
            "post": _operation(
                "openJob",
                "Begin a job of many pictures",
                {
                    "201": {
                        **_json("Job", "The job, still empty."),
                        "headers": {"Location": {"required": True, "schema": {"type": "string"}}},
                        "links": _links(),
                    },
                    **_problems("400", "403", "408", "413", "415", "429"),
                },
                body={
                    "required": True,
                    "content": {"application/json": {"schema": _ref("schemas", "Options")}},
                },
            )
        },
        "/v1/jobs/{job}": {
            "parameters": [job],
            "get": _operation(
                "showJob",
                "How far the job has come",
                {"200": _json("Job", "The job."), **_problems("400", "404")},
            ),
            "delete": _operation(
                "deleteJob",
                "Forget the job and everything in it",
                {"204": {"description": "Gone."}, **_problems("403", "404")},
            ),
        },
        "/v1/jobs/{job}/files": {
            "parameters": [job],
            "put": _operation(
                "addFile",
                "Add one picture to the job",
                {
                    "202": _json("File", "Stored, and in line."),
                    "200": _json("File", "The job has these bytes under this path already."),
                    **_problems("404", "409", *refusals),
                },
                parameters=[_ref("parameters", "path")],
                body=upload,
            ),
        },
        "/v1/jobs/{job}/files/{file}": {
            "parameters": [job, file],
            "get": _operation(
                "getFile",
                "One picture: the result, or what was uploaded",
                {"200": _bytes("image/jpeg", "application/octet-stream")}
                | _problems("400", "404", "409"),
                parameters=[_ref("parameters", "version")],
            ),
        },
        "/v1/jobs/{job}/events": {
            "parameters": [job],
            "get": _operation(
                "followJob",
                "Every change as it happens",
                {
                    "200": {
                        "description": (
                            "Server-sent events: `job` (what was asked for), `file` (a File, at"
                            " every change; its id goes into Last-Event-ID), `totals`, and `gone`"
                            " when the job or the service ends."
                        ),
                        "content": {"text/event-stream": {"schema": {"type": "string"}}},
                    },
                    **_problems("400", "404"),
                },
            ),
        },
        "/v1/jobs/{job}/zip": {
            "parameters": [job],
            "get": _operation(
                "getZip",
                "All pictures of the job in their folders",
                {"200": _bytes("application/zip"), **_problems("400", "404", "409")},
            ),
        },
        "/v1/service": {
            "get": _operation(
                "showService",
                "Presets and limits",
                {"200": _json("Service", "What the service takes and offers.")},
            )
        },
        "/v1/session": {
            "put": _operation(
                "openSession",
                "Exchange the token for a browser's cookie",
                {"204": {"description": "The cookie is set."}, **_problems("403", "429")},
            ),
            "delete": _operation(
                "closeSession",
                "Let the browser forget the cookie",
                {"204": {"description": "The cookie is cleared."}, **_problems("403")},
            ),
        },
        "/v1/openapi.json": {
            "get": _operation(
                "showOpenapi",
                "This document",
                {
                    "200": {
                        "description": "OpenAPI 3.1.",
                        "content": {"application/json": {"schema": {"type": "object"}}},
                    }
                },
            )
        },
        "/health": {
            "get": _operation(
                "health",
                "Whether the service takes work",
                {"200": _json("Health", "It does."), **_problems("503")},
            )
        },
        "/metrics": {
            "get": _operation(
                "metrics",
                "Counters in Prometheus' text format",
                {
                    "200": {
                        "description": "Version 0.0.4 of the format.",
                        "content": {"text/plain": {"schema": {"type": "string"}}},
                    }
                },
            )
        },
    }


def _operation(
    name: str,
    summary: str,
    responses: Json,
    *,
    parameters: list[Json] | None = None,
    body: Json | None = None,
) -> Json:
    operation: Json = {"operationId": name, "summary": summary, "responses": responses}
    if parameters:
        operation["parameters"] = parameters
    if body is not None:
        operation["requestBody"] = body
    return operation


def _parameters() -> Json:
    identifier = {"type": "string", "pattern": "^[A-Za-z0-9_-]{22}$"}
    return {
        "job": {"name": "job", "in": "path", "required": True, "schema": identifier},
        "file": {"name": "file", "in": "path", "required": True, "schema": identifier},
        "quality": _query(
            "quality",
            "A preset, or the SSIMULACRA2 score to reach.",
            {**_quality(), "default": "high"},
        ),
        "metadata": _query(
            "metadata",
            "`safe` drops thumbnails, maker notes, positions; `strip` leaves what display needs.",
            {"type": "string", "enum": [str(each) for each in Metadata], "default": "keep"},
        ),
        "baseline": _query(
            "baseline",
            "No progressive scans: for old viewers.",
            {"type": "boolean", "default": False},
        ),
        "version": _query(
            "version",
            "The result, or what was uploaded.",
            {"type": "string", "enum": ["result", "original"], "default": "result"},
        ),
        "path": {
            **_query(
                "path",
                "Where the zip will have the file: relative, folders with '/'.",
                {"type": "string", "minLength": 1, "maxLength": 1024},
            ),
            "required": True,
            "example": "trip/one.jpg",
        },
    }


def _quality() -> Json:
    presets = {"type": "string", "enum": list(PRESETS)}
    return {"anyOf": [presets, {"type": "number", "minimum": 1, "maximum": 100}]}


def _query(name: str, words: str, schema: Json) -> Json:
    return {"name": name, "in": "query", "description": words, "schema": schema}


def _schemas() -> Json:
    text, whole, number = {"type": "string"}, {"type": "integer"}, {"type": "number"}
    flag, moment = {"type": "boolean"}, {"type": "string", "format": "date-time"}
    counts = {name: {"type": "integer", "minimum": 0} for name in ("files", *map(str, State))}
    tile = _record(x=whole, y=whole, width=whole, height=whole, score=_or_null("number"))
    return {
        "Options": {
            "type": "object",
            "properties": {
                "quality": {**_quality(), "default": "high"},
                "metadata": {"type": "string", "enum": [str(each) for each in Metadata]},
                "baseline": flag,
            },
            "additionalProperties": False,
        },
        "Tile": tile,
        "Totals": _record(**counts, bytes_in=whole, bytes_out=whole, saved_fraction=number),
        "File": _record(
            id=text,
            path=text,
            state={"type": "string", "enum": [str(state) for state in State]},
            reason=text,
            message=text,
            bytes_in=_or_null("integer"),
            bytes_out=_or_null("integer"),
            score=_or_null("number"),
            meaning=_or_null("string"),
            worst_tile={"anyOf": [_ref("schemas", "Tile"), {"type": "null"}]},
            width=_or_null("integer"),
            height=_or_null("integer"),
            orientation={"type": "integer", "minimum": 1, "maximum": 8},
            seconds=_or_null("number"),
        ),
        "Job": _record(
            id=text,
            target=_or_null("number"),
            metadata=text,
            baseline=flag,
            created=moment,
            expires=moment,
            done=flag,
            totals=_ref("schemas", "Totals"),
            files={"type": "array", "items": _ref("schemas", "File")},
        ),
        "Service": _record(
            version=text,
            presets={"type": "object", "additionalProperties": _or_null("number")},
            file_bytes=whole,
            megapixels=number,
            files=whole,
            keep_seconds=number,
            needs_token=flag,
        ),
        "Health": _record(status={"const": "ok"}, version=text),
        "Problem": _record(type=text, title=text, status=whole, reason=text, detail=text),
    }


def _record(**properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _or_null(kind: str) -> Json:
    return {"type": [kind, "null"]}


_PROBLEMS = {
    "400": "BadRequest",
    "403": "CrossSite",
    "404": "NotFound",
    "408": "TooSlow",
    "409": "Conflict",
    "413": "TooLarge",
    "415": "WrongType",
    "422": "NotThisPicture",
    "429": "TooMany",
    "500": "Trouble",
    "503": "Stopping",
    "507": "DiskFull",
}

_PROBLEM_WORDS = {
    "BadRequest": "A parameter or the body makes no sense.",
    "Unauthorized": "The token is missing or wrong.",
    "CrossSite": "Asked for by a page of another site.",
    "NotFound": "No such job or file, or no longer.",
    "TooSlow": "The upload stalled.",
    "Conflict": "Not now: still being worked on, or the path is taken.",
    "TooLarge": "More bytes than are taken.",
    "WrongType": "Not application/json.",
    "NotThisPicture": "Not a JPEG, broken, too many pixels or files, or it broke its worker.",
    "TooMany": "A queue, the store or the tries are used up; Retry-After says when to come again.",
    "Trouble": "The service failed.",
    "Stopping": "The service is stopping or can't start a worker.",
    "DiskFull": "The server's disk is full.",
}


def _responses() -> Json:
    responses: Json = {
        name: {
            "description": words,
            "content": {PROBLEM: {"schema": _ref("schemas", "Problem")}},
        }
        for name, words in _PROBLEM_WORDS.items()
    }
    seconds = {"required": True, "schema": {"type": "integer", "minimum": 1}}
    for name in ("TooMany", "Stopping", "DiskFull"):
        responses[name]["headers"] = {"Retry-After": seconds}
    challenge = {"required": True, "schema": {"type": "string"}}
    responses["Unauthorized"]["headers"] = {"WWW-Authenticate": challenge}
    return responses


def _optimized() -> Json:
    def header(schema: Json, *, required: bool = False) -> Json:
        return {"required": required, "schema": schema}

    whole, number, text = {"type": "integer"}, {"type": "number"}, {"type": "string"}
    return {
        "description": "The picture to keep: optimized, or as it came; Jpegslim-Status says which.",
        "content": {"image/jpeg": {}},
        "headers": {
            "Jpegslim-Status": header(
                {"type": "string", "enum": [str(each) for each in Status]}, required=True
            ),
            "Jpegslim-Reason": header(text, required=True),
            "Jpegslim-Message": header(text, required=True),
            "Jpegslim-Bytes-In": header(whole, required=True),
            "Jpegslim-Bytes-Out": header(whole, required=True),
            "Jpegslim-Orientation": header(whole, required=True),
            "Jpegslim-Seconds": header(number, required=True),
            "Jpegslim-Score": header(number),
            "Jpegslim-Meaning": header(text),
            "Jpegslim-Target": header(number),
            "Jpegslim-Worst-Tile": header(text),
            "Jpegslim-Width": header(whole),
            "Jpegslim-Height": header(whole),
            "Jpegslim-Chroma-Subsampling": header(text),
            "Jpegslim-Encoder": header(text),
        },
    }


def _bytes(*media_types: str) -> Json:
    return {
        "description": "The bytes.",
        "content": {media_type: {} for media_type in media_types},
        "headers": {"Content-Disposition": {"required": True, "schema": {"type": "string"}}},
    }


def _json(schema: str, words: str) -> Json:
    return {
        "description": words,
        "content": {"application/json": {"schema": _ref("schemas", schema)}},
    }


def _links() -> Json:
    return {
        name: {"operationId": name, "parameters": {"job": "$response.body#/id"}}
        for name in ("showJob", "addFile", "getZip", "deleteJob")
    }


def _problems(*statuses: str) -> Json:
    return {status: _ref("responses", _PROBLEMS[status]) for status in statuses}


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}
