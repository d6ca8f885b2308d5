"""The bundles of the front end: compressed when they were built, and kept by browsers as long as they are the same."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from jupyter_server.base.handlers import FileFindHandler

_GZIP = ".gz"


class BundleHandler(FileFindHandler):
    """A file from the folder of bundles; what is sent is its compressed neighbour, if the client takes that."""

    _static_paths = {}  # noqa: RUF012 - one for the class, as in the base
    """Where which name was found. Jupyter's own table is one for all extensions, whose files may bear our names."""

    def validate_absolute_path(self, root: str, absolute_path: str) -> str | None:
        """The file that is sent.

        Raises:
            HTTPError: There is no such file among the bundles (403, 404).
        """
        return super().validate_absolute_path(root, self._chosen(absolute_path))

    def _chosen(self, path: str) -> str:
        if not path or not takes_gzip(self.request.headers.get("Accept-Encoding", "")):
            return path
        file, compressed = Path(path), Path(path + _GZIP)
        # Whoever builds with --watch has older compressed files beside the new ones.
        is_fresh = compressed.is_file() and file.is_file() and compressed.stat().st_mtime >= file.stat().st_mtime
        return str(compressed) if is_fresh else path

    def get_content_type(self) -> str:
        """That of the file, compressed or not."""
        known, _ = mimetypes.guess_type((self.absolute_path or "").removesuffix(_GZIP))
        return known or "application/octet-stream"

    def set_extra_headers(self, path: str) -> None:
        """Caches between us and the browser keep both forms apart."""
        self.set_header("Vary", "Accept-Encoding")
        if (self.absolute_path or "").endswith(_GZIP):
            self.set_header("Content-Encoding", "gzip")


def takes_gzip(accepted: str) -> bool:
    """Whether a client that says ``Accept-Encoding: accepted`` takes gzip (RFC 9110, 12.5.3)."""
    weights: dict[str, float] = {}
    for part in accepted.lower().split(","):
        coding, _, rest = part.partition(";")
        weight = rest.strip().removeprefix("q=").strip()
        weights[coding.strip()] = float(weight) if weight.replace(".", "", 1).isdigit() else 1.0
    return weights.get("gzip", weights.get("*", 0.0)) > 0
