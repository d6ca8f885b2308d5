"""Imported before anything else by processes of ours: spares them what their libraries import and nobody here needs.

jsonschema, which notebooks are checked with, compiles a grammar of internationalised addresses when it is imported, if
the package ``rfc3987_syntax`` is there: two seconds of CPU at each start of a server and each render of a dashboard. No
schema of ours, of Jupyter's notebooks or of its events asks for that format; without the package jsonschema leaves it
unchecked.

Source: python-jsonschema/jsonschema pull requests 1388 and 1521.
"""

from __future__ import annotations

import sys

if "jsonschema" not in sys.modules:
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]  # to import it is an ImportError, which is caught
