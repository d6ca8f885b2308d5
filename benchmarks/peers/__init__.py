"""The servers that ours are measured against, each in its own process on a free port of loopback."""
