"""``vibeworkbench agent``: what containers, files and programs of another machine say, brought to the workbench.

collecting → buffer (on disk, before anything counts as read) → sending (in order, until acknowledged)

Every record has a number that never comes twice for one buffer; the workbench knows how far it has got, so that what is
sent again after a lost answer, a restart or a ``kill -9`` is there once.
"""
