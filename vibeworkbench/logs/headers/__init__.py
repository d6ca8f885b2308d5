"""Headers of log lines: when, how serious, by whom; and the message that remains. No configuration.

stamps.py     how instants are written, each way once
cells.py      the beginning of a line cut into cells
forms.py      one form of a header: a pattern, and what its groups mean
catalogue.py  forms that are known by name
pairs.py      JSON and logfmt
learning.py   forms learned from many lines
layout.py     the layout of a source: its forms
instants.py   the first instant of a line that nothing is known of
"""

from vibeworkbench.logs.headers.forms import Form, Parsed
from vibeworkbench.logs.headers.layout import Layout, layouts_of

__all__ = ["Form", "Layout", "Parsed", "layouts_of"]
