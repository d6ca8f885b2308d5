"""Jupyter's own settings for a server that starts in this folder: what the workbench recommends, and why.

The workbench itself is switched on by its package and has its settings in ``vibeworkbench.toml`` (docs/reference).
"""

c = get_config()

# A handler that forgets to ask who is calling refuses instead of answering.
c.ServerApp.allow_unauthenticated_access = False

# A kernel that nobody is connected to for half an hour is stopped: a browser that crashed or slept leaves its Voila
# kernel behind, at 60 MiB each. A viewer who is still connected keeps it.
c.MappingKernelManager.cull_idle_timeout = 1800
c.MappingKernelManager.cull_interval = 120
c.MappingKernelManager.cull_connected = False

# A reader of a dashboard sees neither code nor tracebacks.
c.VoilaConfiguration.strip_sources = True
c.VoilaConfiguration.show_tracebacks = False

# Terminals that nobody has touched for a day are closed.
c.TerminalManager.cull_inactive_timeout = 86400
c.TerminalManager.cull_interval = 600
