"""What the Makefile and containers run, and what drives a served dashboard."""
