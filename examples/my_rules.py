"""A plugin: everything in it can be chosen in the dashboard.

FA_PLUGINS=my_rules PYTHONPATH=examples python -m app
"""

# Each of these registers what it adds when it is imported.
import own_activation  # noqa: F401
import own_data  # noqa: F401
import own_experiment  # noqa: F401
import own_matrix  # noqa: F401
import own_measure  # noqa: F401
import own_scheme  # noqa: F401
