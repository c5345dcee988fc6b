"""A document as LaTeX that needs amsmath and nothing else."""

from __future__ import annotations

from .document import Block, Cell, Code, Document, Formula, Frames, Grid, Grids, Heading, Table, Text
from .text import to_ascii

__all__ = ["render_latex", "to_latex"]

PREAMBLE = r"""\documentclass{article}
\usepackage[margin=2cm]{geometry}
\usepackage{amsmath}
\setcounter{MaxMatrixCols}{64}
\setlength{\parindent}{0pt}
\setlength{\parskip}{1ex}
\begin{document}
"""
MAX_ROWS = 36


def render_latex(document: Document, standalone: bool = True) -> str:
    """The whole document; with `standalone` a file to compile, else its body."""
    title = [rf"\section*{{{to_latex(document.title)}}}"] if document.title else []
    body = "\n\n".join([*title, *(text for text in map(_render, document.blocks) if text)]) + "\n"
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
    return ""


def _grid(grid: Grid) -> str:
    if not any(grid.rows):
        return f"{to_latex(grid.title)}: empty"
    width = max(map(len, grid.rows))
    rows = [" & ".join([*map(_cell, row), *[""] * (width - len(row))]) for row in grid.rows]
    matrix = " \\\\\n".join(rows)
    body = f"\\begin{{pmatrix}}\n{matrix}\n\\end{{pmatrix}}"
    return f"$\\underset{{\\text{{{to_latex(grid.title)}}}}}{{\n{body}}}$"


def _cell(cell: Cell) -> str:
    text = rf"\text{{{to_latex(cell.text)}}}" if cell.text else "{}"
    return rf"\boxed{{{text}}}" if cell.strong else text


def _table(table: Table) -> str:
    # The last column of words may need several lines.
    long = max((len(row[-1]) for row in table.rows), default=0) > 60
    align = table.align[:-1] + ("p{0.6\\linewidth}" if long else table.align[-1])
    rows = [" & ".join(map(to_latex, row)) + r" \\" for row in table.rows]
    header = " & ".join(map(to_latex, table.header)) + r" \\ \hline"
    caption = f"{to_latex(table.caption)}\n\n" if table.caption else ""
    # A tabular does not break over pages.
    pieces = ["\n".join([header, *rows[i : i + MAX_ROWS]]) for i in range(0, max(len(rows), 1), MAX_ROWS)]
    return caption + "\n\n".join(f"\\begin{{tabular}}{{{align}}}\n{piece}\n\\end{{tabular}}" for piece in pieces)


_WORDS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"$<$", ">": r"$>$", "|": r"$|$",
}  # fmt: skip
_SIGNS = {
    "⌊": r"\lfloor", "⌋": r"\rfloor", "⌈": r"\lceil", "⌉": r"\rceil", "−": "-", "·": r"\cdot", "×": r"\times",
    "Σ": r"\Sigma", "∂": r"\partial", "∫": r"\int", "→": r"\to", "←": r"\leftarrow", "…": r"\ldots", "≤": r"\le",
    "≥": r"\ge", "≈": r"\approx", "τ": r"\tau", "°": r"^\circ", "ᵀ": r"^{\mathsf T}", "²": "^2", "³": "^3",
    "⟨": r"\langle", "⟩": r"\rangle", "′": "'", "∗": "*", "ᵣ": "_r", "₀": "_0", "₁": "_1", "₂": "_2", "⊙": r"\odot",
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
