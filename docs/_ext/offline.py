"""Whether a page shows itself without a network: what it would fetch from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["fetched", "fetched_by_site"]

#: Links (<a href>) are followed by readers; these are followed by the browser.
_TAG = re.compile(r"<(?:script|link|img|iframe|source|audio|video|object|embed|use|image)\b[^>]*>", re.I)
_ADDRESS = re.compile(r"""(?:src|href|srcset|data|poster)\s*=\s*["']?\s*((?:https?:)?//[^"'\s>]+)""", re.I)
_IN_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?\s*((?:https?:)?//[^"')\s]+)""", re.I)
#: Says where a page stands, and fetches nothing.
_CANONICAL = re.compile(r"""rel\s*=\s*["']?canonical""", re.I)


def fetched(text: str) -> list[str]:
    """Addresses on other machines that a browser would fetch for this HTML or CSS."""
    tags = [tag for tag in _TAG.findall(text) if not _CANONICAL.search(tag)]
    return [*(address for tag in tags for address in _ADDRESS.findall(tag)), *_IN_STYLE.findall(text)]


def fetched_by_site(folder: Path) -> list[str]:
    """The same for a whole site, each with its file."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".html", ".css"))
    return [f"{path.relative_to(folder)}: {address}" for path in files for address in fetched(path.read_text("utf-8"))]
