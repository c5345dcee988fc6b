"""Flipslide beside its rivals: `make bench`, or `python -m benchmarks.run --help`."""

import os

# Other libraries' workers would otherwise spin on the second core while it is our turn. It must
# be said before any of them is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("KMP_BLOCKTIME", "0")
