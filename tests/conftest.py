"""What all tests share."""

import os
from pathlib import Path

import pytest
import shapes
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

# Several processes, each with a thread per core, slow each other down. Set before anything imports
# torch; the processes that tests start inherit it.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

# The tests have databases, ports and folders of their own, whatever is set where they are run. Data
# sets are only read.
for _variable in [name for name in os.environ if name.startswith("FA_")]:
    if _variable not in ("FA_DATA_DIR", "FA_GOLDEN_DIR", "FA_TEST_DATABASE_URL"):
        del os.environ[_variable]

# Generated cases are the same ones in every run: a run that is red has a cause in what was changed,
# and none in chance. `make thorough` looks for new ones; what it finds stays as an @example.
# A busy machine is no fault of a test, so that neither a case nor its making has a time limit.
_patient = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("same", derandomize=True, **_patient)
settings.register_profile("search", max_examples=3000, print_blob=True, **_patient)
settings.load_profile("same")

# The engine's shapes are checked while testing, and only then: before anything imports it.
install_import_hook("fa_engine", "shapes.checked")

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _shapes():
    """The shapes of this test's first calls are checked, whatever was called before it."""
    shapes.check_anew()


@pytest.fixture(scope="session")
def mnist_dir():
    """A data directory with the complete MNIST; tests that need it skip where there is none."""
    beside = HERE.parents[1] / "shared" / "data"
    for candidate in (os.environ.get("FA_DATA_DIR"), beside):
        if candidate and Path(candidate, "mnist").is_dir():
            return Path(candidate)
    pytest.skip("no MNIST: set FA_DATA_DIR to the folder that holds mnist/")


# What these files make once for all of their tests takes seconds: a site, a wheel, a run.
MADE_ONCE = (
    "test_docs_site",
    "test_examples",
    "test_package",
    "test_readme",
    "test_setup",
    "test_with_plugins",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Says what pytest-xdist must not run side by side.

    A file that drives a dashboard, a worker or a browser stays together, in one process, which has
    one of each for all of its files: those that have most tests begin first, and a process that is
    free takes the next. What is made once for a file is not made in every process. And there is
    one PostgreSQL server at most.
    """
    for item in items:
        folder = item.path.relative_to(HERE).parent
        if folder in (Path("browser"), Path("app/worker")) or item.path.stem in MADE_ONCE:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
        elif "postgresql" in item.name:
            item.add_marker(pytest.mark.xdist_group("postgresql"))
