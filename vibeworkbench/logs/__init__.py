"""Logs: raw lines come in, are kept, and are mined for templates."""
