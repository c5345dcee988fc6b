"""Where a result goes, checked before the work, and how it gets there: for every command that changes a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .apply import DEFAULTS, Target, read_target, write_result
from .streams import check_output

if TYPE_CHECKING:
    from flipslide.io import Content

__all__ = ["boundary_words", "open_target", "save"]


def open_target(content: Content, output: str, extension: str, force: bool, quiet: bool) -> Target:
    """The output, if it can be written and can hold what FILE holds."""
    from flipslide.io import FORMATS, check_writable

    target = Target(output, read_target(output, extension, content.kind), force, quiet)
    check_output(output, is_text=FORMATS[target.extension].is_text, force=force)
    check_writable(content, target.extension)
    return target


def boundary_words(boundary: tuple[str, Any]) -> dict[str, Any]:
    """The keywords of an option; a fill value goes with one rule only."""
    rule, fill = boundary
    return dict(boundary=rule, fill_value=fill) if rule == "constant" else dict(boundary=rule)


def save(content: Content, source: str, target: Target, policy: str | None) -> None:
    """Write the content in its file's own samples, and say what was lost."""
    write_result(content, source, target, policy or DEFAULTS[content.kind].range)
