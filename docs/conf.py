"""How Sphinx builds these pages: `make docs`. The pages run their own code; see `_ext/`."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "flipslide"
author = "the flipslide developers"
copyright = "2026, the flipslide developers"
release = version = version_of("flipslide")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton", "flipslide_docs"]
exclude_patterns = ["_build", "_ext"]
nitpicky = True
# What docstrings call their arguments, and other libraries' names: words, not links.
nitpick_ignore_regex = [("py:.*", r"(?!fs\.|flipslide\.).*")]

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_fence_as_directive = ["python", "console"]
myst_heading_anchors = 3
# Pages quote code.
smartquotes = False
html_math_renderer = "mathml"

autodoc_member_order = "bysource"
autodoc_typehints = "none"
# Their pages are made without them.
autodoc_mock_imports = ["jax", "torch"]
napoleon_google_docstring = False
napoleon_use_rtype = False

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
copybutton_selector = "div:not(.output) > div.highlight > pre"

html_theme = "pydata_sphinx_theme"
html_title = "flipslide"
html_static_path = ["_static"]
html_show_sourcelink = False
html_theme_options = {
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    # Chapters are read from the top, and their pictures need the room.
    "secondary_sidebar_items": {"reference/*": ["page-toc"]}
    | {page: [] for page in ("[!r]*", "index", "search", "genindex", "py-modindex")},
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_context = {"default_mode": "auto"}
