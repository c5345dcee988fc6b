"""Everything that can be shown, in every format that it can be shown in."""

from __future__ import annotations

import base64
import io
import itertools
import json
import pickle
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import flipslide as fs
from flipslide.explain.demos import DEMOS, LAYER, make_demo, open_demo
from flipslide.show import (
    FORMATS,
    Cell,
    Code,
    Document,
    Formula,
    Frame,
    Frames,
    Grid,
    Grids,
    Heading,
    Shown,
    Table,
    Text,
)
from flipslide.show.motion import expand, spans_of, tween
from flipslide.show.plot import thin
from flipslide.show.raster import LACKING
from flipslide.show.scene import COLOURS, Label, Line, Rect, Scene, text_width, with_sentence
from flipslide.show.scene import Path as Drawn
from flipslide.show.svg import to_svg
from flipslide.show.text import to_ascii

X, W = [0, 1, 2, 3, 4], [1, -1, 2]
X2, W2 = [[1, 2, 0, 1], [0, 1, 3, 1], [2, 0, 1, 0], [1, 1, 0, 2]], [[1, 2], [3, 4]]
CHAPTERS = "flip scatter compare matrix im2col col2im direct gemm separable overlap fft numpy winograd".split()


def _layer() -> Any:
    return make_demo("cs231n")


#: Made when a test asks for them, so that one that cannot be made fails alone.
SHOWN: dict[str, Callable[[], Shown]] = {
    "signal": lambda: fs.explain(X, W),
    "full edge": lambda: fs.explain(X, W, "full", boundary="edge"),
    "fill": lambda: fs.explain(X, W, "full", boundary="constant", fill_value=7),
    "correlate": lambda: fs.explain(X, W, "same", operation="correlate", stride=2),
    "dilation": lambda: fs.explain(list(range(9)), W, dilation=2),
    "floats": lambda: fs.explain([0.1, 1 / 3, 1e-9, 12345.678], [0.5, -2.25]),
    "large": lambda: fs.explain([10**12, -(10**12), 7], [10**6, -3]),
    "complex": lambda: fs.explain([1 + 2j, 3, 1j], [2, 1j], operation="correlate"),
    "picture": lambda: fs.explain(X2, W2),
    "picture same": lambda: fs.explain(X2, W2, "same", boundary="wrap"),
    "around": lambda: fs.explain(np.arange(1000), W, around=500),
    "layer": _layer,
    "layer 1-D": lambda: fs.explain_layer([[1, 2, 3, 4], [0, 1, 0, 1]], [[[1, 2], [3, 4]]], [1], padding=1),
    "groups": lambda: fs.explain_layer(np.arange(20).reshape(4, 5), np.ones((4, 2, 3), int), groups=2),
    "transposed": lambda: fs.explain_transposed([[1, 2, 3]], [[W]], stride=2, padding=1),
    "transposed picture": lambda: fs.explain_transposed([X2[:2]], [[W2]], stride=2),
    "pooling": lambda: fs.explain_pool([X2], 2),
    "chain": lambda: fs.explain_shape(16, layers=[{"kernel": 3}, {"kernel": 3, "stride": 2}]),
    "box": lambda: fs.explain([3, 1, 4, 1, 5, 9], [2, 2, 2]).box(),
    "step": lambda: fs.explain(X, W).step(1),
    "step of a layer": lambda: _layer().step((0, 1, 1)),
    "table": lambda: fs.explain(X, W).table(),
    "code": lambda: fs.explain(X, W).code("numpy"),
    "graph forward": lambda: fs.graph(X, W),
    "graph": lambda: fs.graph(X, W).backward([1, 2, 3]),
    "graph same": lambda: fs.graph(X, W, "same", boundary="constant", fill_value=-7).backward(),
    "graph floats": lambda: fs.graph([0.125, 1 / 3, -2.5], [0.1, -1.5], "full").backward(),
    "graph picture": lambda: fs.graph(X2, W2).backward(),
    "graph layer": lambda: fs.graph_layer([[1, 2, 3, 4]], [[[1, -1]]], [10]).backward(),
    "graph cs231n": lambda: _layer().grad(),
    "fold": lambda: fs.graph(X, W).backward([1, 2, 3]).fold(),
    "fold stride": lambda: fs.graph(X, W, "same", stride=2, boundary="edge").backward().fold(),
    "focus output": lambda: fs.graph(X, W).backward().focus("y1"),
    "focus leaf": lambda: fs.graph(X, W).backward().focus("w0"),
    "focus loss": lambda: _layer().grad().focus("L"),
    **{f"{name} of a signal": lambda name=name: fs.explain(X, W).chapter(name) for name in CHAPTERS},
    **{f"{name} of a picture": lambda name=name: fs.explain(X2, W2).chapter(name) for name in CHAPTERS[:6]},
    **{f"{name} of a layer": lambda name=name: _layer().chapter(name) for name in ("im2col", "col2im")},
    **{f"demo {name}": lambda name=name: open_demo(name) for name in DEMOS},
}  # fmt: skip


