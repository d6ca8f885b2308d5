"""The process that holds a terminal's shell while workbenches come and go. Imports nothing of the package."""
