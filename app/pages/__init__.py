"""The pages: each a plain layout and the callbacks it needs, registered by the app factory."""

from app.pages.base import Context, Page
from app.pages.plane import PLANE
from app.pages.train import TRAIN

PAGES = (TRAIN, PLANE)

__all__ = ["PAGES", "Context", "Page"]
