"""Who drives a terminal. Pure."""
