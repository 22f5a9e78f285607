"""Runs as files for other programs: what they have measured, and what they are."""
