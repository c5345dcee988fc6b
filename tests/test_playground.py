"""The page that can be touched: its numbers are Python's, it needs nothing, its server answers nobody else."""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import wave
from collections.abc import Iterator
from fractions import Fraction
from functools import cache, partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from click.testing import CliRunner

import flipslide as fs
from flipslide.cli import main
from flipslide.geometry import BOUNDARIES, MODES, PADDINGS
from flipslide.playground import Server, make_page
from flipslide.playground.exercises import level_names
from flipslide.playground.page import EXPORT, policy_of, read_static

STATIC = Path(fs.__file__).parent / "playground/static"
MODULES = sorted(path.name for path in STATIC.glob("*.js"))
NODE = shutil.which("node")
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
needs_node = pytest.mark.skipif(NODE is None, reason="needs Node")
needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")

# ------------------------------------------------------------------------------- the twin

#: How many random calls; the twin was held equal on 10,000.
CALLS = int(os.environ.get("FLIPSLIDE_TWIN_CALLS", "300"))


def run_node(code: str, data: Any) -> Any:
    """What a script with the modules at hand prints for `data`, which it finds as `given`."""
    folder = STATIC.as_uri()
    names = "\n".join(f'import * as {name[:-3]} from "{folder}/{name}";' for name in MODULES if name != "main.js")
    read = 'import { readFileSync } from "node:fs";\nconst given = JSON.parse(readFileSync(0, "utf8"));'
    script = f"{read}\n{names}\n{code}"
    command = [NODE or "node", "--input-type=module", "-e", script]
    done = subprocess.run(command, input=json.dumps(data), capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def write_number(value: Any) -> str:
    if isinstance(value, complex):
        return f"{value.real!r}{'' if str(value.imag).startswith('-') else '+'}{value.imag!r}j"
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    return repr(value) if isinstance(value, float) else str(value)


def nest(value: Any) -> Any:
    return [nest(entry) for entry in value] if isinstance(value, list) else write_number(value)


KINDS = {
    "integers": lambda rng: int(rng.integers(-9, 10)),
    "large": lambda rng: int(rng.integers(-(10**15), 10**15)),
    "fractions": lambda rng: Fraction(int(rng.integers(-9, 10)), int(rng.integers(1, 7))),
    "floats": lambda rng: float(rng.normal() * 10.0 ** rng.integers(-8, 9)),
    "not finite": lambda rng: [float(rng.normal()), float("nan"), float("inf"), float("-inf"), -0.0][rng.integers(5)],
    "complex": lambda rng: complex(int(rng.integers(-5, 6)), int(rng.integers(-5, 6))),
}


def draw_array(rng: np.random.Generator, shape: tuple[int, ...], kind: str) -> Any:
    if not shape:
        return KINDS[kind](rng)
    return [draw_array(rng, shape[1:], kind) for _ in range(shape[0])]


def draw_call(rng: np.random.Generator) -> dict[str, Any]:
    ndim = int(rng.integers(1, 3))
    kind = list(KINDS)[rng.integers(len(KINDS))]
    pick = lambda words: words[int(rng.integers(len(words)))]  # noqa: E731
    words = {
        "mode": pick(MODES), "operation": pick(("convolve", "correlate")), "boundary": pick(BOUNDARIES),
        "stride": int(rng.integers(1, 4)), "dilation": int(rng.integers(1, 4)),
    }  # fmt: skip
    x = draw_array(rng, tuple(rng.integers(1, 9 if ndim == 1 else 6, ndim)), kind)
    w = draw_array(rng, tuple(rng.integers(1, 6 if ndim == 1 else 4, ndim)), kind)
    fill = int(rng.integers(-3, 4)) if words["boundary"] == "constant" else 0
    return {"x": x, "w": w, "fill": fill, "words": words, "kind": kind}


def draw_layer(rng: np.random.Generator) -> dict[str, Any]:
    ndim, groups = int(rng.integers(1, 3)), int(rng.integers(1, 3))
    channels, filters = groups * int(rng.integers(1, 3)), groups * int(rng.integers(1, 3))
    kind = ["integers", "floats", "fractions"][rng.integers(3)]
    padding: Any = [*range(3), [[1, 2]] * ndim, *PADDINGS][rng.integers(4 + len(PADDINGS))]
    words = {
        "stride": int(rng.integers(1, 4)),
        "padding": padding,
        "dilation": int(rng.integers(1, 3)),
        "groups": groups,
    }
    x = draw_array(rng, (channels, *rng.integers(1, 6, ndim)), kind)
    w = draw_array(rng, (filters, channels // groups, *rng.integers(1, 4, ndim)), kind)
    bias = draw_array(rng, (filters,), kind) if rng.integers(2) else None
    return {"x": x, "w": w, "bias": bias, "words": words, "kind": kind}


def ones_like(y: Any) -> Any:
    return [ones_like(row) for row in y] if isinstance(y, list) else 1


def plain_trace(call: dict[str, Any]) -> Any:
    """Python's trace as data, with gradients where it has them; "refused" where it refuses."""
    words = dict(call["words"])
    if isinstance(words.get("padding"), list):
        words["padding"] = tuple(map(tuple, words["padding"]))
    try:
        if "bias" in call:
            return drop(json.loads(fs.explain_layer(call["x"], call["w"], call["bias"], **words).to_json()))
        if call["kind"] in ("integers", "fractions"):
            count = json.loads(fs.explain(call["x"], call["w"], fill_value=call["fill"], **words).to_json())["y"]
            words["dy"] = weigh(count, iter(range(1, 999)))
            call["dy"] = words["dy"]
        return drop(json.loads(fs.explain(call["x"], call["w"], fill_value=call["fill"], **words).to_json()))
    except fs.FlipslideError:
        return "refused"


def weigh(y: Any, numbers: Iterator[int]) -> Any:
    return [weigh(row, numbers) for row in y] if isinstance(y, list) else next(numbers)


def drop(trace: Any) -> Any:
    """Without the graph, which the page makes from the steps, a layer's padding, and whether NaN equals NaN."""
    if trace["gradients"]:
        trace["gradients"] = {name: trace["gradients"][name] for name in ("dy", "loss", "dx", "dw", "db")}
    if trace["operation"] == "layer":
        del trace["mode"]
    if "nan" in json.dumps(trace["w"]):
        del trace["flip_matters"]
    return trace


TWIN = """
const read = (nested) => number.mapNested(nested, number.parse);
const make = (call) => {
  const dy = call.dy ? read(call.dy) : null;
  if ("bias" in call) return trace.makeLayerTrace(read(call.x), read(call.w), call.bias && read(call.bias), call.words);
  return trace.makeTrace(read(call.x), read(call.w), { ...call.words, fill: BigInt(call.fill), dy });
};
const answer = (call) => {
  try {
    return number.toJson(make(call));
  } catch (error) {
    if (error instanceof trace.TraceError) return '"refused"';
    throw error;
  }
};
console.log(`[${given.map(answer).join(",")}]`);
"""


@needs_node
def test_the_twin_has_the_numbers_of_python() -> None:
    rng = np.random.default_rng(20)
    calls = [draw_layer(rng) if i % 3 == 0 else draw_call(rng) for i in range(CALLS)]
    wanted = [plain_trace(call) for call in calls]
    sent = [
        {**call, **{name: nest(call[name]) for name in ("x", "w", "dy", "bias") if call.get(name) is not None}}
        for call in calls
    ]
    made = run_node(TWIN, sent)
    assert sum(trace != "refused" for trace in wanted) > 0.6 * CALLS
    for call, python, twin in zip(calls, wanted, made, strict=True):
        if twin != "refused":
            twin = drop(twin)
        assert twin == python, call


TYPED = {
    "3": "3", "-1/3": '"-1/3"', "4/2": '"2"', "0.5": "0.5", "−2": "-2", "1e3": "1000", "nan": '"nan"',
    "2-3i": '{"real": 2, "imag": -3}', "i": '{"real": 0, "imag": 1}', "-j": '{"real": 0, "imag": -1}',
    "1/0": "null", "": "null", "-": "null", "1 2": "null", "a": "null",
}  # fmt: skip


@needs_node
def test_numbers_as_people_type_them() -> None:
    code = "console.log(JSON.stringify(given.map((text) => number.toJson(number.parse(text)))));"
    assert dict(zip(TYPED, run_node(code, list(TYPED)), strict=True)) == TYPED


@needs_node
def test_numbers_as_people_write_them() -> None:
    given = ["-1", "1/3", "-0.5", "2-3i", "i", "-i", "0.30000000000000004", "12345678901234567890"]
    code = "console.log(JSON.stringify(given.map((text) => number.factorText(number.parse(text)))));"
    assert run_node(code, given) == ["(−1)", "1/3", "(−0.5)", "(2 − 3i)", "i", "(−i)", "0.3", "12345678901234567890"]


# ----------------------------------------------------------------------------- the copies


@needs_node
@pytest.mark.parametrize("language", ["flipslide", "numpy"])
def test_a_copied_program_gives_the_numbers_of_the_page(language: str) -> None:
    rng = np.random.default_rng(7)
    calls = [draw_call(rng) for _ in range(400)]
    calls = [call for call in calls if call["kind"] in ("integers", "fractions") and plain_trace(call) != "refused"]
    code = (
        "const read = (nested) => number.mapNested(nested, number.parse);"
        "const make = ({ x, w, words, fill }) => trace.makeTrace(read(x), read(w), { ...words, fill: BigInt(fill) });"
        f'console.log(JSON.stringify(given.map((call) => copy.COPIES["{language}"](make(call)))));'
    )
    programs = run_node(code, [{**call, "x": nest(call["x"]), "w": nest(call["w"])} for call in calls])
    tried = 0
    for call, program in zip(calls, programs, strict=True):
        if language == "numpy" and (call["kind"] == "fractions" or too_short(call)):
            continue
        names: dict[str, Any] = {}
        exec(program, names)
        words = {**call["words"], "fill_value": call["fill"]}
        wanted = getattr(fs, words.pop("operation"))(np.array(call["x"]), np.array(call["w"]), **words)
        assert np.array_equal(np.asarray(names["y"], dtype=object), np.asarray(wanted, dtype=object)), program
        tried += 1
    assert tried > 10


def too_short(call: dict[str, Any]) -> bool:
    """NumPy swaps arguments where w is longer, and its pad mirrors a single sample differently."""
    lengths = json.loads(fs.explain(call["x"], call["w"], fill_value=call["fill"], **call["words"]).to_json())[
        "lengths"
    ]
    return any(length["n"] < length["span"] or length["before"] < 0 for length in lengths)


# --------------------------------------------------------------------------------- the page


def test_the_page_stands_alone() -> None:
    page = make_page()
    assert not re.search(r"""(?:src|href)\s*=\s*["'](?!#)""", page)
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", page)
    assert re.search(r"^\s*(?:import|export)\b", page, re.M) is None


def test_the_policy_names_this_script_and_no_other() -> None:
    page = make_page()
    script, style = (re.search(rf"<{tag}[^>]*>(.*?)</{tag}>", page, re.S) for tag in ("script", "style"))
    assert script
    assert style
    assert f'content="{policy_of(script[1], style[1])}"' in page
    assert policy_of(script[1] + " ", style[1]) not in page


@pytest.mark.parametrize("module", MODULES)
def test_every_export_can_be_joined(module: str) -> None:
    source = read_static(module)
    assert len(EXPORT.findall(source)) == len(re.findall(r"^\s*export\b", source, re.M))


def test_the_page_as_a_file(tmp_path: Path) -> None:
    target = tmp_path / "play.html"
    assert CliRunner().invoke(main, ["play", "-o", str(target)]).exit_code == 0
    assert target.read_text("utf-8") == make_page()
    assert CliRunner().invoke(main, ["play", "-o", str(target)]).exit_code == 6


# ------------------------------------------------------------------------------- the server


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def ask(server: Server, method: str = "GET", path: str = "", body: Any = None, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=10)
    connection.request(method, path if path.startswith("/") else f"/{server.token}/{path}", body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def test_the_page_is_served(server: Server) -> None:
    assert ask(server) == (200, make_page())
    assert json.loads(ask(server, path="api/info")[1])["version"] == fs.__version__
    assert ask(server, "HEAD") == (200, "")


def test_only_this_machine_is_listened_to(server: Server) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/{server.token}/"


@cache
def tokens() -> list[str]:
    made = []
    for _ in range(3):
        with Server() as one:
            made.append(one.token)
    return made


def test_no_two_addresses_are_alike() -> None:
    assert len(set(tokens())) == 3
    assert min(map(len, tokens())) >= 20


@pytest.mark.parametrize(
    "path, headers, status",
    [
        ("/", {}, 404),
        ("/wrong-token/", {}, 404),
        ("/../../etc/passwd", {}, 404),
        ("page.html", {}, 404),
        ("static/main.js", {}, 404),
        ("", {"Host": "evil.example"}, 421),
        ("", {"Host": "127.0.0.1"}, 421),
        ("", {"Origin": "http://evil.example"}, 403),
        ("", {"Origin": "null"}, 403),
    ],
)
def test_nobody_else_is_answered(server: Server, path: str, headers: dict[str, str], status: int) -> None:
    code, text = ask(server, path=path, **headers)
    assert code == status
    assert len(text) < 40


def test_its_own_origin_is_answered(server: Server) -> None:
    assert ask(server, Origin=f"http://127.0.0.1:{server.server_port}")[0] == 200
    assert ask(server, Host=f"localhost:{server.server_port}")[0] == 200


def test_a_plan_of_this_machine(server: Server) -> None:
    status, text = ask(server, "POST", "api/plan", json.dumps({"x": [480, 640], "w": [3, 3]}))
    assert status == 200
    assert text == str(fs.plan((480, 640), (3, 3), "float32", mode="same"))


@pytest.mark.parametrize("body", ["", "{", "[]", "{}", '{"x": 5, "w": 5}', '{"x": [2], "w": ["a"]}', "0" * 70000])
def test_a_bad_question_is_refused(server: Server, body: str) -> None:
    assert ask(server, "POST", "api/plan", body)[0] == 400


def test_the_command_ends_quietly() -> None:
    command = [sys.executable, "-m", "flipslide", "play", "--no-browser"]
    # A shell's background jobs ignore the interrupt, and so would their children.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, preexec_fn=heed) as program:
        assert program.stderr
        url = program.stderr.readline()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/\n", url)
        program.send_signal(signal.SIGINT)
        rest = program.stderr.read()
        assert program.wait(20) == 0
    assert "Traceback" not in rest


# ------------------------------------------------------------------------------- a browser

#: Acts on the page as a reader would, and leaves what is then there in its title.
ACT = """
const seen = [];
const find = (key) => document.querySelector(`[data-key="${key}"]`);
const look = () => seen.push({
  line: document.querySelector(".line")?.textContent ?? "",
  y: [...document.querySelectorAll("button.y")].map((cell) => cell.textContent).join(" "),
  hash: decodeURIComponent(location.hash),
  lit: document.querySelectorAll(".lit").length,
  focus: document.activeElement?.dataset?.key ?? "",
  error: document.querySelector(".error")?.textContent ?? "",
  title: document.title,
  wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
});
const fire = (element, event) => element.dispatchEvent(event);
const enter = (key, value, name) => {
  find(key).focus();
  find(key).value = value;
  fire(find(key), new Event(name, { bubbles: true }));
};
const acts = {
  click: (key) => find(key).click(),
  key: (key, name) => {
    find(key).focus();
    fire(find(key), new KeyboardEvent("keydown", { key: name, bubbles: true, cancelable: true }));
  },
  type: (key, text) => enter(key, text, "input"),
  choose: (key, value) => enter(key, value, "change"),
  open: (address) => {
    history.replaceState(null, "", address);
    fire(window, new HashChangeEvent("hashchange"));
  },
  point: (key) => fire(find(key), new PointerEvent("pointerover", { bubbles: true })),
};
look();
for (const [act, ...rest] of ACTS) { acts[act](...rest); look(); }
const note = document.createElement("pre");
note.id = "seen";
note.textContent = JSON.stringify(seen);
document.body.append(note);
"""


def browse(tmp_path: Path, page: str, address: str = "", *options: str) -> str:
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    command = [
        CHROMIUM or "", "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--dump-dom",
        f"--user-data-dir={tmp_path / 'profile'}", *options, path.as_uri() + address,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


def act(tmp_path: Path, acts: list[list[str]], address: str = "", *options: str) -> list[dict[str, Any]]:
    """The page's policy allows no script but its own, so it is taken out for these."""
    page = re.sub(r"<meta http-equiv[^>]*>", "", make_page())
    script = f'<script type="module">{ACT.replace("ACTS", json.dumps(acts))}</script>'
    dom = browse(tmp_path, page.replace("</body>", f"{script}</body>"), address, *options)
    found = re.search(r'<pre id="seen">(.*?)</pre>', dom, re.S)
    assert found
    seen: list[dict[str, Any]] = json.loads(found[1].replace("&amp;", "&"))
    return seen


@needs_browser
def test_a_double_click_shows_x_w_and_y_at_once(tmp_path: Path) -> None:
    dom = browse(tmp_path, make_page())
    for name in ("x[0]", "x[4]", "w[0]", "w[2]", "y[0] = 1", "y[2] = 5"):
        assert f'aria-label="{name}"' in dom
    assert "y[0] = 2·0 + (−1)·1 + 1·2 = 1" in dom


@needs_browser
def test_the_window_slides_by_keys(tmp_path: Path) -> None:
    seen = act(tmp_path, [["key", "grip", name] for name in ("ArrowRight", "End", "ArrowRight", "Home", "ArrowLeft")])
    assert [state["line"][:4] for state in seen] == ["y[0]", "y[1]", "y[2]", "y[2]", "y[0]", "y[0]"]
    assert {state["focus"] for state in seen[1:]} == {"grip"}
    assert seen[1]["hash"] == "#/window?at=1"


@needs_browser
def test_every_switch_changes_the_numbers_and_can_be_undone(tmp_path: Path) -> None:
    acts = [["click", "flip w"], ["choose", "mode", "full"], ["click", "stride more"], ["click", "dilation more"],
            ["choose", "outside of x", "wrap"], *[["click", "Undo"]] * 5, ["click", "Redo"]]  # fmt: skip
    seen = [state["y"] for state in act(tmp_path, acts)]
    assert seen[0] == "1 3 5"
    assert seen[1] == "3 5 7"
    assert len(set(seen[:6])) == 6
    assert seen[6:11] == seen[4::-1]
    assert seen[11] == "3 5 7"


@needs_browser
def test_a_number_is_written_over(tmp_path: Path) -> None:
    typed = [("x 2", "-"), ("x 2", "-1/2"), ("w 0", "10"), ("all of x", "1 1 1"), ("all of x", "1 1")]
    acts = [["type", key, text] for key, text in typed]
    seen = act(tmp_path, acts)
    assert [state["y"] for state in seen] == ["1 3 5", "1 3 5", "−3/2 11/2 0", "−6 65/2 36", "11", "11"]
    assert "does not" not in seen[4]["error"]
    assert "w spans 3 samples, x has 2" in seen[5]["error"]


@needs_browser
def test_pointing_lights_all_that_meets(tmp_path: Path) -> None:
    seen = act(tmp_path, [["point", "x 2"], ["point", "w 0"], ["point", "y 1"]])
    # x[2], one product, three taps, three results; w[0] likewise; y[1] with its three samples and taps.
    assert [state["lit"] for state in seen] == [0, 1 + 1 + 3 + 3, 1 + 1 + 3 + 3, 1 + 3 + 3]


ADDRESSES = [
    *(f"#/window?tab={tab}{rest}" for tab in ("window", "stamps", "matrix", "columns", "graph", "waves")
      for rest in ("", "&x=1,2,0,1;0,1,3,1;2,0,1,0&w=1,2;3,4&mode=same&boundary=mirror&stride=2")),
    "#/layer", "#/layer?view=flat&lat=4", "#/plane", "#/sound", "#/functions",
    *(f"#/exercises?level={level}" for level in level_names()),
]  # fmt: skip


@needs_browser
def test_a_telephone_does_not_scroll_sideways(tmp_path: Path) -> None:
    seen = act(tmp_path, [["open", address] for address in ADDRESSES], "", "--window-size=500,800")
    assert [state["hash"] for state in seen[1:]] == ADDRESSES
    assert [state["wide"] for state in seen if state["wide"] > 0] == []
    assert len({state["title"] for state in seen}) == 6


@needs_browser
def test_a_link_opens_the_same_page(tmp_path: Path) -> None:
    (seen,) = act(tmp_path, [], "#/window?x=1,2&w=1/2,1&mode=full&nonsense=1&stride=a&boundary=nowhere")
    assert seen["y"] == "1/2 2 2"


STATES = [
    "#/plane?kernel=0,1,0;1,-4,1;0,1,0&shown=size only",
    "#/sound?sound=a melody&place=a small room&mix=20",
    "#/functions?f=bell&g=triangle&time=75",
    "#/window?tab=waves&frequency=5&circle=6",
    "#/layer?lx=1,2;3,4&lw=1~2~-1&lb=0,1,2&lstride=1&lpad=0",
]


@needs_browser
def test_every_room_is_in_its_address(tmp_path: Path) -> None:
    """What the address says is kept, and stands there again once something else has changed."""
    seen = act(tmp_path, [step for address in STATES for step in (["open", address], ["click", "room exercises"])])
    assert {state["error"] for state in seen} == {""}
    for address, moved in zip(STATES, seen[2::2], strict=True):
        assert set(address.split("?")[1].split("&")) <= set(moved["hash"].split("?")[1].split("&"))


WRONG = ["kernel=1,2;3,4", "kernel=1,a,1", "lw=1~2", "lx=1,2;3", "lb=1,2,3", "sound=thunder"]


@needs_browser
def test_an_address_that_does_not_fit_is_the_beginning(tmp_path: Path) -> None:
    rooms = {"k": "plane", "l": "layer", "s": "sound"}
    steps = [(["open", f"#/window?{wrong}"], ["click", f"room {rooms[wrong[0]]}"]) for wrong in WRONG]
    seen = act(tmp_path, [step for pair in steps for step in pair])[2::2]
    assert [(state["error"], state["hash"]) for state in seen] == [("", f"#/{rooms[wrong[0]]}") for wrong in WRONG]


@needs_browser
def test_a_layer_grows_and_shrinks(tmp_path: Path) -> None:
    acts = [
        ["click", key] for key in ("filters more", "channels less", "taps less", "dilation more", "size more", "Undo")
    ]
    seen = act(tmp_path, acts, "#/layer")
    assert [len(state["y"].split()) for state in seen] == [18, 27, 27, 27, 27, 27, 27]
    assert len({state["y"] for state in seen[:6]}) == 6
    assert seen[6]["y"] == seen[4]["y"]


@needs_browser
def test_a_layer_is_written_over_and_linked(tmp_path: Path) -> None:
    (start, typed) = act(tmp_path, [["type", "lx 0,0,0", "7"]], "#/layer?view=flat")
    assert start["y"] == "1 2 9 8 12 12 7 8 11 2 0 2 4 −3 −2 −2 −3 −5"
    assert typed["y"] != start["y"]
    (linked,) = act(tmp_path, [], typed["hash"])
    assert linked["y"] == typed["y"]


# ------------------------------------------------------------------------------ drawings


@needs_node
@pytest.mark.parametrize("colours", [2, 40, 256])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (90, 110)])
def test_a_moving_picture_can_be_read(size: tuple[int, int], colours: int) -> None:
    from PIL import Image

    rng = np.random.default_rng(colours)
    shades = rng.integers(0, 256, (colours, 4))
    frames = shades[rng.integers(0, colours, (3, size[1], size[0]))].astype(np.uint8)
    pixels = "given[0].map((frame) => Uint8ClampedArray.from(frame))"
    code = f"console.log(JSON.stringify(Array.from(gif.makeGif({pixels}, given[1]))));"
    file = bytes(run_node(code, [frames.reshape(3, -1).tolist(), size]))
    with Image.open(io.BytesIO(file)) as image:
        assert (image.size, image.info["loop"]) == (size, 0)
        for i, frame in enumerate(frames):
            image.seek(i)
            assert np.array_equal(np.asarray(image.convert("RGB")), frame[..., :3])


@needs_node
def test_a_drawing_for_every_step_and_all_of_one_size() -> None:
    code = (
        "const read = (nested) => number.mapNested(nested, number.parse);"
        "const draw = ({ x, w, words }) => { const made = trace.makeTrace(read(x), read(w), words);"
        "return made.steps.map((_, m) => picture.drawPicture(made, m)); };"
        "console.log(JSON.stringify(given.map(draw)));"
    )
    calls: list[Any] = [
        {"x": [0, 1, 2, 3, 4], "w": [1, -1, 2], "words": {}},
        {"x": [4, 0, 8], "w": ["1", "1/2", "-1/4"], "words": {"mode": "full", "dilation": 2}},
        {"x": [[1, 2, 0], [0, 1, 3]], "w": [[1, 2]], "words": {"mode": "same", "boundary": "wrap", "stride": 2}},
    ]
    sent = [{**call, "x": nest(call["x"]), "w": nest(call["w"])} for call in calls]
    for call, drawings in zip(calls, run_node(code, sent), strict=True):
        x, w = call["x"], [[Fraction(tap) for tap in row] for row in np.atleast_2d(call["w"]).tolist()]
        y = fs.convolve(x, w if np.ndim(x) == 2 else w[0], **{"mode": "valid", **call["words"]})
        roots = [ET.fromstring(drawing) for drawing in drawings]
        assert len({(root.get("width"), root.get("height")) for root in roots}) == 1
        last = [text.text.replace("−", "-") for text in roots[-1].iter("{http://www.w3.org/2000/svg}text") if text.text]
        assert {str(value) for value in np.ravel(y)} <= set(last)


LATEX = """
const read = (nested) => number.mapNested(nested, number.parse);
const write = ({ x, w, words }) => copy.COPIES.LaTeX(trace.makeTrace(read(x), read(w), words));
console.log(JSON.stringify(given.map(write)));
"""


@needs_node
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs LaTeX")
def test_mathematics_compiles(tmp_path: Path) -> None:
    calls: list[Any] = [
        {"x": ["1/3", "nan", "inf", "2-3i"], "w": ["-1/2", "i"], "words": {"mode": "full"}},
        {"x": ["12"] * 60, "w": ["1", "-7", "3"], "words": {"stride": 2}},
        {"x": [["1"] * 12] * 3, "w": [["1", "-2"]], "words": {"operation": "correlate"}},
    ]
    body = "\n\n".join(run_node(LATEX, calls))
    file = tmp_path / "calls.tex"
    file.write_text(
        f"\\documentclass{{article}}\\usepackage{{amsmath}}\\begin{{document}}\n{body}\n\\end{{document}}\n"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", file.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout
    assert "Overfull \\hbox" not in done.stdout


# ------------------------------------------------------------------------------ the rooms


@needs_node
def test_sizes_of_the_sliders_are_those_of_the_library() -> None:
    rng = np.random.default_rng(8)
    settings = [[int(rng.integers(1, most)) for most in (41, 12, 9, 9, 7)] for _ in range(200)]
    made = run_node("console.log(JSON.stringify(given.map((one) => size.lengthOf(one).outputs)));", settings)
    for (n, k, pad, stride, dilation), outputs in zip(settings, made, strict=True):
        try:
            wanted = fs.output_shape(n, k, padding=pad, stride=stride, dilation=dilation)[0]
        except fs.ShapeError:
            wanted = 0
        assert outputs == wanted


@needs_node
def test_signals_by_transforms() -> None:
    rng = np.random.default_rng(5)
    pairs = [(rng.normal(size=n), rng.normal(size=k)) for n, k in [(1, 1), (5, 3), (100, 30), (1000, 999)]]
    code = "console.log(JSON.stringify(given.map(([x, w]) => Array.from(fourier.convolveSignals(x, w)))));"
    made = run_node(code, [[x.tolist(), w.tolist()] for x, w in pairs])
    for (x, w), y in zip(pairs, made, strict=True):
        # Half the square of x + iw has |x|² + |w|² for its scale, and not |x|·|w|.
        scale = float(np.sum(x**2) + np.sum(w**2))
        assert np.max(np.abs(np.array(y) - np.convolve(x, w))) <= 1e-15 * np.log2(len(y) + 1) * scale


@needs_node
@pytest.mark.parametrize("taps", [(3, 3), (5, 5), (1, 7), (1, 1)])
def test_pixels_are_those_of_the_library(taps: tuple[int, int]) -> None:
    rng = np.random.default_rng(6)
    x, w = rng.integers(0, 256, (9, 13)), rng.integers(-9, 10, taps)
    code = "console.log(JSON.stringify(Array.from(engine.convolvePlane(Float32Array.from(given[0]), ...given[1]))));"
    made = run_node(code, [x.ravel().tolist(), [9, 13, w.ravel().tolist(), *taps]])
    assert np.array_equal(np.reshape(made, x.shape), fs.convolve(x, w, "same", boundary="edge"))


@needs_node
@pytest.mark.parametrize("n", [5, 6, 7])
def test_a_circle_is_the_boundary_wrap(n: int) -> None:
    x, w = [0, 1, 2, 3, 4], [1, -1, 2]
    full = fs.convolve(x, w).tolist()
    padded = x + [0] * (n - len(x))
    wanted = fs.convolve(padded, w, "same", boundary="wrap", center=0).tolist()
    assert run_node("console.log(JSON.stringify(waves.wind(...given)));", [full, n]) == wanted


@needs_node
def test_a_wave_is_multiplied_by_one_number() -> None:
    w = [1.0, -1.0, 2.0]
    given = [[w, k / 32] for k in range(17)]
    made = run_node("console.log(JSON.stringify(given.map((pair) => waves.response(...pair))));", given)
    spectrum = np.fft.rfft(w, 32)
    assert np.allclose(np.array(made), np.stack([spectrum.real, spectrum.imag], 1), atol=1e-14)


@needs_node
def test_the_area_under_a_product() -> None:
    code = (
        'const [f, g] = [functions.sampled("box from 0 to 1"), functions.sampled("dying away")];'
        "console.log(JSON.stringify(given.map((t) => functions.areaAt(f, g, t))));"
    )
    times = [-0.5, 0.0, 0.5, 1.0, 2.0]
    exact = [max(0, 1 - np.exp(-min(t, 1))) * np.exp(-max(t - 1, 0)) if t > 0 else 0 for t in times]
    # The middle of a slice is wrong by h²/24 of the second derivative, which is at most 1 here.
    assert np.max(np.abs(np.array(run_node(code, times)) - exact)) <= 0.05**2 / 24


@needs_node
def test_a_saved_sound_can_be_read() -> None:
    code = "console.log(JSON.stringify(Array.from(new Uint8Array(sound.toWav(given)))));"
    with wave.open(io.BytesIO(bytes(run_node(code, [0, 0.5, -1, 2])))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 22050)
        assert np.frombuffer(file.readframes(9), "<i2").tolist() == [0, 16384, -32767, 32767]


LEARN = """
let w = given.start;
const { x, target, steps } = given;
for (let i = 0; i < steps; ++i) w = views.descend(x, w, target, { mode: "valid" }, 1 / 45);
console.log(JSON.stringify(w));
"""


@needs_node
def test_taps_are_learned() -> None:
    given = {"x": [0.0, 1.0, 0.0, 2.0, -1.0, 0.5], "start": [0.5, 0.25, 0.125], "steps": 1}
    x, w = np.array(given["x"]), np.array(given["start"])
    target = np.convolve(x, [1, -1, 2], "valid")
    dy = np.convolve(x, w, "valid") - target
    step = w - fs.convolve_grads(dy, x, w, "valid")[1] / 45
    assert np.allclose(run_node(LEARN, {**given, "target": target.tolist()}), step, rtol=1e-14)
    assert np.allclose(run_node(LEARN, {**given, "target": target.tolist(), "steps": 600}), [1, -1, 2], atol=1e-6)
