"""What Sphinx makes the documentation with: `make docs`. scripts/docs.py lays the sources out."""

from __future__ import annotations

import inspect
import re
from typing import Any

from docutils import nodes
from pydantic import BaseModel
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.inspect import stringify_signature

from fa_engine import public

project = "Feedback alignment"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
language = "en"
exclude_patterns: list[str] = []

# Every name that a docstring refers to has to be there.
nitpicky = True

myst_heading_anchors = 3  # README and CONTRIBUTING refer to headings, as GitHub names them

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_class_signature = "mixed"
autodoc_typehints = "none"  # see as_written
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
add_module_names = False
napoleon_numpy_docstring = False
napoleon_attr_annotations = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "Feedback alignment"
html_static_path = ["_static"]
html_css_files = ["docs.css"]
html_favicon = "_static/favicon.ico"
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#1971c2",
        "color-brand-content": "#1971c2",
        "color-brand-visited": "#1971c2",
    },
    "dark_css_variables": {
        "color-brand-primary": "#5caaf5",
        "color-brand-content": "#5caaf5",
        "color-brand-visited": "#5caaf5",
    },
}


def as_written(
    _app: Sphinx, what: str, _name: str, value: Any, _options: object, *_found: object
) -> tuple[str, str] | None:
    """A signature with the types that stand in the source: `Float[Tensor, "N c"]`, where evaluating
    it would show what a shape is made of. Names of the top become links."""
    is_model = inspect.isclass(value) and issubclass(value, BaseModel)
    if what not in ("class", "function", "method") or is_model:
        return None
    signature = inspect.signature(value)
    parameters = list(signature.parameters.values())
    if what == "method" and parameters and parameters[0].name == "self":
        parameters = parameters[1:]
    parameters = [one.replace(annotation=linked(one.annotation)) for one in parameters]
    shown = signature.replace(parameters=parameters, return_annotation=signature.empty)
    returned = linked(signature.return_annotation)
    has_result = returned not in (signature.empty, "None") and what != "class"
    return stringify_signature(shown), returned if has_result else ""


def linked(annotation: Any) -> Any:
    """An annotation in words, with the names of the top by their whole path."""
    if not isinstance(annotation, str):
        return annotation
    return re.sub(
        r'(?<![\w."])[A-Z]\w+(?![\w.])',
        lambda found: f"fa_engine.{found[0]}" if found[0] in public.__all__ else found[0],
        annotation,
    )


def elsewhere(
    _app: Sphinx, _env: object, node: pending_xref, contnode: nodes.Element
) -> nodes.Element | None:
    """Types of other packages stand without a link: their pages are on other hosts. What docstrings
    refer to by a role is looked for all the same."""
    target = str(node.get("reftarget", ""))
    in_signature = isinstance(contnode, nodes.Text)
    return contnode if in_signature or target.startswith("pydantic.") else None


def to_documents(
    _app: Sphinx, _what: str, _name: str, _value: Any, _options: object, lines: list[str]
) -> None:
    """What a docstring says of a document leads there."""
    lines[:] = [re.sub(r"docs/(MATH|EXTENDING)\.md", r":doc:`/docs/\1`", line) for line in lines]


def setup(app: Sphinx) -> None:
    """What Sphinx calls."""
    app.connect("autodoc-process-signature", as_written)
    app.connect("autodoc-process-docstring", to_documents)
    app.connect("missing-reference", elsewhere)
