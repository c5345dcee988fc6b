"""A document as LaTeX: numbers and formulas as mathematics, its last pictures as TikZ."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .document import Block, Cell, Code, Document, Formula, Frames, Grid, Grids, Heading, Table, Text
from .scene import COLOURS, Item, Label, Line, Path, Rect, Scene, hatching, head_of
from .text import to_ascii

PREAMBLE = r"""\documentclass{article}
\usepackage[margin=2cm]{geometry}
\usepackage{amsmath}
\IfFileExists{tikz.sty}{\usepackage{tikz}}{}
\setcounter{MaxMatrixCols}{64}
\setlength{\parindent}{0pt}
\setlength{\parskip}{1ex}
\begin{document}
"""
MAX_ROWS = 36
#: Letters in a line of a matrix, and points of a page's width and height.
MAX_LETTERS, ACROSS, DOWN = 70, 480.0, 640.0


def render_latex(document: Document, standalone: bool = True, pictures: bool = True) -> str:
    """The whole document; with `standalone` a file to compile, else its body."""
    title = [rf"\section*{{{to_latex(document.title)}}}"] if document.title else []
    blocks = [block for block in document.blocks if pictures or not isinstance(block, Frames)]
    body = "\n\n".join([*title, *map(_render, blocks)]) + "\n"
    return f"{PREAMBLE}{body}\\end{{document}}\n" if standalone else body


def _render(block: Block) -> str:
    if isinstance(block, Text):
        return to_latex(block.text)
    if isinstance(block, Formula):
        return f"\\[\n{block.latex}\n\\]"
    if isinstance(block, Heading):
        return rf"\subsection*{{{to_latex(block.text)}}}"
    if isinstance(block, Grids):
        # In a paragraph, which breaks into lines where a display would run off the page.
        return "\\begin{center}\n" + "\\quad\n".join(map(_grid, block.grids)) + "\n\\end{center}"
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Code):
        return f"\\begin{{verbatim}}\n{_plain(block.text.rstrip())}\n\\end{{verbatim}}"
    assert isinstance(block, Frames)
    # Left out where the document has no TikZ.
    last = block.frames[-1]
    picture = f"\\begin{{center}}\n{to_tikz(last.scene)}\n\\par {to_latex(last.sentence)}\n\\end{{center}}"
    return f"\\ifdefined\\tikzpicture\n{picture}\n\\fi"


def _grid(grid: Grid) -> str:
    """A matrix, in panels where it would not fit on a page."""
    if not any(grid.rows):
        return f"{to_latex(grid.title)}: empty"
    width = max(map(len, grid.rows))
    letters = max((len(cell.text) for row in grid.rows for cell in row), default=1) + 2
    fits = max(MAX_LETTERS // letters, 1)
    panels = [
        _matrix([row[j : j + fits] for row in grid.rows[i : i + MAX_ROWS]], min(fits, width - j))
        for i in range(0, len(grid.rows), MAX_ROWS)
        for j in range(0, width, fits)
    ]
    title = to_latex(grid.title)
    if len(panels) == 1:
        return f"$\\underset{{\\text{{{title}}}}}{{\n{panels[0]}}}$"
    return f"{title}:\\\\\n" + "\\\\[1ex]\n".join(f"$\n{panel}$" for panel in panels)


def _matrix(rows: list[tuple[Cell, ...]], width: int) -> str:
    lines = [" & ".join([*map(_cell, row), *["{}"] * (width - len(row))]) for row in rows]
    return "\\begin{pmatrix}\n" + " \\\\\n".join(lines) + "\n\\end{pmatrix}"


def _cell(cell: Cell) -> str:
    text = _math(cell.text) if _is_math(cell.text) else rf"\text{{{to_latex(cell.text)}}}" if cell.text else "{}"
    return rf"\boxed{{{text}}}" if cell.strong else text


#: Numbers, sums of products, fractions, windows of a table: what stands in mathematics as it is.
_MATH = re.compile(r"[\d\s.,·×+−±()=|'/i…∞]+|nan|−?inf")


def _is_math(text: str) -> bool:
    return (bool(_MATH.fullmatch(text)) and any(map(str.isdigit, text))) or text == "·"


def _math(text: str) -> str:
    r"""Numbers and sums as mathematics.

    >>> print(_math("−1/2·3 + (−1)·0"))
    -\tfrac{1}{2}\cdot 3 + (-1)\cdot 0
    """
    text = re.sub(r"(\d+)/(\d+)", r"\\tfrac{\1}{\2}", text).replace("|", r"\mid ")
    return "".join(f"{_SIGNS[sign]} " if sign in "·×" else _SIGNS.get(sign, sign) for sign in text).strip()


def _table(table: Table) -> str:
    # The last column of words may need several lines.
    long = max((len(row[-1]) for row in table.rows), default=0) > 60
    align = table.align[:-1] + ("p{0.6\\linewidth}" if long else table.align[-1])
    rows = [" & ".join(map(_entry, row)) + r" \\" for row in table.rows]
    header = " & ".join(map(to_latex, table.header)) + r" \\ \hline"
    caption = f"{to_latex(table.caption)}\n\n" if table.caption else ""
    # A tabular does not break over pages.
    pieces = ["\n".join([header, *rows[i : i + MAX_ROWS]]) for i in range(0, max(len(rows), 1), MAX_ROWS)]
    return caption + "\n\n".join(f"\\begin{{tabular}}{{{align}}}\n{piece}\n\\end{{tabular}}" for piece in pieces)


def _entry(text: str) -> str:
    return f"${_math(text)}$" if _is_math(text) else to_latex(text)


_WORDS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"$<$", ">": r"$>$", "|": r"$|$",
}  # fmt: skip
_SIGNS = {
    "⌊": r"\lfloor", "⌋": r"\rfloor", "⌈": r"\lceil", "⌉": r"\rceil", "−": "-", "·": r"\cdot", "×": r"\times",
    "Σ": r"\Sigma", "∂": r"\partial", "∫": r"\int", "→": r"\to", "←": r"\leftarrow", "…": r"\ldots", "≤": r"\le",
    "≥": r"\ge", "≈": r"\approx", "τ": r"\tau", "°": r"^\circ", "ᵀ": r"^{\mathsf T}", "²": "^2", "³": "^3",
    "⟨": r"\langle", "⟩": r"\rangle", "′": "'", "∗": "*", "ᵣ": "_r", "₀": "_0", "₁": "_1", "₂": "_2", "⊙": r"\odot",
    "±": r"\pm", "∞": r"\infty", "⋮": r"\vdots", "ε": r"\varepsilon", "γ": r"\gamma",
}  # fmt: skip


def to_latex(text: str) -> str:
    r"""Words as LaTeX reads them; signs stand in mathematics.

    >>> print(to_latex("50 % of w_1 · 2"))
    50 \% of w\_1 $\cdot$ 2
    """
    text = text.replace("x̃", "\x00")
    out = "".join(_WORDS.get(sign) or (f"${_SIGNS[sign]}$" if sign in _SIGNS else sign) for sign in text)
    return out.replace("\x00", r"$\tilde{x}$").replace("—", "---").replace("–", "--")


def _plain(text: str) -> str:
    """Code as it stands between verbatim's lines, which takes no signs beyond ASCII."""
    return to_ascii(text).replace(r"\end{verbatim}", r"\end {verbatim}")


