"""Messages as a person is shown them: names of files, and nothing of where they lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.shown import without_folders

DATA = Path("/srv/fa data (lab)")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            f"{DATA}/mnist/t10k.gz is damaged: not a gzip file.",
            "t10k.gz is damaged: not a gzip file.",
        ),
        (f"t10k.gz is not in {DATA}/mnist and could not", "t10k.gz is not in mnist and could not"),
        (f"{DATA} cannot be read", "fa data (lab) cannot be read"),
        (
            'No such file or directory: "/var/lib/fa/checkpoints/k3/9.safetensors"',
            'No such file or directory: "9.safetensors"',
        ),
        ("[Errno 28] No space left: '/tmp/x/y.part'", "[Errno 28] No space left: 'y.part'"),
        ("Tried: https://a.example/b/c.gz: no", "Tried: https://a.example/b/c.gz: no"),
        ("1/√(fan-in) of 3/4, and/or ./a/b", "1/√(fan-in) of 3/4, and/or ./a/b"),
    ],
)
def test_files_are_named_without_their_folders(said: str, shown: str) -> None:
    assert without_folders(said, DATA) == shown
