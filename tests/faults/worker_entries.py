"""What the workers under test are told to do; a child imports it as `worker_entries`."""

import ctypes
import hashlib
import os
import re
import signal
import sys
import time
from pathlib import Path

from jpegslim.errors import BrokenJpeg, RunError


def obey(order, admit):
    """Carry out one order: a name, or a tuple of a name and its arguments."""
    name, *rest = order if isinstance(order, tuple) else (order,)
    return _ORDERS[name](admit, *rest)


def pid(admit):
    return os.getpid()


def echo(admit, value):
    admit(1.0)
    return value


def environment(admit, *names):
    return [os.environ.get(name) for name in names]


def raise_broken(admit):
    raise BrokenJpeg("is cut in half", reason="truncated")


def raise_run_error(admit):
    raise RunError("no space left")


def raise_bug(admit):
    raise ZeroDivisionError("two\nlines \x1b[31m")


def unpicklable(admit):
    return lambda: None


def segfault(admit):
    ctypes.string_at(0)


def mutter(admit):
    os.write(2, b"this one looked odd\n")
    time.sleep(0.1)


def abort_with_words(admit):
    os.write(2, b"free(): invalid \x1b[2Jpointer\n")
    os.abort()


def leave(admit, code):
    os._exit(code)


def spin(admit):
    admit(1.0)
    while True:
        pass


def spin_with_the_lock(admit):
    """Stay in C with the interpreter lock held: exponential backtracking."""
    re.match(r"(a+)+$", "a" * 60 + "b")


def spin_in_c(admit):
    """Stay in C without the lock."""
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)


def sleep(admit, seconds):
    time.sleep(seconds)
    return seconds


def hold(admit, megapixels, seconds):
    """Return when the picture was admitted and when it was done."""
    admit(megapixels)
    began = time.monotonic()
    time.sleep(seconds)
    return began, time.monotonic()


def swallow_memory(admit, megabytes, *, megapixels=1.0):
    if megapixels:
        admit(megapixels)
    return len(bytearray(megabytes << 20))


def swallow_memory_unasked(admit, megabytes):
    return swallow_memory(admit, megabytes, megapixels=None)


def shout(admit):
    os.write(1, b"\xff" * 100)
    sys.stdout.write("garbage " * 1000)
    sys.stdout.flush()
    return sys.stdin.read()


def descriptors(admit):
    return len(list(Path("/proc/self/fd").iterdir()))


def is_open(admit, descriptor, path):
    return Path(f"/proc/self/fd/{descriptor}").readlink() == Path(path)


def touch(admit, path):
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)


def die_of(admit, name):
    os.kill(os.getpid(), getattr(signal, name))
    time.sleep(60)


_ORDERS = {name: value for name, value in globals().items() if callable(value)}
