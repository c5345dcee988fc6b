"""PDF in Helvetica: headings, paragraphs and grids of numbers on A4, and pictures, each on a page of its size.

A page is a list of strokes in PDF's own words; the file is its objects one after another and a
table of where each begins. Helvetica is one of the fonts that every reader has, so nothing is
embedded; a sign that its encoding lacks is written as the nearest one that it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import ParameterError
from .document import Document, Frame, Grid, Grids, Heading, Text
from .scene import COLOURS, Item, Label, Line, Rect, hatching, head_of, text_width, with_sentence

WIDTH, HEIGHT, MARGIN = 595.0, 842.0, 56.0
LINE, CELL = 15.0, 26.0
#: Of Helvetica at size 1, about: a line that is estimated too long is broken too early, and no harm done.
LETTER = 0.52
SIGNS = str.maketrans({
    "−": "\u2013", "Σ": "the sum of", "→": "->", "←": "<-", "≤": "<=", "≥": ">=", "⌊": "floor(", "⌋": ")", "⌈": "ceil(",
    "⌉": ")", "∗": "*", "⊙": "\u00b7", "τ": "tau", "∫": "integral of ", "∂": "d", "ᵀ": "T", "\u0303": "~", "⋮": ":",
})  # fmt: skip


class Pages:
    """Strokes on pages, from the top down."""

    def __init__(self) -> None:
        self.pages: list[list[str]] = []
        self.turn()

    def turn(self) -> None:
        """Begin a page."""
        self.pages.append([])
        self.y = HEIGHT - MARGIN

    def need(self, height: float) -> None:
        """Turn the page where so much does not fit any more."""
        if self.y - height < MARGIN:
            self.turn()

    def write(self, x: float, y: float, text: str, size: float, bold: bool = False) -> None:
        """One line of text, its baseline at y."""
        font = "F2" if bold else "F1"
        self.pages[-1].append(f"BT /{font} {size:g} Tf {x:.1f} {y:.1f} Td ({_escape(text)}) Tj ET")

    def box(self, x: float, y: float, fill: str) -> None:
        """One cell of a grid."""
        red, green, blue = (int(fill[i : i + 2], 16) / 255 for i in (1, 3, 5))
        self.pages[-1].append(f"{red:.3f} {green:.3f} {blue:.3f} rg {x:.1f} {y:.1f} {CELL:g} {CELL:g} re B 0 0 0 rg")


def write_pdf(document: Document) -> bytes:
    """The document as a PDF file; a heading that says Key begins a page."""
    pages = Pages()
    _write_lines(pages, document.title, 18, True)
    for block in document.blocks:
        if isinstance(block, Heading):
            _write_heading(pages, block.text)
        elif isinstance(block, Text):
            _write_lines(pages, block.text, 11)
        elif isinstance(block, Grids):
            _write_grids(pages, block.grids)
    return _assemble([(WIDTH, HEIGHT, "\n".join(page)) for page in pages.pages])


# ------------------------------------------------------------------------------- pictures


def to_pdf(frames: Sequence[Frame]) -> bytes:
    """Each picture with its sentence on a page of its own, three quarters of a point to a pixel."""
    if not frames:
        raise ParameterError("there is no picture to write")
    pages = []
    for frame in frames:
        scene = with_sentence(frame.scene, frame.sentence)
        strokes = [f"0.75 0 0 -0.75 0 {0.75 * scene.height:.2f} cm"]
        for item in scene.items:
            strokes += _stroke(item)
        pages.append((0.75 * scene.width, 0.75 * scene.height, "\n".join(strokes)))
    return _assemble(pages)


def _stroke(item: Item) -> Iterator[str]:
    """One item in PDF's words; y counts down, so letters are turned over."""
    if isinstance(item, Label):
        yield from _stroke_label(item)
    elif isinstance(item, Rect):
        box = f"{item.x:.2f} {item.y:.2f} {item.width:.2f} {item.height:.2f} re"
        yield _painted(box, item.fill, item.line, item.weight)
        for ends in hatching(item) if item.hatched else ():
            yield _painted("{:.2f} {:.2f} m {:.2f} {:.2f} l".format(*ends), "", "grid", 0.7)
    elif isinstance(item, Line):
        way = f"{item.x1:.2f} {item.y1:.2f} m {item.x2:.2f} {item.y2:.2f} l"
        stroke = _painted(way, "", item.ink, item.weight)
        yield f"[5 4] 0 d {stroke} [] 0 d" if item.dashed else stroke
        yield from _stroke(head_of(item)) if item.arrow else ()
    elif item.points:
        first, *rest = (f"{x:.2f} {y:.2f}" for x, y in item.points)
        yield _painted(" ".join([f"{first} m", *(f"{point} l" for point in rest)]), item.fill, item.ink, item.weight)


