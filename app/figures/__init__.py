"""Figures: data in, plotly Figure out. Pure functions that never touch the store."""

from app.figures.training import CHART_CONFIG, Control, History, training_figure

__all__ = ["CHART_CONFIG", "Control", "History", "training_figure"]
