import subprocess
import sys

from jpegslim.version import VERSION

HEAVY = (
    "numpy",
    "PIL",
    "rich",
    "ajpegli",
    "simplejpeg",
    "mozjpeg_lossless_optimization",
    "sqlite3",
)


def test_the_version_names_what_is_in_use(invoke):
    first, *rest = invoke("--version").stdout.splitlines()
    assert first == f"jpegslim {VERSION}"
    roles = dict(line.split(maxsplit=1) for line in rest)
    assert set(roles) == {"encoder", "decoder", "lossless", "metric", "python"}
    assert roles["metric"].startswith("SSIMULACRA2 2.1, ")


def test_the_version_agrees_with_the_metric(invoke):
    from jpegslim.engine import metric

    (line,) = [line for line in invoke("--version").stdout.splitlines() if "SSIMULACRA2" in line]
    assert ("C kernel" in line) == metric.implementation().startswith("C kernel")


def test_version_and_help_import_nothing_heavy():
    script = f"""
import sys
from jpegslim.cli import program
for arguments in (["--version"], ["--help"], ["optimize", "--help"], ["compare", "--help"]):
    try:
        program.main(arguments)
    except SystemExit as ending:
        assert ending.code == 0, arguments
heavy = [name for name in {HEAVY!r} if name in sys.modules]
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)


def test_the_module_runs_as_a_program():
    answer = subprocess.run(
        [sys.executable, "-m", "jpegslim", "--version"], check=True, capture_output=True, text=True
    )
    assert answer.stdout.startswith(f"jpegslim {VERSION}\n")
    assert answer.stderr == ""
