"""The Sphinx side of these pages: fences that run, pictures of the library, MathML, commands.

    ```python          runs (`executed.py`); what it returns is shown under it
    :hide:             … without the code
    :show: text, graph … of an explanation only the blocks of these kinds or names
    :plot: title       … a dict of signals, as curves on one axis
    :listen: rate      … a dict of sounds with so many samples a second, to be played
    ```console         a command of flipslide and what it prints
    :::{answer}        what only shows when the reader asks for it
    ```{play} address  a room of the page that can be touched
    ```{commands}      the command line, from click

A block that fails ends the build. Nothing is fetched: formulas become MathML, drawings are
inline SVG with the library's own style sheet and script.
"""

from __future__ import annotations

import base64
import inspect
import io
import re
from collections.abc import Iterable, Mapping
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

import click
import executed
import numpy as np
import offline
from docutils import nodes
from docutils.parsers.rst import Directive, directives
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from flipslide.playground import make_page
from flipslide.show import Frame, Frames, Shown
from flipslide.show.html import render_block, style
from flipslide.show.plot import Curve, Panel, draw_plot

INKS = ("x-ink", "y-ink", "w-ink", "gradient-ink")


# --------------------------------------------------------------------------------- blocks


class RunDirective(SphinxDirective):
    """A fence that runs in the session of its page."""

    has_content = True
    option_spec = {"hide": directives.flag} | dict.fromkeys(("show", "plot", "listen"), directives.unchanged)

    def run(self) -> list[nodes.Node]:
        code = "\n".join(self.content) + "\n"
        output = self._output(code)
        if self.name == "console":
            return [_literal(output.text, "console")]
        source = [] if "hide" in self.options else [_literal(code, "pycon" if ">>> " in code else "python")]
        return [*source, *self._shown(output)]

    def _output(self, code: str) -> executed.Output:
        sessions = self.env.temp_data
        if "executed" not in sessions:
            sessions["executed"] = executed.Session(self.env.docname)
        try:
            return sessions["executed"].run(self.name, code)
        except executed.BlockError as error:
            raise ExtensionError(f"{self.env.docname}:{self.lineno}: a block failed\n{error}") from error

    def _shown(self, output: executed.Output) -> Iterable[nodes.Node]:
        if output.text:
            yield _literal(output.text, "text", "output")
        if isinstance(output.value, Shown):
            yield _raw(_shown_html(output.value, self.options.get("show", "")))
        elif "plot" in self.options:
            yield _raw(_plot_html(output.value, self.options["plot"]))
        elif "listen" in self.options:
            yield _raw(_sounds_html(output.value, int(self.options["listen"])))
        elif _is_pictures(output.value):
            yield _raw(_pictures_html(output.value))
        elif output.value is not None:
            yield _literal(repr(output.value), "text", "output")


def _literal(text: str, language: str, *classes: str) -> nodes.literal_block:
    text = text.rstrip("\n")
    return nodes.literal_block(text, text, language=language, classes=list(classes))


def _raw(html: str) -> nodes.raw:
    return nodes.raw("", html, format="html")


def _section(blocks: Iterable[Any]) -> str:
    return f'<div class="fs">\n{"".join(map(render_block, blocks))}</div>\n'


def _shown_html(shown: Shown, wanted: str) -> str:
    blocks = shown.document().blocks
    words = {word.strip() for word in wanted.split(",")}
    chosen = [block for block in blocks if not wanted or _names(block) & words]
    if not chosen:
        raise ExtensionError(f"{shown!r} has no {wanted}, only {[_names(block) for block in blocks]}")
    return _section(chosen)


def _names(block: Any) -> set[str]:
    """What `:show:` may call a block: its kind, or the name of a series of pictures."""
    return {type(block).__name__.lower(), getattr(block, "name", "")} - {""}


def _plot_html(signals: Mapping[str, Any], title: str) -> str:
    """Signals of one length each, as curves over their index; one panel for each entry."""
    panels, last = [], 0
    for (name, values), ink in zip(signals.items(), INKS, strict=False):
        values = np.asarray(values, float)
        panels.append(Panel(name, (Curve(tuple(enumerate(values.tolist())), ink),), height=90))
        last = max(last, len(values) - 1)
    sentence = f"{title}: {', '.join(signals)}."
    scene = draw_plot(panels, title, sentence, 0, last, "n")
    return _section([Frames("plot", (Frame(scene, ""),))])


