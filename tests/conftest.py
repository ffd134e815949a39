"""The whole suite runs without a network, with caches of its own, on one thread."""

import os
import socket
import tempfile

_caches = tempfile.mkdtemp(prefix="hf_augment_tests_")
os.environ.update(
    {
        "HF_HOME": _caches,
        "HF_DATASETS_CACHE": os.path.join(_caches, "datasets"),
        "HF_AUGMENT_CACHE": os.path.join(_caches, "hf_augment"),
        "HF_AUGMENT_REMEMBER": "0",  # a remembered text would equal itself, whatever the code does
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
        "NO_PROXY": "*",  # the servers of the tests are on loopback, where the proxy of a company is not
        "no_proxy": "*",
        "OMP_NUM_THREADS": "1",  # two threads on two busy cores are slower than one
        "TOKENIZERS_PARALLELISM": "false",
    }
)

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

# The same examples each time, and no clock: a rare one is looked for with the soak, not met by whoever changes something.
settings.register_profile(
    "default", deadline=None, max_examples=100, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("soak", deadline=None, max_examples=4000)  # HYPOTHESIS_PROFILE=soak pytest tests/...
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

_connect = socket.socket.connect


def _connect_locally(self, address):
    # AF_UNIX is how the workers of Dataset.map talk, loopback how torchrun and test servers do.
    if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise OSError(f"Tests have no network, and this one asked for {address!r}.")
    return _connect(self, address)


@pytest.fixture(autouse=True, scope="session")
def no_network():
    socket.socket.connect = _connect_locally
    yield
    socket.socket.connect = _connect


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    import torch

    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def one_environment(monkeypatch):
    # `Dataset.map(num_proc=...)` puts a copy in the place of `os.environ`, and what a test set would stay for all others.
    monkeypatch.setattr(os, "environ", os.environ)


def pytest_sessionfinish(session, exitstatus):
    import shutil

    shutil.rmtree(_caches, ignore_errors=True)
