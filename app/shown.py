"""What a person is shown of a message that was made for a log: files by their names alone.

Where they lie says something of the server and nothing to whoever trains on it; the log has it.
"""

from __future__ import annotations

import re
from pathlib import Path

# Two names at least, and no part of an address or of a fraction.
_PATH = re.compile(r"""(?<![\w:/.~>])/(?:[^\s/:'",;()]+/)+([^\s/:'",;()]*)""")
_BELOW = r"""(?:/[^\s/'":;]+(?=/))*/?"""


def without_folders(text: str, *folders: Path) -> str:
    """``text`` with the names of files in place of their paths.

    Args:
        text: a message.
        folders: whose paths may have spaces in them, or anything else.
    """
    for folder in sorted(map(str, folders), key=len, reverse=True):
        if len(folder) > 1:
            below = re.compile(re.escape(folder) + "(?=/)" + _BELOW)
            text = below.sub("", text)
            text = text.replace(folder, Path(folder).name)
    return _PATH.sub(lambda found: found[1] or Path(found[0]).name, text)
