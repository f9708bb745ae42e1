"""What `--version` shows, without importing anything that is heavy."""

import platform
from collections.abc import Iterator
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path


def describe_versions() -> Iterator[str]:
    """Yield the program's version, then the libraries in use by role."""
    from jpegslim.engine.codecs import describe
    from jpegslim.version import VERSION

    yield f"jpegslim {VERSION}"
    roles = describe() | {"metric": f"SSIMULACRA2 2.1, {_metric()}", "python": _python()}
    width = max(map(len, roles))
    for role, library in roles.items():
        yield f"{role:{width}}  {library}"


def _metric() -> str:
    """Say which implementation `engine.metric` will choose.

    The package itself imports NumPy (0.1 s), so its kernel is looked for and loaded alone.
    """
    from jpegslim import engine

    folders = [str(Path(folder) / "metric") for folder in engine.__path__]
    spec = PathFinder.find_spec("_kernel", folders)
    if spec is None or spec.loader is None:
        return "NumPy (slow: the C kernel was not built)"
    try:
        kernel = module_from_spec(spec)
        spec.loader.exec_module(kernel)
    except ImportError:
        return "NumPy (slow: the C kernel does not load)"
    return f"C kernel ({kernel.paths()[0]})"


def _python() -> str:
    return f"{platform.python_version()} ({platform.python_implementation()})"
