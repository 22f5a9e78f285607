"""``from fa_engine import ...``: the names are there, and PyTorch only for who asks for one."""

from __future__ import annotations

import subprocess
import sys

import pytest

import fa_engine
from fa_engine import public

CODE = """
import sys
import fa_engine
assert "torch" not in sys.modules
from fa_engine import *
print(*sorted(name for name in dir() if name in fa_engine.__all__))
assert "torch" in sys.modules
assert "scipy" not in sys.modules  # half as long again, for every worker that begins
"""


def test_names_are_there_and_torch_is_not_before_one_is_asked_for() -> None:
    said = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert said.stdout.split() == sorted(public.__all__)
    assert {"RunConfig", "Trainer", "SCHEMES"} <= set(dir(fa_engine))


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    assert fa_engine.RunConfig is public.RunConfig
    with pytest.raises(AttributeError, match="'fa_engine' has no attribute 'Trainr'"):
        _ = fa_engine.Trainr
    with pytest.raises(ImportError):
        from fa_engine import Trainr  # noqa: F401
