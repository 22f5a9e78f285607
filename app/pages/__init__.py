"""The pages: each a plain layout and the callbacks it needs, registered by the app factory."""

from app.pages.base import Context, Page
from app.pages.claims import CLAIMS
from app.pages.compare import COMPARE
from app.pages.plane import PLANE
from app.pages.report import REPORT
from app.pages.runs import RUNS
from app.pages.stability import STABILITY
from app.pages.studies import STUDIES
from app.pages.system import SYSTEM
from app.pages.train import TRAIN
from app.pages.walk import WALK

PAGES = (TRAIN, RUNS, COMPARE, STUDIES, STABILITY, WALK, PLANE, CLAIMS, REPORT, SYSTEM)

__all__ = ["PAGES", "Context", "Page"]
