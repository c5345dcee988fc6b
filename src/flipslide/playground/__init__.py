"""A page where convolution can be touched, and the little server that shows it.

`static/` holds plain ES modules; `page` lays them into one HTML file that needs no server, no
build step and no network, and `server` serves that file on this machine only.
"""

from __future__ import annotations

from .page import make_page
from .server import Server

__all__ = ["Server", "make_page"]
