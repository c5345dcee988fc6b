"""A moving picture, as the bytes of its file, which a notebook shows."""

from __future__ import annotations

import base64
from typing import Any, Self

__all__ = ["Moving"]


class Moving(bytes):
    """The bytes of a file of that kind. A cell of a notebook that ends with them shows the picture."""

    kind: str

    def __new__(cls, content: bytes, kind: str = "gif") -> Self:
        made = super().__new__(cls, content)
        made.kind = kind
        return made

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The picture inside the notebook, and for readers without pictures what it is."""
        data = base64.b64encode(self).decode()
        said = f"a moving picture of {len(self):,} bytes ({self.kind})"
        return {
            "text/plain": f"<{said}>",
            "text/html": f'<img alt="{said}" src="data:image/{self.kind};base64,{data}">',
        }
