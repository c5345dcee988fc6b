"""Plain arrays: .npy, and tables of numbers as .csv or .tsv.

A table with a single row or a single column is one axis, and is written back as it came.
Integers stay integers. Nothing is unpickled.
"""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np

from flipslide.arrays import Array
from flipslide.carried import exact_array

from .content import Content, ReadError, WriteError

__all__ = ["decode_csv", "decode_npy", "decode_tsv", "encode_csv", "encode_npy", "encode_tsv"]


def decode_npy(data: bytes) -> Content:
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ReadError(f"not a readable .npy file: {error}") from None
    if not isinstance(array, np.ndarray):
        raise ReadError("this is an .npz archive of several arrays; save the one you mean as .npy")
    return Content(array, "table")


def encode_npy(content: Content) -> bytes:
    if content.array.dtype.hasobject:
        raise WriteError("Python objects cannot be written as .npy; convert them to a numeric dtype")
    stream = io.BytesIO()
    np.save(stream, content.array, allow_pickle=False)
    return stream.getvalue()


def decode_csv(data: bytes) -> Content:
    return _decode(data, ",")


def decode_tsv(data: bytes) -> Content:
    return _decode(data, "\t")


def encode_csv(content: Content) -> bytes:
    return _encode(content, ",")


def encode_tsv(content: Content) -> bytes:
    return _encode(content, "\t")


def _decode(data: bytes, delimiter: str) -> Content:
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ReadError(f"not a text file: {error}") from None
    rows = [row for row in csv.reader(lines, delimiter=delimiter) if any(cell.strip() for cell in row)]
    if not rows:
        raise ReadError("the table has no numbers")
    numbers = [[_number(cell, r, c) for c, cell in enumerate(row, 1)] for r, row in enumerate(rows, 1)]
    for r, row in enumerate(numbers, 1):
        if len(row) != len(numbers[0]):
            raise ReadError(f"row {r} has {len(row)} numbers, row 1 has {len(numbers[0])}")
    array = exact_array(numbers)
    column = array.shape[1] == 1 and array.shape[0] > 1
    return Content(array.ravel() if 1 in array.shape else array, "table", {"column": column})


def _number(cell: str, row: int, column: int) -> Any:
    for read in (int, float, complex):
        try:
            return read(cell.strip())
        except ValueError:
            continue
    raise ReadError(f"row {row}, column {column}: {cell!r} is not a number (a header line must go)")


def _encode(content: Content, delimiter: str) -> bytes:
    array = content.array
    if array.ndim > 2:
        raise WriteError(f"a table has two axes and the result has {array.ndim}; write a .npy instead")
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator="\n").writerows(_as_rows(array, content).tolist())
    return stream.getvalue().encode()


def _as_rows(array: Array, content: Content) -> Array:
    if array.ndim == 2:
        return array
    return array.reshape((-1, 1) if content.details.get("column") else (1, -1))
