"""The holder as a script: ``python -I -S start.py``, which is all it needs of an installation."""

import importlib
import os
import sys

if __name__ == "__main__":
    sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    importlib.import_module("holder.main").main()
