"""PDF in Helvetica: headings, paragraphs and grids of numbers on A4, and pictures, each on a page of its size.

Every page is a drawing, and its strokes are in PDF's own words; the file is its objects one after another
and a table of where each begins. Helvetica is one of the fonts that every reader has, so nothing is
embedded; a sign that its encoding lacks is written as the nearest one that it has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..errors import ParameterError
from .canvas import Canvas
from .document import Cell, Document, Frame, Grid, Grids, Heading, Text
from .scene import COLOURS, Item, Label, Line, Rect, Scene, hatching, head_of, text_width, with_sentence, wrap_width

#: A4 in pixels, of which three quarters are a point.
WIDTH, HEIGHT, MARGIN = 793.0, 1122.0, 75.0
CELL = 34.0
SIGNS = str.maketrans({
    "−": "\u2013", "Σ": "the sum of", "→": "->", "←": "<-", "≤": "<=", "≥": ">=", "⌊": "floor(", "⌋": ")", "⌈": "ceil(",
    "⌉": ")", "∗": "*", "⊙": "\u00b7", "τ": "tau", "∫": "integral of ", "∂": "d", "ᵀ": "T", "\u0303": "~", "⋮": ":",
})  # fmt: skip


def to_pdf(frames: Sequence[Frame]) -> bytes:
    """Each picture with its sentence on a page of its own."""
    if not frames:
        raise ParameterError("there is no picture to write")
    return _assemble([with_sentence(frame.scene, frame.sentence) for frame in frames])


def write_pdf(document: Document) -> bytes:
    """The document as a PDF file; a heading that says Key begins a page."""
    pages = Pages()
    pages.write(document.title, 24, True)
    for block in document.blocks:
        if isinstance(block, Heading):
            pages.need(HEIGHT if block.text == "Key" else 320)
            pages.y += 10
            pages.write(block.text, 17, True)
        elif isinstance(block, Text):
            pages.write(block.text, 15)
        elif isinstance(block, Grids):
            pages.draw(block.grids)
    return _assemble([Scene(WIDTH, HEIGHT, tuple(canvas.items), "", "") for canvas in pages.canvases])


class Pages:
    """Drawings as large as a page, filled from the top down."""

    def __init__(self) -> None:
        self.canvases = [Canvas()]
        self.y = MARGIN

    def need(self, height: float) -> None:
        """Begin a page where so much does not fit any more."""
        if self.y + height > HEIGHT - MARGIN:
            self.canvases.append(Canvas())
            self.y = MARGIN

    def write(self, text: str, size: float, bold: bool = False) -> None:
        """Words, in as many lines as they take."""
        for line in wrap_width(text, WIDTH - 2 * MARGIN, size):
            self.need(1.4 * size)
            self.canvases[-1].label(MARGIN, self.y + 0.7 * size, line, "ink", size, bold=bold)
            self.y += 1.4 * size

    def draw(self, grids: Sequence[Grid]) -> None:
        """Matrices side by side, as many as a line holds."""
        height, x = max(len(grid.rows) for grid in grids) * CELL + 34, WIDTH
        for grid in grids:
            width = max(len(grid.rows[0]) * CELL, text_width(grid.title, 13))
            if x + width > WIDTH - MARGIN:
                self.need(height)
                x, self.y = MARGIN, self.y + height
            top = self.y - height + 24
            self.canvases[-1].grid(x, top, Grid(grid.title, tuple(map(_without_blanks, grid.rows))), CELL, CELL, "ink")
            x += width + 24
        self.y += 8


def _without_blanks(row: Sequence[Cell]) -> tuple[Cell, ...]:
    """Where an answer is to be written the ground is white."""
    return tuple(cell if cell.text.strip("_") else Cell("", "blank") for cell in row)


# -------------------------------------------------------------------------------- strokes


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


def _escape(text: str) -> str:
    plain = text.translate(SIGNS)
    return plain.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def _assemble(scenes: Sequence[Scene]) -> bytes:
    """The objects: catalogue, list of pages, two fonts; then each drawing as a page."""
    kids = " ".join(f"{5 + 2 * i} 0 R" for i in range(len(scenes)))
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(scenes)} >>".encode(),
        font.format("Helvetica").encode(),
        font.format("Helvetica-Bold").encode(),
    ]
    for i, scene in enumerate(scenes):
        strokes = [stroke for item in scene.items for stroke in _stroke(item)]
        content = "\n".join([f"0.75 0 0 -0.75 0 {0.75 * scene.height:.2f} cm", *strokes]).encode("cp1252", "replace")
        page = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {0.75 * scene.width:.2f} {0.75 * scene.height:.2f}] "
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
