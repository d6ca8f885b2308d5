"""Ops: what is looked at, what is found, and what becomes of it.

service.py   the one door: scans, issues, health, targets    routes.py  their REST     wire/     the bodies of both ways
scans/       the straight line, step by step (line.py), and what keeps its records true when servers die
collectors/  look at the world (plugins)       machine/  reading this machine       tail/  following files
checks/      judge what was seen (plugins)
issues/      the life cycle, and what findings do to it      health.py  scores         records.py  the tables
"""
