"""The command line: `flipslide explain | shape | apply | stream | …`.

Data goes to stdout, everything else to stderr. A command's module is imported when the
command is named, and what it computes with when it runs, so that `--help` costs no NumPy.

Exit codes: 0 done, 1 unexpected, 2 usage, 3 an input or kernel cannot be read, 4 shapes or
parameters are impossible, 5 an extra is missing, 6 an output exists or cannot be written,
130 interrupted, 141 the reader of a pipe went away.
"""

from .program import main

__all__ = ["main"]
