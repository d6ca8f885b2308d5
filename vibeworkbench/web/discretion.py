"""What no log may hold: secrets that requests bring along in their addresses.

Our own handlers log no query. Tornado's and those of other extensions do, whenever they refuse or fail.
"""

from __future__ import annotations

import logging
import re

from vibeworkbench.access.model import TOKEN_PREFIX

_PARAMETER = re.compile(r"([?&](?:token|_xsrf)=)[^&\s'\"#]+")
_TOKEN = re.compile(rf"{TOKEN_PREFIX}[A-Za-z0-9_-]{{8,}}")


def without_secrets(text: str) -> str:
    """``text`` with dots in the place of every token, in an address or alone."""
    return _TOKEN.sub(f"{TOKEN_PREFIX}...", _PARAMETER.sub(r"\1...", text))


class Discretion(logging.Filter):
    """Lets every record pass, without the secrets in its message."""

    def filter(self, record: logging.LogRecord) -> bool:
        """True; the record's message holds no secret."""
        try:
            said = record.getMessage()
        except (TypeError, ValueError):  # whoever writes the record says that its arguments do not fit
            return True
        kept = without_secrets(said)
        if kept != said:
            record.msg, record.args = kept, ()
        return True


def keep_from_logs(logger: logging.Logger) -> None:
    """Nothing that is written by way of ``logger``, for its children either, holds a secret of a request."""
    for handler in logger.handlers:
        if not any(isinstance(each, Discretion) for each in handler.filters):
            handler.addFilter(Discretion())
