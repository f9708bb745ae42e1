"""What no source file does: reach outside its room, grow without end, hide what it is for."""

import ast
import keyword
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
LONGEST = 450
VAGUE = {"utils", "util", "helpers", "helper", "misc", "common", "tools"}
# Named so by the language, not by us.
DUNDER = re.compile(r"__\w+__")
# What opens files, starts programs or talks to the world.
WORLDLY = {"subprocess", "os", "pathlib", "shutil", "socket", "tempfile", "logging", "threading"}


def engine(modules):
    return {name: module for name, module in modules.items() if name.split(".")[0] == "engine"}


def test_the_engine_imports_nothing_that_touches_the_world(modules):
    touching = {
        name: sorted({each.split(".")[0] for each in module.imported()} & WORLDLY)
        for name, module in engine(modules).items()
    }
    assert {name: found for name, found in touching.items() if found} == {}


def test_the_engine_opens_no_file_and_prints_nothing(modules):
    calling = {
        name: sorted(module.called() & {"open", "print", "input", "exec", "eval"})
        for name, module in engine(modules).items()
    }
    assert {name: found for name, found in calling.items() if found} == {}


def test_the_engine_changes_no_global_state(modules):
    changing = {
        name
        for name, module in engine(modules).items()
        if any(isinstance(node, ast.Global) for node in ast.walk(module.tree))
    }
    assert changing == set()


def test_nothing_prints_but_through_the_reports_and_the_command_line(modules):
    printing = {
        name.split(".")[0] for name, module in modules.items() if "print" in module.called()
    }
    assert printing == set()


def test_modules_are_named_for_what_they_hold(modules):
    parts = {part for name in modules for part in name.split(".") if part}
    assert parts & VAGUE == set()


def test_no_module_has_a_name_that_python_uses(modules):
    parts = {part for name in modules for part in name.split(".") if not DUNDER.fullmatch(part)}
    assert parts & set(keyword.kwlist) == set()
    # The one word for what is in there; only ever imported by its full name.
    assert parts & sys.stdlib_module_names <= {"codecs"}


def test_every_file_is_short_enough_to_read(modules):
    lengths = {name: module.text.count("\n") for name, module in modules.items()}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST} == {}


def test_every_module_and_package_says_what_it_is_for(modules):
    assert [name for name, module in modules.items() if not ast.get_docstring(module.tree)] == []


def test_no_text_of_the_project_names_a_place_on_somebodys_machine():
    folders = ("home", "Users", "root", "work", "opt")
    place = re.compile(rf"(?<![\w.$/*])/({'|'.join(folders)})/[\w.]", re.ASCII)
    named = []
    for path in _texts():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if place.search(line):
                named.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert named == []


def _texts():
    kinds = {".py", ".c", ".h", ".md", ".toml", ".yml", ".yaml", ".pyi", ".cfg"}
    for top in ("jpegslim", "tests", "fuzz", "benchmarks", "docs", "examples", ".ci", ".github"):
        yield from (path for path in (ROOT / top).rglob("*") if path.suffix in kinds)
    yield from (path for path in ROOT.glob("*") if path.suffix in kinds)
