"""Scans: the straight line from the claim to the filing, and what keeps its records true."""
