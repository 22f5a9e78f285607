"""Builds the documentation into ``site/``: `make docs`. A warning is an error.

Documents are taken as they are, README as the start, and what is made from the code is made anew
(scripts/reference.py). Nothing is asked of the network, neither here nor by the pages.
"""

from __future__ import annotations

import ast
import re
import shutil
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import build_main

from scripts import reference
from scripts.rst import escaped, heading

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "site"
DOCUMENTS = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "SECURITY.md": "SECURITY.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "docs/MATH.md": "docs/MATH.md",
    "docs/EXTENDING.md": "docs/EXTENDING.md",
    "docs/reproduction.md": "docs/reproduction.md",
    "benchmarks/README.md": "benchmarks/README.md",
}
"""Which file of the repository is which of the site: beside one another as there, so that their
links hold."""
TREE = """
```{toctree}
:hidden:
:caption: Read

The start <self>
docs/MATH
docs/EXTENDING
docs/reproduction
examples/index
benchmarks/README
```

```{toctree}
:hidden:
:caption: Look up

reference/index
```

```{toctree}
:hidden:
:caption: Take part

CONTRIBUTING
SECURITY
CHANGELOG
```
"""


def lay_out(folder: Path) -> None:
    """Writes the sources of the site into an empty folder."""
    for source, target in DOCUMENTS.items():
        text = (ROOT / source).read_text()
        if target == "index.md":
            text += TREE
        text = re.sub(r"\]\((\.\./)?README\.md", r"](\1index.md", text)
        text = re.sub(r"\]\((\.\./)?examples\)", r"](\1examples/index.rst)", text)
        write(folder / target, text)
    shutil.copytree(ROOT / "docs" / "images", folder / "docs" / "images")
    shutil.copytree(ROOT / "docs" / "_static", folder / "_static")
    shutil.copy(ROOT / "assets" / "favicon.ico", folder / "_static")
    shutil.copy(ROOT / "docs" / "conf.py", folder)
    for name, text in reference.pages().items():
        write(folder / "reference" / f"{name}.rst", text)
    shown = folder / "examples"
    shown.mkdir()
    write(shown / "index.rst", examples(shown))


def examples(folder: Path) -> str:
    """Every example as it stands, under its own first sentence; copies them into a folder."""
    parts = [
        heading("Examples", "="),
        "Each runs by itself: ``python examples/own_scheme.py``.\n",
    ]
    for path in sorted((ROOT / "examples").glob("*.py")):
        shutil.copy(path, folder)
        told = ast.get_docstring(ast.parse(path.read_text())) or ""
        parts += [
            heading(path.name, "-"),
            escaped(told.split("\n\n")[0]) + "\n",
            f".. literalinclude:: {path.name}\n   :language: python\n",
        ]
    return "\n".join(parts)


def write(path: Path, text: str) -> None:
    """Writes a file, and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def build(laid: Path, site: Path) -> int:
    """Builds the site anew from sources that are laid out; Sphinx's exit status, 0 where there was
    nothing to warn of."""
    shutil.rmtree(site, ignore_errors=True)
    with tempfile.TemporaryDirectory() as kept:
        strictly = ["--fail-on-warning", "--fresh-env", "--quiet"]
        return build_main([*strictly, "-b", "html", "-d", kept, str(laid), str(site)])


def main() -> int:
    """Builds into ``site/``, or into the folder that is named."""
    site = Path(sys.argv[1]) if sys.argv[1:] else SITE
    with tempfile.TemporaryDirectory() as laid:
        lay_out(Path(laid))
        status = build(Path(laid), site)
    if status == 0:
        print(f"{site / 'index.html'} opens in a browser, without a server")
    return status


if __name__ == "__main__":
    sys.exit(main())
