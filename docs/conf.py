"""How Sphinx builds these pages: `sphinx-build docs docs/_build`."""

from __future__ import annotations

from importlib.metadata import version as version_of

project = "flipslide"
author = "the flipslide developers"
copyright = "2026, the flipslide developers"
release = version = version_of("flipslide")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
