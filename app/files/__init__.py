"""Runs as files: what they have measured and what they are, for other programs and for people."""

from __future__ import annotations
