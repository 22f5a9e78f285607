"""A chart as PDF: a page of its size, lines as lines and words as words.

typst draws it, with a typeface that is installed with it, so that it looks alike everywhere. An SVG
is a stranger's: it is drawn in a process of its own, where one that takes too long, or more memory
than there is, brings down nobody else; typst reads no file for it but those of a folder that holds
nothing else, and asks no network.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from threading import BoundedSemaphore

MOST_S = 20
"""Seconds that one may take; the largest of ours takes half a one."""

_MOST_BYTES = 2**31  # of memory
_AT_ONCE = 2
_REFUSED = 3  # the status of a process that says why not; 1 is that of any other error
_SAID = 300  # letters of why not
_LOGGED = 2000
_BESIDE_EXPONENTS = "\u200b".encode()  # a space of no width, as plotly has it
_CHART, _PAGE = "chart.svg", "page.typ"
_PAGE_TEXT = f'#set page(width: auto, height: auto, margin: 0pt)\n#image("{_CHART}")'

_places = BoundedSemaphore(_AT_ONCE)  # of this process: its threads have other things to do


class NoPicture(ValueError):
    """It is no SVG that can be drawn; why is its message."""


class Busy(RuntimeError):
    """None can be drawn now; the message says why."""


def as_pdf(svg: bytes) -> bytes:
    """The PDF of an SVG, one page of 3/4 of a point for each of its pixels.

    Raises:
        NoPicture: it cannot be drawn.
        Busy: too many are being drawn.
    """
    if not _places.acquire(blocking=False):
        raise Busy("Other charts are being made into PDF. Try again in a moment.")
    try:
        with tempfile.TemporaryDirectory() as folder:  # here: it is gone whatever becomes of it
            # The typeface has one glyph for it and for spaces, which would be read as it then.
            Path(folder, _CHART).write_bytes(svg.replace(_BESIDE_EXPONENTS, b""))
            Path(folder, _PAGE).write_text(_PAGE_TEXT)
            return _elsewhere(folder)
    finally:
        _places.release()


def _elsewhere(folder: str) -> bytes:
    # -P: this file's neighbours are no modules of what it imports.
    asked = [sys.executable, "-P", __file__, folder]
    try:
        found = subprocess.run(asked, capture_output=True, timeout=MOST_S, check=False)
    except subprocess.TimeoutExpired:
        raise NoPicture(f"it takes longer than {MOST_S} s") from None
    if found.returncode == _REFUSED:
        raise NoPicture(found.stderr.decode(errors="replace").strip()[:_SAID])
    if found.returncode < 0:  # a signal: over one of the limits
        raise NoPicture("it takes too much memory or time")
    if found.returncode:
        from app.logs import logger  # here: as a program this file knows nothing of the others

        said = found.stderr.decode(errors="replace")[-_LOGGED:]
        logger(__name__).error("no PDF can be made", said=said)
        raise Busy("No PDF can be made here now; the log of the server says why.")
    return found.stdout


def _drawn(folder: Path) -> bytes:
    import typst  # here: the server itself has no use for them
    from font_source_sans_pro import font_directory

    fonts = typst.Fonts(font_paths=[font_directory], include_system_fonts=False)
    return typst.compile(folder / _PAGE, root=folder, font_paths=fonts, format="pdf")


def _limit() -> None:
    with suppress(ImportError):  # Windows has none
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (MOST_S, MOST_S))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _main() -> int:
    _limit()
    try:
        sys.stdout.buffer.write(_drawn(Path(sys.argv[1])))
    except (RuntimeError, MemoryError) as error:  # typst's own, and the limit
        sys.stderr.write(str(error) or "it takes too much memory")
        return _REFUSED
    return 0


if __name__ == "__main__":
    raise SystemExit(_main())
