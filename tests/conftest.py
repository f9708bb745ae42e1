import pytest


@pytest.fixture(scope="session", autouse=True)
def state_of_its_own(tmp_path_factory):
    """Keep the ledger and the locks of every run in the tests out of the user's state folder."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
            patch.setenv(name, str(tmp_path_factory.mktemp("state")))
        yield
