"""Fuzz harnesses: any bytes in, a value or a FileError out, and the laws hold.

Each harness is a module with `seeds()`, `DICTIONARY` and `check(data)`; `check` raises LawBroken,
or whatever the code under test raised that it must not. See docs/fuzzing.md.
"""
