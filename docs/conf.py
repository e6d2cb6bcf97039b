"""How the site is built from the pages: `make docs`."""

import sys
from pathlib import Path

import django
from django.conf import settings

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # for the extensions, wherever Sphinx is started

# Django's integration can only be imported in a project.
settings.configure(
    INSTALLED_APPS=[
        "iron_session.integrations.django",
        "django.contrib.auth",
        "django.contrib.contenttypes",
    ]
)
django.setup()

project = "iron-session for Python"
author = "The iron-session for Python authors"
project_copyright = author
language = "en"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "docs.extensions.accessible",
    "docs.extensions.docstrings",
    "docs.extensions.outside",
    "docs.extensions.sources",
]
# README.md is the index for those who read the pages on GitHub; index.md includes it.
exclude_patterns = ["_build", "README.md", "reference/benchmarks", "extensions", "inventories"]

myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4  # named as GitHub names them

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_maximum_signature_line_length = 76
default_role = "code-or-name"

# The names of Python that our docstrings use. No page of another site is fetched.
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", str(ROOT / "docs" / "inventories" / "python.inv"))
}

nitpick_ignore_regex = [
    # Types of libraries.
    ("py:class", r"(aiohttp|django|flask|litestar|quart|redis|sanic|starlette|werkzeug)\..+"),
    ("py:class", "Engine|MetaData|Request|ResponseTypes|Scopes|WSGIApplication|WSGIEnvironment"),
    ("py:class", "Websocket|datetime"),
    # Variables of types, and names that signatures show and nobody imports.
    ("py:class", r"(iron_session\..+\.)?([AFHT]|Tx|Handler|Accept|Key|KeySource|Migrate|UserOf)"),
    ("py:class", r"(iron_session\..+\.)?(Connection|Ledger|RequestHead|Revoker|Seconds|SetCookie)"),
    ("py:class", r"(iron_session\..+\.)?(Identified|KeptSeals|PendingEnding|Schema|Store|Watch)"),
    ("py:class", r"(iron_session\..+\.)?(EndingInProgress|NativeKey|UnsealErrorHook|UnsealHook)"),
    ("py:class", r"iron_session\..+\.(_Connection|DjangoLedger|SqliteLedger|_\w+Ledger)"),
    ("py:class", r"iron_session\.revocation\.files\.DatabaseFile"),
    ("py:class", r"_time\.Seconds"),
    ("py:class", r"iron_session\.http\..+\.(CookieHead|ResponseHeaders)"),
]

html_theme = "furo"
html_title = project
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {"sidebar_hide_name": False}
pygments_style = "a11y-high-contrast-light"
pygments_dark_style = "a11y-high-contrast-dark"
copybutton_exclude = ".linenos, .gp"
