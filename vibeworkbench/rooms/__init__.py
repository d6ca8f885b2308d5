"""Rooms: what happened goes to everybody who watches, once, in order, and again to whoever missed it."""
