"""One file for each promise, measured beside the peer it is held against, in one run."""
