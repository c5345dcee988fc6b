"""Plain arrays: .npy, and tables of numbers as .csv or .tsv.

A table with a single row or a single column is one axis, and is written back as it came: with its
separator, its decimal mark and its line of headings. Integers stay integers. Nothing is unpickled.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from flipslide.arrays import Array
from flipslide.carried import exact_array

from .content import Content, ReadError, WriteError, shorten

__all__ = ["decode_csv", "decode_npy", "decode_tsv", "encode_csv", "encode_npy", "encode_tsv"]


# ------------------------------------------------------------------------------------ .npy


def decode_npy(data: bytes) -> Content:
    if data[:2] == b"PK":
        raise ReadError("this is an .npz archive of several arrays; save the one you mean as .npy")
    array = np.load(io.BytesIO(_whole_npy(data)), allow_pickle=False)
    return Content(array, "table", {"dtype": array.dtype})


def _whole_npy(data: bytes) -> bytes:
    """The file, if all elements that its header promises are there."""
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    wanted, there = math.prod(shape) * dtype.itemsize, len(data) - stream.tell()
    if wanted > there and not dtype.hasobject:
        raise ReadError(f"the array is cut off: {there} of {wanted} bytes are there")
    return data


def encode_npy(content: Content) -> bytes:
    if content.array.dtype.hasobject:
        raise WriteError("Python objects cannot be written as .npy; convert them to a numeric dtype")
    stream = io.BytesIO()
    np.save(stream, content.array, allow_pickle=False)
    return stream.getvalue()


# ---------------------------------------------------------------------------- .csv and .tsv


def decode_csv(data: bytes) -> Content:
    text = _text_of(data)
    return _decode(text, ";" if _is_european(text) else ",")


def decode_tsv(data: bytes) -> Content:
    return _decode(_text_of(data), "\t")


def encode_csv(content: Content) -> bytes:
    return _encode(content, content.details.get("delimiter", ","))


def encode_tsv(content: Content) -> bytes:
    return _encode(content, "\t")


def _text_of(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ReadError(f"not a text file: {error}") from None


def _is_european(text: str) -> bool:
    """Whether semicolons stand between the numbers, so that a comma may be a decimal mark."""
    rows = (row for row in csv.reader(io.StringIO(text, newline=""), delimiter=";") if any(row))
    with suppress(csv.Error):
        return any(len(row) > 1 for row in itertools.islice(rows, 2))
    return False


class Record(NamedTuple):
    """A row of cells, and its number in the file."""

    number: int
    cells: list[str]


def _decode(text: str, delimiter: str) -> Content:
    records = _records(text, delimiter)
    header = _header(records, delimiter)
    records = records[1:] if header else records
    if not records:
        raise ReadError("the table has no numbers")
    read = _reader(records, delimiter)
    numbers = [[read(cell, row.number, c) for c, cell in enumerate(row.cells, 1)] for row in records]
    _check_rectangle(records, header)
    array = exact_array(numbers)
    column = array.shape[1] == 1 and array.shape[0] > 1
    details = {"column": column, "delimiter": delimiter, "header": header, "comma": read is _european_number}
    return Content(array.ravel() if 1 in array.shape else array, "table", details)


def _records(text: str, delimiter: str) -> list[Record]:
    """The rows with something in them. A blank line between rows is an error: a sample may be missing there."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = [Record(number, row) for number, row in enumerate(reader, 1)]
    except csv.Error as error:
        raise ReadError(f"row {reader.line_num}: {error}") from None
    filled = [row for row in rows if any(cell.strip() for cell in row.cells)]
    for before, after in itertools.pairwise(filled):
        if after.number != before.number + 1:
            raise ReadError(
                f"row {before.number + 1} is blank; write nan if a number is missing there, or delete the row"
            )
    return filled


def _header(records: list[Record], delimiter: str) -> list[str] | None:
    """The first row, if none of its cells is a number and there are more rows."""
    if len(records) < 2 or any(_parse(cell, _is_comma(delimiter)) is not None for cell in records[0].cells):
        return None
    # An empty corner is a heading; a cell with a separator in it is a table of another kind.
    if any(mark in cell for cell in records[0].cells for mark in ";\t") or not all(
        _is_word(c) for c in records[0].cells
    ):
        return None
    return records[0].cells


def _is_word(cell: str) -> bool:
    return not cell.strip() or not (cell.strip()[0].isdigit() or cell.strip()[0] in "+-.")


def _is_comma(delimiter: str) -> bool:
    return delimiter == ";"


def _reader(records: list[Record], delimiter: str) -> Callable[[str, int, int], Any]:
    has_commas = _is_comma(delimiter) and any("," in cell for row in records for cell in row.cells)
    return _european_number if has_commas else _number


def _check_rectangle(records: list[Record], header: list[str] | None) -> None:
    first = records[0]
    for row in records:
        if len(row.cells) != len(first.cells):
            raise ReadError(f"row {row.number} has {len(row.cells)} numbers, row {first.number} has {len(first.cells)}")
    if header and len(header) != len(first.cells):
        raise ReadError(f"row 1 has {len(header)} headings, row {first.number} has {len(first.cells)} numbers")


def _european_number(cell: str, row: int, column: int) -> Any:
    return _checked(cell, _parse(cell, True), row, column)


def _number(cell: str, row: int, column: int) -> Any:
    return _checked(cell, _parse(cell, False), row, column)


def _parse(cell: str, comma: bool) -> Any:
    """The number in a cell; None if it is not one."""
    text = cell.strip()
    if comma and "," in text:
        if "." in text or text.count(",") > 1:
            return None
        text = text.replace(",", ".")
    for read in (int, float, complex):
        try:
            return read(text)
        except ValueError:
            continue
    return None


def _checked(cell: str, number: Any, row: int, column: int) -> Any:
    place = f"row {row}, column {column}"
    if number is None and not cell.strip():
        raise ReadError(f"{place} is empty; write nan where a number is missing")
    if number is None:
        raise ReadError(f"{place}: {shorten(cell)} is not a number{_advice(cell)}")
    if isinstance(number, float) and math.isinf(number) and any(mark.isdigit() for mark in cell):
        raise ReadError(f"{place}: {shorten(cell)} is beyond the largest float64")
    return number


def _advice(cell: str) -> str:
    separators = {";": "semicolons", "\t": "tabs", ",": "commas", " ": "spaces"}
    found = next((name for mark, name in separators.items() if mark in cell.strip()), "")
    return f"; the numbers seem to be separated by {found}: use commas, or tabs in a .tsv" if found else ""


def _encode(content: Content, delimiter: str) -> bytes:
    array = content.array
    if array.ndim > 2:
        raise WriteError(f"a table has two axes and the result has {array.ndim}; write a .npy instead")
    rows = _as_rows(array, content).tolist()
    if content.details.get("comma"):
        rows = [[str(number).replace(".", ",") for number in row] for row in rows]
    header = content.details.get("header")
    if header and rows and len(rows[0]) == len(header):
        rows.insert(0, header)
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return stream.getvalue().encode()


def _as_rows(array: Array, content: Content) -> Array:
    if array.ndim == 2:
        return array
    return array.reshape((-1, 1) if content.details.get("column") else (1, -1))