# ------------------------------------------------------------------------------- pictures


def to_tikz(scene: Scene) -> str:
    """The scene as a tikzpicture, scaled down where the page is too narrow for it."""
    unit = min(0.6, ACROSS / scene.width, DOWN / scene.height)
    colours = sorted({name for item in scene.items for name in _names(item)})
    lines = [rf"\definecolor{{fs-{name}}}{{HTML}}{{{COLOURS[name][0][1:].upper()}}}" for name in colours]
    for item in scene.items:
        lines += _draw(item, unit)
    return "\n".join([rf"\begin{{tikzpicture}}[x={unit:.3f}pt,y=-{unit:.3f}pt]", *lines, r"\end{tikzpicture}"])


def _names(item: Item) -> list[str]:
    if isinstance(item, Rect):
        return [name for name in (item.fill, item.line, "grid" if item.hatched else "") if name]
    return [name for name in (item.ink, item.fill if isinstance(item, Path) else "") if name]


def _draw(item: Item, unit: float) -> Iterator[str]:
    if isinstance(item, Label):
        side = {"start": "west", "middle": "center", "end": "east"}[item.anchor]
        text = f"${_math(item.text)}$" if _is_math(item.text) else to_latex(item.text)
        font = rf"\fontsize{{{item.size * unit:.2f}}}{{{1.2 * item.size * unit:.2f}}}\selectfont"
        bold = r"\bfseries" if item.bold else ""
        yield (
            rf"\node[anchor={side},inner sep=0,text=fs-{item.ink},font={font}\sffamily{bold}] "
            f"at ({item.x:.1f},{item.y:.1f}) {{{text}}};"
        )
    elif isinstance(item, Rect):
        corners = f"({item.x:.1f},{item.y:.1f}) rectangle ({item.x + item.width:.1f},{item.y + item.height:.1f});"
        yield rf"\path[{_pen(item.fill, item.line, item.weight * unit)}] {corners}"
        for x1, y1, x2, y2 in hatching(item) if item.hatched else ():
            yield rf"\path[{_pen('', 'grid', 0.7 * unit)}] ({x1:.1f},{y1:.1f}) -- ({x2:.1f},{y2:.1f});"
    elif isinstance(item, Line):
        dashes = ",dashed" if item.dashed else ""
        ends = f"({item.x1:.1f},{item.y1:.1f}) -- ({item.x2:.1f},{item.y2:.1f});"
        yield rf"\path[{_pen('', item.ink, item.weight * unit)}{dashes}] {ends}"
        yield from _draw(head_of(item), unit) if item.arrow else ()
    elif item.points:
        way = " -- ".join(f"({x:.1f},{y:.1f})" for x, y in item.points)
        yield rf"\path[{_pen(item.fill, item.ink, item.weight * unit)}] {way}{' -- cycle' if item.fill else ''};"


def _pen(fill: str, line: str, weight: float) -> str:
    return ",".join([f"fill=fs-{fill}"] * bool(fill) + [f"draw=fs-{line},line width={weight:.2f}pt"] * bool(line))
