"""Imports point down only: every room names what it may stand on."""

import re

import pytest

BASE = {"errors", "settings", "results", "version"}

# What each room may import besides itself. A longer name is a room of its own.
ALLOWED = {
    "errors": set(),
    "version": set(),
    "settings": {"errors"},
    "results": {"errors"},
    "engine": set(),
    "engine.container": BASE,
    "engine.codecs": BASE | {"engine.container"},
    "engine.metric": BASE,
    "engine.colour": BASE | {"engine.metric", "engine.container"},
    "engine.search": set(),
    "engine.sample": set(),
    "engine.verify": BASE | {"engine.colour", "engine.codecs", "engine.container"},
    "engine.comparing": BASE
    | {"engine.metric", "engine.colour", "engine.codecs", "engine.container", "engine.turning"},
    "engine.inspecting": BASE | {"engine.colour", "engine.container"},
    "engine.trials": BASE
    | {
        "engine.metric",
        "engine.codecs",
        "engine.container",
        "engine.colour",
        "engine.search",
        "engine.sample",
        "engine.verify",
    },
    "engine.turning": BASE | {"engine.container"},
    "engine.original": BASE
    | {
        "engine.codecs",
        "engine.container",
        "engine.colour",
        "engine.trials",
        "engine.turning",
    },
    "engine.ladder": BASE
    | {
        "engine.metric",
        "engine.codecs",
        "engine.container",
        "engine.verify",
        "engine.trials",
        "engine.original",
    },
    "engine.optimizer": BASE
    | {"engine.codecs", "engine.container", "engine.verify", "engine.ladder"},
    "reports": BASE | {"viewer"},
    "pictures": BASE | {"engine", "reports"},
    "files": BASE | {"engine", "pictures"},
    "audit": BASE | {"engine", "files"},
    "cluster": BASE | {"engine", "files"},
    "conducting": BASE | {"engine", "files", "reports"},
    "batch": BASE | {"engine", "files", "reports", "cluster", "conducting"},
    "aws": BASE | {"engine", "files", "reports"},
    # What a run over S3 needs of a cluster, on either side.
    "cluster.depot": BASE | {"engine", "files", "aws", "cluster"},
    "cluster.objects": BASE | {"engine", "files", "aws", "cluster"},
    # What one run over S3 shares with one over files.
    "aws.run": BASE | {"engine", "files", "reports", "aws", "batch", "cluster", "conducting"},
    "chronicle": BASE | {"files", "reports"},
    "cli": BASE | {"engine", "files", "reports", "audit", "batch", "chronicle", "web", "aws"},
    "viewer": set(),
    "web": BASE | {"engine", "files", "reports", "viewer"},
    "__main__": {"cli"},
    # The public names, which are loaded from where they live.
    "": BASE | {"engine"},
}


def home(name):
    """Return the room a dotted name below the package belongs to, None for no room."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        room = ".".join(parts[:length])
        if room in ALLOWED:
            return room
    return None


def within(room, rooms):
    return any(room == each or room.startswith(f"{each}.") for each in rooms)


def own_imports(module):
    """Return what a module imports of this package, without the package's name in front."""
    return {
        name.removeprefix("jpegslim").removeprefix(".")
        for name in module.imported()
        if name == "jpegslim" or name.startswith("jpegslim.")
    } - {""}


def importers(modules, library):
    return {
        name
        for name, module in modules.items()
        if any(each.split(".")[0] == library for each in module.imported())
    }


def test_every_module_belongs_to_a_room(modules):
    assert [name for name in modules if home(name) is None and name != ""] == []


def test_every_room_is_there(modules):
    assert [room for room in ALLOWED if room not in modules] == []


def test_imports_point_down_only(modules):
    upward = []
    for name, module in modules.items():
        room = home(name) if name else ""
        for imported in own_imports(module):
            target = home(imported)
            # `from jpegslim.engine import codecs` names the empty package engine as well.
            if target in (room, "engine") or within(target, ALLOWED[room]):
                continue
            upward.append(f"{name or '__init__'} imports {imported}")
    assert upward == []


def test_the_package_engine_itself_offers_nothing(modules):
    # Else the exception for its bare name above would be a hole.
    assert own_imports(modules["engine"]) == set()
    assert len(modules["engine"].tree.body) == 1


def test_rooms_form_no_circle():
    seen = set()

    def visit(room, path):
        assert room not in path, " -> ".join([*path, room])
        if room in seen:
            return
        for below in ALLOWED[room]:
            visit(below, [*path, room])
        seen.add(room)

    for room in ALLOWED:
        visit(room, [])


def test_the_protocol_of_reports_stands_on_the_records_alone(modules):
    assert {home(name) for name in own_imports(modules["reports.reporter"])} <= BASE


@pytest.mark.parametrize(
    ("library", "home_module"),
    [
        ("rich", {"reports.console"}),
        ("subprocess", {"files.worker"}),
        ("simplejpeg", {"engine.codecs.turbo"}),
        ("ajpegli", {"engine.codecs.jpegli"}),
        ("mozjpeg_lossless_optimization", {"engine.codecs.mozjpeg"}),
        ("pyjpegli", {"engine.codecs.fallback"}),
        (
            "PIL",
            {
                "engine.codecs",
                "engine.codecs.fallback",
                "engine.colour.tables",
                "pictures.canvas",
                "pictures.heatmap",
                "pictures.side_by_side",
                "pictures.views",
            },
        ),
        ("boto3", {"aws.connection"}),
        ("aws_lambda_powertools", {"aws.telling"}),
        ("multiprocessing", set()),
        ("concurrent", set()),
        ("sqlite3", {"files.ledger", "files.history", "files.transaction"}),
    ],
)
def test_a_library_is_imported_in_one_place(modules, library, home_module):
    assert importers(modules, library) == home_module


def test_only_the_command_line_speaks_click(modules):
    assert {name.split(".")[0] for name in importers(modules, "click")} == {"cli"}


def test_only_the_room_for_s3_speaks_to_aws(modules):
    assert {name.split(".")[0] for name in importers(modules, "botocore")} == {"aws"}


@pytest.mark.parametrize("library", ["starlette", "uvicorn", "sse_starlette", "zipstream"])
def test_only_the_web_app_speaks_http(modules, library):
    assert {name.split(".")[0] for name in importers(modules, library)} == {"web"}


def test_only_the_cluster_speaks_dask(modules):
    assert {name.split(".")[0] for name in importers(modules, "distributed")} == {"cluster"}


def test_only_the_worker_starts_processes(modules):
    starts = re.compile(r"\bos\.(fork|forkpty|spawn\w+|posix_spawn\w*|exec\w+|system|popen)\(")
    assert [name for name, module in modules.items() if starts.search(module.text)] == []