def _stroke_label(label: Label) -> Iterator[str]:
    text = label.text.replace("x\u0303", "x~").translate(SIGNS)
    width = text_width(text, label.size) * (1.04 if label.bold else 1)
    left = label.x - {"start": 0, "middle": width / 2, "end": width}[label.anchor]
    place = f"1 0 0 -1 {left:.2f} {label.y + 0.35 * label.size:.2f} Tm"
    font = "F2" if label.bold else "F1"
    yield f"{_colour(label.ink)} rg BT /{font} {label.size:g} Tf {place} ({_escape(text)}) Tj ET"


#: (filled, outlined): the word that paints the path before it.
PAINTS = {(True, True): "B", (True, False): "f", (False, True): "S", (False, False): "n"}


def _painted(path: str, fill: str, line: str, weight: float) -> str:
    """The colours, a path, and the word that paints it."""
    inks = [f"{_colour(fill)} rg" if fill else "", f"{_colour(line)} RG {weight:g} w" if line else ""]
    return " ".join([*filter(None, inks), path, PAINTS[bool(fill), bool(line)]])


def _colour(name: str) -> str:
    return " ".join(f"{int(COLOURS[name][0][i : i + 2], 16) / 255:.3f}" for i in (1, 3, 5))


# ------------------------------------------------------------------------------ documents


def _write_heading(pages: Pages, text: str) -> None:
    if text == "Key":
        pages.turn()
    pages.need(240)
    pages.y -= 8
    _write_lines(pages, text, 13, True)


def _write_lines(pages: Pages, text: str, size: float, bold: bool = False) -> None:
    for line in _wrap(text, (WIDTH - 2 * MARGIN) / (size * LETTER)):
        pages.need(LINE + size)
        pages.y -= size + 4
        pages.write(MARGIN, pages.y, line, size, bold)


def _wrap(text: str, letters: float) -> list[str]:
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) > letters:
            lines.append(word)
        else:
            lines[-1] += (" " if lines[-1] else "") + word
    return lines


def _write_grids(pages: Pages, grids: tuple[Grid, ...]) -> None:
    """Side by side, as many as a line holds."""
    height = max(len(grid.rows) for grid in grids) * CELL + LINE
    pages.y -= 4
    pages.need(height + 10)
    x = MARGIN
    for grid in grids:
        width = max(len(grid.rows[0]) * CELL, len(grid.title) * 10 * LETTER)
        if x + width > WIDTH - MARGIN:
            x = MARGIN
            pages.y -= height
            pages.need(height + 10)
        _write_grid(pages, grid, x)
        x += width + 18
    pages.y -= height + 8


def _write_grid(pages: Pages, grid: Grid, left: float) -> None:
    pages.write(left, pages.y - 12, grid.title, 10)
    for r, row in enumerate(grid.rows):
        for c, cell in enumerate(row):
            x, y = left + c * CELL, pages.y - LINE - (r + 1) * CELL
            is_blank = not cell.text.strip("_")
            pages.box(x, y, "#ffffff" if is_blank else COLOURS[cell.role][0])
            pages.write(x + CELL / 2 - len(cell.text) * 11 * LETTER / 2, y + 9, "" if is_blank else cell.text, 11)


def _escape(text: str) -> str:
    plain = text.translate(SIGNS)
    return plain.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _assemble(pages: Sequence[tuple[float, float, str]]) -> bytes:
    """The objects: catalogue, list of pages, two fonts; then for each (width, height, strokes) a page."""
    kids = " ".join(f"{5 + 2 * i} 0 R" for i in range(len(pages)))
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        font.format("Helvetica").encode(),
        font.format("Helvetica-Bold").encode(),
    ]
    for i, (width, height, strokes) in enumerate(pages):
        content = strokes.encode("cp1252", "replace")
        page = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {width:.2f} {height:.2f}] "
            f"/Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> /Contents {6 + 2 * i} 0 R >>"
        )
        objects += [page.encode(), b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content)]
    return _number_objects(objects)


def _number_objects(objects: list[bytes]) -> bytes:
    file, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(file))
        file += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, len(file))
    return file + b"xref\n0 %d\n0000000000 65535 f \n%s%s" % (count, table, trailer)
