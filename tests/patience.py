"""How long tests wait for others: one limit for all of them, so that a slow machine is slow and not red.

Whoever waits for a server, a browser, a kernel or a process waits ``PATIENCE_S``, and never less because it was quick
on the machine at hand. ``timeout`` in ``pyproject.toml`` is longer: what never comes is told by the wait that missed
it. ``tests/house/test_patience.py`` finds limits of other kinds.
"""

PATIENCE_S = 240.0
"""Seconds until what is waited for counts as hanging."""

PATIENCE_MS = 1_000 * PATIENCE_S
"""The same for Playwright."""

LONG_S = 1_200.0
"""Seconds that a test may take, its fixtures included, where these start kernels and browsers one after the other."""
