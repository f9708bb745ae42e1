"""Builds the metric kernel where a C compiler is present; installs without it elsewhere."""

import sys

from setuptools import Extension, setup

METRIC = "jpegslim/engine/metric"

setup(
    ext_modules=[
        Extension(
            "jpegslim.engine.metric._kernel",
            sources=[f"{METRIC}/kernel.c"],
            depends=[f"{METRIC}/kernel_{part}.h" for part in ("lanes", "lookup", "scan")],
            # The kernel picks its instruction set at run time: no -march here.
            extra_compile_args=["/O2"] if sys.platform == "win32" else ["-O3", "-g0"],
            define_macros=[("Py_LIMITED_API", "0x030B0000")],
            py_limited_api=True,
            # A machine without a compiler gets the NumPy reference, and one warning line.
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
