"""The last output of a terminal, by absolute offsets. Pure."""
