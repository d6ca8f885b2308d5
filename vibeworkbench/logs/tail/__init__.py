"""Following log files through growth, rotation, truncation and compression.

marks.py    where reading of a file has got to, and how its content is recognised again
lines.py    complete lines of a file, counted by level
looks.py    what one look at a glob is given, finds and brings
follow.py   which file is which: the passes over a directory that has been rotated meanwhile
"""
