"""Terminado's JSON protocol, spoken by the same rooms."""
