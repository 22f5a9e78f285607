"""What all tests share."""

import os

# Several processes, each with a thread per core, slow each other down. Set before anything imports
# torch; the processes that tests start inherit it.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")
