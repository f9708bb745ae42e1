import inspect
import sys

import pytest


@pytest.fixture
def deep():
    """Names of folders one in the other, more than Python could now visit by recursion."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 150)
    yield ["d"] * 250
    sys.setrecursionlimit(limit)
