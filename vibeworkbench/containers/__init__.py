"""Containers: what runs in them, what it says, and how it fares."""
