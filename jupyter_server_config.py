"""Jupyter's own settings for a server that starts in this folder: what the workbench recommends, and why.

The workbench itself is switched on by its package and has its settings in ``vibeworkbench.toml`` (docs/reference).
"""

c = get_config()

# A handler that forgets to ask who is calling refuses instead of answering.
c.ServerApp.allow_unauthenticated_access = False

# A kernel that nobody is connected to for half an hour is stopped. Those of Voila's pages end much sooner, by [voila]
# in vibeworkbench.toml; whoever is still connected keeps a kernel of either kind.
c.MappingKernelManager.cull_idle_timeout = 1800
c.MappingKernelManager.cull_interval = 120
c.MappingKernelManager.cull_connected = False

# A reader of a dashboard sees neither code nor tracebacks.
c.VoilaConfiguration.strip_sources = True
c.VoilaConfiguration.show_tracebacks = False

# Terminals that nobody has touched for a day are closed.
c.TerminalManager.cull_inactive_timeout = 86400
c.TerminalManager.cull_interval = 600
