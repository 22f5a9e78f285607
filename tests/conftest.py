"""What all tests share."""

import os

# Several processes, each with a thread per core, slow each other down. Set before anything imports
# torch; the processes that tests start inherit it.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

# The tests have databases, ports and folders of their own, whatever is set where they are run. Data
# sets are only read.
for _variable in [name for name in os.environ if name.startswith("FA_")]:
    if _variable not in ("FA_DATA_DIR", "FA_GOLDEN_DIR", "FA_TEST_DATABASE_URL"):
        del os.environ[_variable]
