"""``python -m vibeworkbench`` is the command ``vibeworkbench``."""

from vibeworkbench.cli import main

main()
