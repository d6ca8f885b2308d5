"""How a panel's JavaScript reaches the page: a loader of a few lines in the widget, the bundle from the server, cached.

The whole bundle in ``_esm`` would travel through the comm for every widget; the loader names the bundle by its hash, so
the browser fetches it once and a new release is never mixed with an old one.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from vibeworkbench.errors import NotFound

STATIC = Path(__file__).parent / "static"
"""Where the build puts the bundles and the server extension serves them from."""

_LOADER = """\
const page = document.getElementById("jupyter-config-data");
const base = page ? JSON.parse(page.textContent).baseUrl : document.body.dataset.vibeworkbenchBaseUrl ?? "/";
const path = `${base.replace(/\\/?$/, "/")}static/vibeworkbench/%(name)s.js?v=%(version)s`;
export default async () => {
  try {
    return (await import(new URL(path, document.baseURI))).default;
  } catch {
    return { render: ({ el }) => el.append("This panel needs a page of its own vibeworkbench server.") };
  }
};
"""


def loader(name: str) -> str:
    """An ES module that loads the bundle of one panel from the server behind the page.

    Args:
        name: The panel's name, for instance ``ops``.

    Raises:
        NotFound: The bundle was not built.
    """
    bundle = STATIC / f"{name}.js"
    if not bundle.is_file():
        raise NotFound(f"the panel {name!r} is not built: run npm ci and npm run build in js/", panel=name)
    version = hashlib.blake2b(bundle.read_bytes(), digest_size=6).hexdigest()
    return _LOADER % {"name": name, "version": version}
