"""How the documentation is built: Sphinx, MyST and the bibliography that travels with the numbers."""

from __future__ import annotations

import pulposus

project = "Pulposus"
author = "The Pulposus authors"
copyright = "2026, the Pulposus authors"
release = version = pulposus.__version__

extensions = ["myst_parser", "sphinx.ext.mathjax", "sphinxcontrib.bibtex"]
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

# The keys in the evidence tables are the keys cited here; sources of methods, which give no number, stand beside.
bibtex_bibfiles = ["../src/pulposus/evidence/sources.bib", "methods.bib"]
# An entry holds what was seen of its source, which for an abstract or a table may be less than a style would like.
suppress_warnings = ["bibtex.missing_field"]
bibtex_default_style = "unsrt"
bibtex_reference_style = "author_year"

html_theme = "furo"
html_title = "Pulposus"
html_static_path = ["_static"]
