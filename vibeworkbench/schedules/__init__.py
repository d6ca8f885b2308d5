"""Scans on a clock: when they are due, who of several servers runs them, and what became of them."""