@pytest.fixture(scope="module", params=SHOWN)
def shown(request: pytest.FixtureRequest) -> Shown:
    return SHOWN[request.param]()


def pictures(shown: Shown) -> list[Frame]:
    return [frame for block in shown.document().blocks if isinstance(block, Frames) for frame in block.frames]


# ------------------------------------------------------------------------------------ text


def test_text(shown: Shown) -> None:
    text = str(shown)
    assert text
    assert all(line == line.rstrip() for line in text.splitlines())
    plain = shown.text(ascii_only=True)
    assert plain.isascii()
    assert "?" not in plain or "?" in text


def test_paragraphs_keep_to_their_width(shown: Shown) -> None:
    kept = Document("", tuple(block for block in shown.document().blocks if isinstance(block, Text | Formula)))
    lines = Sample(kept).text().splitlines()
    assert max(map(len, lines), default=0) <= 72


def test_ascii_words() -> None:
    assert to_ascii("⌊5/2⌋ − 1·x̃ → ∂L") == "floor(5/2) - 1*x~ -> dL"


# -------------------------------------------------------------------------------- Markdown


def test_markdown_tables_are_rectangular(shown: Shown) -> None:
    text = re.sub(r"```.*?```", "", shown.markdown(), flags=re.DOTALL)
    tables = re.findall(r"(?:^\|.*\n?)+", text, flags=re.MULTILINE)
    for table in tables:
        rows = [len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()]
        assert len(set(rows)) == 1, table
        assert re.fullmatch(r"\|(:?-+:?\|)+", table.splitlines()[1])


# ----------------------------------------------------------------------------------- LaTeX