def _is_pictures(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(getattr(v, "ndim", 0) in (2, 3) for v in value.values())


def _pictures_html(pictures: Mapping[str, np.ndarray]) -> str:
    """Arrays of bytes, rows by columns (by colours), with their names under them."""
    from imagecodecs import png_encode

    figures = []
    for name, pixels in pictures.items():
        data = base64.b64encode(png_encode(np.ascontiguousarray(pixels, np.uint8))).decode()
        image = f'<img src="data:image/png;base64,{data}" alt="{escape(name)}" width="{pixels.shape[1]}">'
        figures.append(f"<figure>{image}<figcaption>{escape(name)}</figcaption></figure>")
    return f'<div class="fs-pictures">{"".join(figures)}</div>\n'


def _sounds_html(sounds: Mapping[str, np.ndarray], rate: int) -> str:
    """Players with the names of the sounds; the loudest sample of each is a quarter of what could be."""
    import soundfile

    figures = []
    for name, samples in sounds.items():
        file = io.BytesIO()
        soundfile.write(file, 0.25 * samples / np.abs(samples).max(), rate, format="WAV", subtype="PCM_16")
        data = base64.b64encode(file.getvalue()).decode()
        player = f'<audio controls preload="metadata" src="data:audio/wav;base64,{data}"></audio>'
        figures.append(f"<figure><figcaption>{escape(name)}</figcaption>{player}</figure>")
    return f'<div class="fs-sounds">{"".join(figures)}</div>\n'


# ------------------------------------------------------------------------- what can be touched


class PlayDirective(SphinxDirective):
    """A room of the page, by its address in that page; the lines are the title of the frame."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        up = "../" * self.env.docname.count("/")
        room, _, state = self.arguments[0].partition("?")
        address = f"{up}_static/play.html{room}?bare=1{'&' * bool(state)}{state}"
        whole = f"{up}_static/play.html{self.arguments[0]}"
        title = escape(" ".join(self.content))
        return [
            _raw(
                f'<iframe class="play" src="{escape(address)}" title="{title}" loading="lazy"></iframe>'
                f'<p class="play-link"><a href="{escape(whole)}">{title}, on a page of its own</a></p>\n'
            )
        ]


# -------------------------------------------------------------------------------- answers


class answer(nodes.Element):
    """A <details> element."""


class AnswerDirective(Directive):
    has_content = True

    def run(self) -> list[nodes.Node]:
        node = answer("\n".join(self.content))
        self.state.nested_parse(self.content, self.content_offset, node)
        return [node]


def _visit_answer(writer: Any, node: nodes.Node) -> None:
    writer.body.append('<details class="answer"><summary>Answer</summary>\n')


def _depart_answer(writer: Any, node: nodes.Node) -> None:
    writer.body.append("</details>\n")


# --------------------------------------------------------------------------- command line


class CommandsDirective(SphinxDirective):
    """A section for each command: usage, help, options."""

    def run(self) -> list[nodes.Node]:
        from flipslide.cli import main

        root = click.Context(main, info_name="flipslide")
        found = []
        for name in main.list_commands(root):
            command = main.get_command(root, name)
            assert command is not None
            found.append(self._command(command, click.Context(command, parent=root, info_name=name)))
        return found

    def _command(self, command: click.Command, context: click.Context) -> nodes.section:
        path = context.command_path
        section = nodes.section(ids=[path.replace(" ", "-")])
        section += nodes.title(path, path)
        usage = " ".join(command.collect_usage_pieces(context))
        section += _literal(f"{path} {usage}", "text")
        for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
            if paragraph.startswith("\b\n"):
                section += _literal("\n".join("$ " + line for line in paragraph[2:].splitlines()), "console")
            else:
                text, _ = self.state.inline_text(paragraph.replace("\n", " "), self.lineno)
                section += nodes.paragraph(paragraph, "", *text)
        options = [item for item in command.get_params(context) if isinstance(item, click.Option)]
        records = [record for item in options if (record := item.get_help_record(context))]
        section += _definitions(records)
        return section


def _definitions(records: Iterable[tuple[str, str]]) -> nodes.definition_list:
    listed = nodes.definition_list(classes=["options"])
    for option, text in records:
        term = nodes.term("", "", nodes.literal(option, option))
        listed += nodes.definition_list_item("", term, nodes.definition("", nodes.paragraph(text, text)))
    return listed


# ----------------------------------------------------------------------------- docstrings

#: What keeps its meaning in a line of a docstring: `code`, *emphasis*.
SPAN = re.compile(r"(?P<code>`[^`]+`)|(?P<emphasis>(?<![\w*])\*(?! )[^*]+(?<! )\*(?!\w))|(?P<sign>[*|])")


def _escape_docstring(app: Sphinx, what: str, name: str, thing: object, options: Any, lines: list[str]) -> None:
    """Docstrings are written to be read in a terminal: for Sphinx, signs are signs and formulas are blocks."""
    found: list[str] = []
    before, in_block, in_example = "", False, False
    titled = next((n for n, line in enumerate(lines) if re.fullmatch(r"-{3,}", line)), len(lines) + 1) - 1
    for n, line in enumerate(lines):
        in_example = line.lstrip().startswith(">>>") or (in_example and bool(line.strip()))
        if n < titled and line.startswith("    ") and not before.strip() and not in_block:
            found += ["::", ""]
            in_block = True
        elif line.strip() and not line.startswith("    "):
            in_block = False
        found.append(line if in_block or in_example else SPAN.sub(_escape, line))
        before = line
    # Napoleon takes what stands before a colon in a property's first line for its type.
    lines[:] = ["", *found] if what == "property" else found


def _escape(match: re.Match[str]) -> str:
    if match["code"]:
        return f"`{match['code']}`"
    return match["emphasis"] or "\\" + match["sign"]


# --------------------------------------------------------------------------------- MathML


def _visit_math(writer: Any, node: nodes.math) -> None:
    writer.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def _visit_math_block(writer: Any, node: nodes.math_block) -> None:
    formula = tex2mathml(node.astext(), as_block=True)
    writer.body.append(f'<div class="math" tabindex="0" role="group" aria-label="formula">{formula}</div>\n')
    raise nodes.SkipNode


# ---------------------------------------------------------------------------------- setup


def _write_assets(app: Sphinx) -> None:
    """The library's own style sheet and script, once for all pages, and the page that can be touched."""
    folder = Path(app.outdir).parent / "assets"
    folder.mkdir(parents=True, exist_ok=True)
    package = resources.files("flipslide.show")
    (folder / "flipslide.css").write_text(style(), "utf-8")
    (folder / "stepper.js").write_text(package.joinpath("stepper.js").read_text("utf-8"), "utf-8")
    (folder / "play.html").write_text(make_page(), "utf-8")
    app.config.html_static_path.append(str(folder))


def _close_session(app: Sphinx, tree: nodes.document) -> None:
    session = app.env.temp_data.pop("executed", None)
    if session:
        session.close()


def _check_offline(app: Sphinx, error: Exception | None) -> None:
    found = [] if error else offline.fetched_by_site(Path(app.outdir))
    if found:
        raise ExtensionError("the pages would fetch from elsewhere:\n" + "\n".join(found))


def setup(app: Sphinx) -> dict[str, Any]:
    for language in executed.LANGUAGES:
        app.add_directive(language, RunDirective)
    app.add_directive("answer", AnswerDirective)
    app.add_directive("play", PlayDirective)
    app.add_directive("commands", CommandsDirective)
    app.add_node(answer, html=(_visit_answer, _depart_answer))
    app.add_html_math_renderer("mathml", (_visit_math, None), (_visit_math_block, None))
    app.connect("builder-inited", _write_assets)
    app.connect("autodoc-process-docstring", _escape_docstring, priority=400)
    app.connect("doctree-read", _close_session)
    app.connect("build-finished", _check_offline)
    app.add_css_file("flipslide.css")
    app.add_css_file("pages.css")
    app.add_js_file("stepper.js", loading_method="defer")
    app.add_js_file("print.js", loading_method="defer")
    app.add_js_file("frames.js", loading_method="defer")
    return {"parallel_read_safe": False, "parallel_write_safe": True}
