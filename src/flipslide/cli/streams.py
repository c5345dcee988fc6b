"""Bytes in from a file or `-`, bytes out to a file or `-`, and a bar while it takes long."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import click

if TYPE_CHECKING:
    from flipslide.arrays import Array
    from flipslide.io import Content

__all__ = ["Progress", "check_output", "note", "read_content", "read_taps", "warn", "write_bytes"]

#: Work that takes fewer seconds than this shows no progress bar.
PATIENCE = 0.5


def note(text: str, quiet: bool) -> None:
    """A remark for a person."""
    if not quiet:
        click.echo(text, err=True)


def warn(text: str) -> None:
    """Something was lost: said even when quiet."""
    click.echo(f"Warning: {text}", err=True)


def read_content(path: str) -> tuple[Content, str]:
    """(what a file or `-` holds, the extension it has or would have)."""
    from flipslide.io import extension_of, read

    if path != "-":
        return read(path), extension_of(path)
    data, extension = _read_stdin()
    return _decode_stdin(data, extension), extension


def _read_stdin() -> tuple[bytes, str]:
    """(all of stdin, the extension that it looks like)."""
    from flipslide.io import ReadError, sniff

    if sys.stdin is None or sys.stdin.closed:
        raise ReadError("- reads from stdin, which is closed")
    if sys.stdin.isatty():
        raise ReadError("- reads from a pipe, and nothing is piped in; try: flipslide … - < FILE")
    data = sys.stdin.buffer.read()
    return data, sniff(data)


def _decode_stdin(data: bytes, extension: str) -> Content:
    from flipslide.io import ReadError, decode

    try:
        return decode(data, extension)
    except ReadError as error:
        raise ReadError(f"stdin, read as {extension}: {error}") from None


def read_taps(text: str, rate: float | None = None, ndim: int | None = None) -> tuple[Array, dict[str, Any]]:
    """Numbers as the kernel grammar writes them, from `@FILE`, or from `-`; and their details.

    rate and ndim are of what will be convolved, for names that need them.
    """
    from flipslide.errors import ParameterError
    from flipslide.io import ReadError
    from flipslide.taps import parse

    text = text.strip()
    if text.startswith("@"):
        return _as_taps(read_content(text[1:])[0])
    if text == "-":
        data, extension = _read_stdin()
        if extension != ".csv":
            return _as_taps(_decode_stdin(data, extension))
        text = data.decode("utf-8", "replace")
    try:
        return parse(text, rate=rate, ndim=ndim), {}
    except ParameterError as error:
        raise ReadError(str(error)) from None


def _as_taps(content: Content) -> tuple[Array, dict[str, Any]]:
    """A file's array; a sound with one channel is one row of taps."""
    taps = content.array
    is_mono = content.kind == "audio" and taps.shape[1] == 1
    return (taps[:, 0] if is_mono else taps), dict(content.details)


def check_output(path: str, *, is_text: bool, force: bool) -> None:
    """Refuse before the work: a file that is in the way, or a terminal that cannot show the result."""
    problem = _stdout_problem(is_text) if path == "-" else _file_problem(path, force)
    if problem:
        from flipslide.io import WriteError

        raise WriteError(problem)


def _stdout_problem(is_text: bool) -> str:
    if sys.stdout is None or sys.stdout.closed:
        return "stdout is closed; name a file with -o OUT"
    if sys.stdout.isatty() and not is_text:
        return "the result is binary and would upset the terminal; name a file with -o OUT, or pipe it on"
    return ""


def _file_problem(path: str, force: bool) -> str:
    target = Path(path)
    try:
        if target.exists() and not force:
            return f"{path} exists; choose another name, or overwrite it with --force (-f)"
        if target.is_dir():
            return f"{path} is a folder; name a file in it"
        folder = target.resolve().parent
        if not folder.is_dir():
            return f"{path}: there is no folder {folder.name}"
        is_new = not target.exists() or target.is_file()
        if is_new and not os.access(folder, os.W_OK):
            return f"{path}: files cannot be written in that folder"
        if len(os.fsencode(target.name)) > 255:
            return f"{path}: the name is too long"
    except (OSError, ValueError) as error:
        return f"{path}: {getattr(error, 'strerror', None) or error}"
    return ""


def write_bytes(path: str, data: bytes, *, force: bool, like: str | None = None) -> None:
    """All of `data` to a file, as private as the file `like`, or to `-`."""
    from flipslide.io import WriteError, write

    if path != "-":
        write(path, data, force=force, like=like)
        return
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise WriteError(f"stdout: {error.strerror or error}") from None


class Progress:
    """A bar on stderr, once the work has taken long and only if a person is looking."""

    def __init__(self, label: str, quiet: bool) -> None:
        self._label = label
        self._shown = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._since = time.monotonic()
        self._done = 0
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.__exit__(kind, error, trace)

    def advance(self, done: int, total: int) -> None:
        """`done` of `total` units are finished."""
        if self._bar is None and self._shown and time.monotonic() - self._since > PATIENCE:
            self._bar = click.progressbar(length=total, label=self._label, file=sys.stderr).__enter__()
            self._done = 0
        if self._bar is not None:
            self._bar.update(done - self._done)
            self._done = done