def test_latex_is_balanced(shown: Shown) -> None:
    body = shown.latex()
    opened: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+\*?)\}", body):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    assert body.replace(r"\{", "").count("{") == body.replace(r"\}", "").count("}")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_compiles(tmp_path: Path) -> None:
    """All of them in one file: TeX takes its time to start."""
    bodies = [make().latex(standalone=False) for make in SHOWN.values()]
    preamble = SHOWN["signal"]().latex().split(r"\begin{document}")[0]
    source = preamble + r"\begin{document}" + "\n\\newpage\n".join(bodies) + r"\end{document}"
    (tmp_path / "all.tex").write_text(source, encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    log = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, log[-3000:]
    assert "Missing character" not in log


# ------------------------------------------------------------------------------------- SVG

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("theme", ["light", "dark", "auto"])
def test_svg_is_xml_with_a_title_and_a_description(shown: Shown, theme: str) -> None:
    for frame in pictures(shown)[:3]:
        root = ET.fromstring(to_svg(frame.scene, theme))
        assert root.get("role") == "img"
        assert root.findtext(f"{SVG}title")
        assert root.findtext(f"{SVG}desc") == frame.sentence
        assert (root.find(f"{SVG}style") is not None) == (theme == "auto")


def test_svg_keeps_its_colours_without_style_sheets(shown: Shown) -> None:
    for frame in pictures(shown)[:3]:
        for element in ET.fromstring(to_svg(frame.scene, "light")).iter():
            if element.get("class"):
                assert element.get("fill")


def box_of(item: Label) -> tuple[float, float, float, float]:
    width = text_width(item.text, item.size) * (1.04 if item.bold else 1)
    left = item.x - {"start": 0, "middle": width / 2, "end": width}[item.anchor]
    return left, item.y - 0.36 * item.size, left + width, item.y + 0.36 * item.size


def test_nothing_is_drawn_outside_of_the_picture(shown: Shown) -> None:
    for frame in pictures(shown):
        scene = with_sentence(frame.scene, frame.sentence)
        for item in scene.items:
            for x, y in corners_of(item):
                assert -0.5 <= x <= scene.width + 0.5, (frame.scene.title, item)
                assert -0.5 <= y <= scene.height + 0.5, (frame.scene.title, item)


def corners_of(item: Any) -> list[tuple[float, float]]:
    if isinstance(item, Label):
        left, top, right, bottom = box_of(item)
        return [(left, top), (right, bottom)]
    if isinstance(item, Rect):
        return [(item.x, item.y), (item.x + item.width, item.y + item.height)]
    if isinstance(item, Line):
        return [(item.x1, item.y1), (item.x2, item.y2)]
    assert isinstance(item, Drawn)
    return list(item.points)


def test_no_label_lies_on_another(shown: Shown) -> None:
    for frame in pictures(shown):
        boxes = [(item, box_of(item)) for item in frame.scene.items if isinstance(item, Label) and item.text.strip()]
        for (a, one), (b, two) in itertools.combinations(boxes, 2):
            apart = one[2] <= two[0] + 1 or two[2] <= one[0] + 1 or one[3] <= two[1] + 1 or two[3] <= one[1] + 1
            assert apart, (frame.scene.title, a, b)


def test_the_law_of_labels_can_fail() -> None:
    with pytest.raises(AssertionError):
        test_no_label_lies_on_another(picture_of(Label(50, 20, "one"), Label(52, 22, "two")))
    with pytest.raises(AssertionError):
        test_nothing_is_drawn_outside_of_the_picture(picture_of(Label(498, 20, "one")))


def test_animated_svg_shows_every_scene_in_turn() -> None:
    """At the time of each scene the groups that are visible hold its items, in its order."""
    e = fs.explain(X, W)
    svg = e.animated_svg()
    played = list(expand(e.frames()))
    total, times = sum(frame.seconds for frame in played), []
    for frame in played:
        times.append(100 * (sum(f.seconds for f in played[: len(times)]) + frame.seconds / 2) / total)
    for frame, at in zip(played, times, strict=True):
        root = ET.fromstring(svg)
        seen = [
            text.text
            for child in root
            for text in (child.iter(f"{SVG}text") if shows(svg, child.get("class"), at) else ())
        ]
        scene = with_sentence(frame.scene, frame.sentence)
        assert seen == [item.text for item in scene.items if isinstance(item, Label)]
    assert "prefers-reduced-motion:no-preference" in svg
    last = with_sentence(played[-1].scene, played[-1].sentence)
    kept = [
        text.text
        for child in ET.fromstring(svg)
        if child.get("visibility") is None
        for text in child.iter(f"{SVG}text")
    ]
    assert kept == [item.text for item in last.items if isinstance(item, Label)]


def shows(svg: str, name: str | None, at: float) -> bool:
    """Whether the rule of a group makes it visible at a share of the whole time."""
    rule = re.search(rf"@keyframes {name}{{(.*?}})}}", svg) if name and name.startswith("fs-k") else None
    if rule is None:
        return True
    steps = [(float(share), seen == "visible") for share, seen in re.findall(r"([\d.]+)%{visibility:(\w+)}", rule[1])]
    return [seen for share, seen in steps if share <= at][-1]


@pytest.mark.parametrize(
    "name", ["signal", "full edge", "picture", "layer", "matrix of a signal", "graph", "demo stride"]
)
def test_a_series_is_painted_from_its_changes(name: str) -> None:
    scenes = [frame.scene for frame in SHOWN[name]().frames()]
    spans = spans_of(scenes)
    for n, scene in enumerate(scenes):
        assert tuple(span.item for span in spans if span.first <= n <= span.last) == scene.items
    assert len(spans) < sum(len(scene.items) for scene in scenes)


def test_the_story_is_one_scene() -> None:
    """x, w and y are there from the first picture; w is flipped where it lies and slides from there."""
    first, flipped, begun, *_ = (frame.scene for frame in fs.explain(X, W).frames())
    for scene in (first, flipped, begun):
        words = [item.text for item in scene.items if isinstance(item, Label)]
        assert {"x", "y"} < set(words)
        assert {"w", "flipped w"} & set(words)
    assert places_of(first) == places_of(flipped)[::-1]
    assert places_of(flipped) == places_of(begun)
    assert len({(scene.width, scene.height) for scene in (first, flipped, begun)}) == 1


def places_of(scene: Scene) -> list[float]:
    """Where the taps stand, in the order of their indices."""
    taps = {item.motion.key: item.x for item in scene.items if isinstance(item, Rect) and item.motion}
    return [taps[key] for key in sorted(taps) if key.startswith("w") and key[1:].isdigit()]


def test_on_the_way_the_window_slides_then_products_fall_then_the_sum_flies() -> None:
    *_, before, after = (frame.scene for frame in fs.explain(X, W).frames())

    def place(time: float, kind: type, key: str) -> tuple[float, float] | None:
        found = [
            i for i in tween(before, after, time).items if isinstance(i, kind) and i.motion and i.motion.key == key
        ]
        return (found[0].x, found[0].y) if found else None

    assert place(0, Rect, "window") < place(0.5, Rect, "window") < place(1, Rect, "window")
    assert place(0.9, Label, "product 2 4") is None
    assert place(1.1, Label, "product 2 4")[1] < place(2, Label, "product 2 4")[1]
    assert place(1.9, Label, "sum 2") is None
    assert place(2.1, Label, "sum 2")[1] < place(3, Label, "sum 2")[1]
    assert place(3, Label, "sum 2") in [item[:2] for item in after.items if isinstance(item, Label) and item.motion]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    one, two = sorted((luminance(a), luminance(b)))
    return (two + 0.05) / (one + 0.05)


INKS = [*(("ink", fill) for fill in ("paper", "blank", "x", "w", "y", "gradient", "padding")), ("faint", "paper"),
        ("faint", "padding"), ("faint", "blank"), *((f"{name}-ink", ground) for name in ("x", "w", "y", "gradient")
                                                    for ground in ("paper", "blank"))]  # fmt: skip


@pytest.mark.parametrize("dark", [0, 1])
@pytest.mark.parametrize(("ink", "fill"), INKS)
def test_contrast(ink: str, fill: str, dark: int) -> None:
    assert contrast(COLOURS[ink][dark], COLOURS[fill][dark]) >= 4.5


@pytest.mark.parametrize("dark", [0, 1])
def test_the_outline_of_the_window_stands_out(dark: int) -> None:
    for fill in ("paper", "blank", "x", "w", "y"):
        assert contrast(COLOURS["window"][dark], COLOURS[fill][dark]) >= 3


# ------------------------------------------------------------------------------------ HTML


class Balance(HTMLParser):
    """Checks that what is opened is closed, and remembers the order of tags."""

    VOID = frozenset({"meta", "br", "hr", "img", "input", "link"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "data", "action")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_whole_and_fetches_nothing(shown: Shown) -> None:
    page = shown.html()
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert parser.addresses == []
    assert set(re.findall(r"https?://[^\s\"<]*", page)) <= {"http://www.w3.org/2000/svg"}
    assert "@import" not in page
    assert "url(" not in page
    ids = re.findall(r'\sid="([^"]*)"', page)
    assert ids == []  # several of them may stand on one page


def test_html_has_its_numbers_in_a_table_before_they_are_drawn() -> None:
    for name in ("signal", "picture", "layer", "graph"):
        parser = Balance()
        parser.feed(SHOWN[name]().html())
        assert parser.seen.index("table") < parser.seen.index("svg")


def test_html_moves_only_where_there_is_something_to_step_through(shown: Shown) -> None:
    series = [b for b in shown.document().blocks if isinstance(b, Frames) and len(b.frames) > 1]
    assert shown.html().count("<script>") == bool(series)
    assert shown.html().count('<script type="application/json">') == len(series)
    assert shown.html().count('class="fs-figure fs-frames"') == len(series)


@pytest.mark.parametrize(("name", "most"), [("layer", 80_000), ("im2col of a layer", 100_000), ("signal", 40_000)])
def test_html_is_small(name: str, most: int) -> None:
    """A page, and what a notebook keeps of each cell."""
    assert len(SHOWN[name]().html().encode()) <= most


def test_html_of_a_large_picture_is_small() -> None:
    numbers = np.random.default_rng(0)
    e = fs.explain(numbers.integers(0, 9, (12, 12)), numbers.integers(-3, 4, (5, 5)))
    assert len(e.html().encode()) <= 200_000


def test_html_escapes_what_it_is_told() -> None:
    wild = "<b>&\"'"
    blocks = (
        Heading(wild), Text(wild), Formula(wild, "x"), Grids((Grid(wild, ((Cell(wild, "x"),),)),)),
        Table(wild, (wild,), ((wild,),), "l"), Code("python", wild),
        Frames(wild, (Frame(Scene(50, 50, (Label(20, 20, wild),), wild, wild), wild),) * 2),
    )  # fmt: skip
    sample = Sample(Document(wild, blocks))
    parser = Balance()
    parser.feed(sample.html())
    assert "b" not in parser.seen
    ET.fromstring(sample.svg())


def test_notebooks_get_text_and_html(shown: Shown) -> None:
    bundle = shown._repr_mimebundle_()
    wanted = {"text/plain", "text/html", "text/latex"} | ({"image/svg+xml"} if pictures(shown) else set())
    assert set(bundle) == wanted
    assert bundle["text/plain"] == str(shown)
    assert bundle["text/html"].startswith('<section class="fs">')


# ------------------------------------------------------------------------------------ JSON


def test_json(shown: Shown) -> None:
    data = json.loads(shown.to_json(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert data["schema"].startswith("flipslide-") if "schema" in data else data


# ------------------------------------------------------------------------------ the formats


class Sample(Shown):
    """A document by itself."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def document(self) -> Document:
        return self._document


def picture_of(*labels: Label) -> Sample:
    frame = Frame(Scene(500, 50, labels, "title", "d"), "")
    return Sample(Document("", (Frames("f", (frame,)),)))


def test_every_format_of_everything(shown: Shown, tmp_path: Path) -> None:
    """Without the pixels, which take longer and have their own tests."""
    for kind in ("txt", "md", "tex", "html", "json", *(["svg"] if pictures(shown) else [])):
        shown.save(tmp_path / f"a.{kind}")
        assert (tmp_path / f"a.{kind}").read_text(encoding="utf-8") == shown.render(kind)


def test_formats_that_there_are_not(tmp_path: Path) -> None:
    with pytest.raises(fs.ParameterError, match="'txt', 'md'"):
        fs.explain(X, W).save(tmp_path / "a.doc")
    with pytest.raises(fs.ParameterError, match="no picture"):
        fs.explain(X, W).table().svg()
    with pytest.raises(fs.ParameterError, match="numbers 0 to 2"):
        fs.explain(X, W).svg(99)
    assert fs.graph(X, W).formats == (*FORMATS, "dot", "mmd")


# ---------------------------------------------------------------------------------- pixels


def test_every_picture_has_pixels(shown: Shown) -> None:
    image = pytest.importorskip("PIL.Image")
    if not pictures(shown):
        return
    frame = shown.frame()
    scene = with_sentence(frame.scene, frame.sentence)
    for theme, paper in (("light", (255, 255, 255)), ("dark", (20, 24, 31))):
        picture = image.open(io.BytesIO(shown.png(theme=theme))).convert("RGB")
        assert abs(picture.width - 2 * scene.width) <= 2
        assert abs(picture.height - 2 * scene.height) <= 2
        assert picture.getpixel((1, 1)) == paper


@pytest.mark.parametrize(("kind", "form"), [("gif", "GIF"), ("apng", "PNG"), ("webp", "WEBP")])
def test_animations_hold_every_frame(kind: str, form: str) -> None:
    image = pytest.importorskip("PIL.Image")
    e = fs.explain(X, W)
    picture = image.open(io.BytesIO(e.animation(kind)))
    assert picture.format == form
    # Neighbours that look the same are one frame, for the time of both.
    assert len(e.frames()) <= picture.n_frames <= len(list(expand(e.frames())))
    assert picture.info.get("loop", 0) == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_gifs_keep_their_colours(theme: str) -> None:
    image = pytest.importorskip("PIL.Image")
    g = fs.graph([0, 1, 2], W)
    picture = image.open(io.BytesIO(g.animation("gif", theme)))
    picture.seek(1)
    found = {colour for _, colour in picture.convert("RGB").getcolors(2**24)}
    named = ("paper", "x", "w", "y", "ink", "x-ink", "w-ink")
    wanted = {tuple(bytes.fromhex(COLOURS[name][theme == "dark"][1:])) for name in named}
    assert wanted <= found


def test_pixels_have_no_automatic_theme() -> None:
    with pytest.raises(fs.ParameterError, match="either 'light' or 'dark'"):
        fs.explain(X, W).png(theme="auto")


def test_the_font_has_every_sign_of_the_pictures() -> None:
    """Or the sign is written in words: no other font is asked, and none need be installed."""
    image_font = pytest.importorskip("PIL.ImageFont")
    roboto = pytest.importorskip("font_roboto")
    font = image_font.truetype(roboto.Roboto, 40)
    unknown = bytes(font.getmask("\U0010fffe"))
    signs: set[str] = set()
    for make in SHOWN.values():
        for frame in pictures(make()):
            texts = [frame.sentence, *(item.text for item in frame.scene.items if isinstance(item, Label))]
            for text in texts:
                for sign in LACKING:
                    text = text.replace(sign, "")
                signs |= set(text)
    assert len(signs) > 40
    assert [sign for sign in sorted(signs - {" "}) if bytes(font.getmask(sign)) == unknown] == []


def test_letters_are_drawn_without_fonts_of_the_system() -> None:
    pytest.importorskip("resvg_py")
    assert picture_of().png() != picture_of(Label(30, 15, "8")).png()


def test_a_moving_picture_shows_itself() -> None:
    moving = fs.explain([0, 1, 2], [1, 1]).animation("webp")
    shown = moving._repr_mimebundle_()
    assert isinstance(moving, bytes)
    assert set(shown) == {"text/plain", "text/html"}
    data = re.findall(r'src="data:image/webp;base64,([^"]+)"', shown["text/html"])
    assert [base64.b64decode(part) for part in data] == [bytes(moving)]
    assert len(shown["text/plain"]) < 80
    assert pickle.loads(pickle.dumps(moving)) == moving


@given(st.lists(st.integers(-9, 9).map(lambda tenths: tenths / 10), min_size=1, max_size=60), st.floats(0.1, 2))
def test_a_thinned_line_passes_every_point(heights: list[float], reach: float) -> None:
    places = [(float(x), y) for x, y in enumerate(heights)]
    kept = thin(places, reach)
    assert (kept[0], kept[-1]) == (places[0], places[-1])
    line = np.interp(range(len(places)), [x for x, _ in kept], [y for _, y in kept])
    assert np.max(np.abs(line - heights)) <= reach * (1 + 1e-9) + 1e-9


def test_cells_of_a_notebook_are_small() -> None:
    example = fs.explain([0, 1, 2, 3, 4], [1, -1, 2])
    layer = fs.explain_layer(LAYER["x"], LAYER["w"], LAYER["bias"], stride=2, padding=1)
    for shown in (
        example,
        example.scatter(),
        example.compare(),
        layer,
        fs.explain_functions(),
        fs.graph([0, 1, 2, 3, 4], [1, -1, 2]),
    ):
        assert len(shown.html(page=False)) < 100_000
