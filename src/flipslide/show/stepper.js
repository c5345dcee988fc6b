for (const figure of document.querySelectorAll(".fs-frames:not(.fs-live)")) {
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const { styles, items } = JSON.parse(figure.querySelector('script[type="application/json"]').textContent);
  const steps = [...figure.querySelectorAll(".fs-all > li")];
  const view = figure.querySelector(".fs-scroll");
  const svg = view.querySelector("svg");
  const last = steps.length - 1;
  // Seconds of one phase of a motion; phases are: slide, fall, fly.
  const PHASE = 400;
  let now = 0;
  let timer = 0;
  let moving = 0;
  let speed = 1;

  // ------------------------------------------------------------------------- drawing

  const make = (name, properties) => Object.assign(document.createElement(name), properties);
  const element = (name, attributes, text = "") => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.textContent = text;
    return node;
  };
  const paint = (fill, line, weight) => ({
    class: [fill && `fs-f-${fill}`, line && `fs-s-${line}`].filter(Boolean).join(" "),
    ...(fill ? {} : { fill: "none" }),
    ...(line ? { "stroke-width": weight } : {}),
  });
  const group = (...nodes) => {
    const node = element("g", {});
    node.append(...nodes);
    return node;
  };
  const hatching = (x, y, w, h) => {
    let d = "";
    for (let c = 8; c < w + h; c += 8) {
      const [a, b] = [Math.max(c - h, 0), Math.min(c, w)];
      d += `M${x + a} ${y + c - a}L${x + b} ${y + c - b}`;
    }
    return element("path", { d, ...paint("", "grid", 0.7) });
  };
  const head = (x1, y1, x2, y2, ink) => {
    const length = Math.hypot(x2 - x1, y2 - y1) || 1;
    const [u, v] = [(x2 - x1) / length, (y2 - y1) / length];
    const corner = (side) => `${x2 - 8 * u + side * v},${y2 - 8 * v - side * u}`;
    return element("polygon", { points: `${x2},${y2} ${corner(4)} ${corner(-4)}`, ...paint(ink, "", 0) });
  };
  const kinds = {
    r: ([width, height, fill, line, weight, hatched, rx], [x, y]) => {
      const box = element("rect", { x, y, width, height, rx, ...paint(fill, line, weight) });
      return hatched ? group(box, hatching(x, y, width, height)) : box;
    },
    t: ([ink, size, anchor, bold], [x, y, text]) =>
      element("text", { x, y: y + 0.35 * size, "font-size": size, "text-anchor": anchor, class: `fs-f-${ink}`,
        ...(bold ? { "font-weight": 700 } : {}) }, text),
    l: ([ink, weight, arrow, dashed], [x1, y1, x2, y2]) => {
      const line = element("line", { x1, y1, x2, y2, ...paint("", ink, weight), ...(dashed ? { "stroke-dasharray": "5 4" } : {}) });
      return arrow ? group(line, head(x1, y1, x2, y2, ink)) : line;
    },
    p: ([ink, weight, fill], [points]) => element(fill ? "polygon" : "polyline", { points, ...paint(fill, ink, weight) }),
  };
  const drawn = items.map(([style, first, end, ...rest]) => {
    const [kind, motion, ...look] = styles[style];
    const key = rest.length > { r: 2, t: 3, l: 4, p: 1 }[kind] ? rest.pop() : 0;
    return { node: kinds[kind](look, rest), kind, look, first, end, at: rest, motion, key };
  });
  const seen = (n) => drawn.filter((item) => item.first <= n && n <= item.end);
  const set = (shown) => {
    const visible = new Set(shown);
    for (const item of drawn) item.node.style.display = visible.has(item) ? "" : "none";
  };
  const ground = svg.querySelector("rect");
  svg.replaceChildren(...svg.querySelectorAll(":scope > title, :scope > desc"), ground, ...drawn.map((item) => item.node));

  // -------------------------------------------------------------------------- motion

  const place = (item, dx, dy, before, share) => {
    item.node.setAttribute("transform", `translate(${dx} ${dy})`);
    if (item.kind === "r" && item.node.tagName === "rect")
      ["width", "height"].forEach((side, n) => {
        const from = before ? before.look[n] : item.look[n];
        item.node.setAttribute(side, from + (item.look[n] - from) * share);
      });
  };
  const rest = (item) => item.motion && place(item, 0, 0, null, 1);
  const found = (old, item) => item.key && old.find((other) => other.key === item.key);
  const travel = (from, to) => {
    const old = seen(from);
    const still_ = old.filter((item) => !item.motion);
    const movers = seen(to).filter((item) => item.motion).map((item) => [item, found(old, item)]);
    const moves = ([item, before]) => (before ? before !== item : item.motion[1] || item.motion[2]);
    const phases = 1 + Math.max(-1, ...movers.filter(moves).map(([item]) => item.motion[0]));
    const start = performance.now();
    const draw = (time) => {
      const t = ((time - start) / PHASE) * speed;
      if (t >= phases) return show(to);
      const there = movers.filter(([item, before]) => before || t > item.motion[0]);
      set([...still_, ...there.map(([item]) => item)]);
      for (const [item, before] of there) {
        const [phase, dx, dy, lift] = item.motion;
        let share = Math.min(Math.max(t - phase, 0), 1);
        share *= share * (3 - 2 * share);
        const [x, y] = before ? [before.at[0] - item.at[0], before.at[1] - item.at[1]] : [dx, dy];
        place(item, x * (1 - share), y * (1 - share) + lift * Math.sin(Math.PI * share), before, share);
      }
      moving = requestAnimationFrame(draw);
    };
    tell(to);
    moving = phases && !still.matches ? requestAnimationFrame(draw) : (show(to), 0);
    return still.matches ? 0 : (phases * PHASE) / speed;
  };

  // ------------------------------------------------------------------------ the stepper

  // Where a picture is wider than the page, its outlined cells are what must be seen.
  const follow = (n) => {
    const room = view.clientWidth;
    view.classList.toggle("fs-wide", view.scrollWidth > room);
    if (view.scrollWidth <= room) return;
    const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
    const boxes = seen(n).filter((item) => item.kind === "r" && item.look[3] === "window");
    if (!boxes.length) return;
    const left = Math.min(...boxes.map((item) => item.at[0])) * scale;
    const right = Math.max(...boxes.map((item) => item.at[0] + item.look[0])) * scale;
    view.scrollLeft = right - left <= room ? (left + right - room) / 2 : right + 16 - room;
  };
  const tell = (n) => {
    now = n;
    slider.value = n + 1;
    slider.setAttribute("aria-valuetext", `Step ${n + 1}: ${steps[n].textContent}`);
    count.textContent = `Step ${n + 1} of ${steps.length}`;
    status.textContent = steps[n].textContent;
  };
  const show = (n) => {
    cancelAnimationFrame(moving);
    const shown = seen(n);
    shown.forEach(rest);
    set(shown);
    tell(n);
    follow(n);
  };
  const pause = () => {
    clearTimeout(timer);
    timer = 0;
    draw(play, "play", "Play");
  };
  const tick = () => {
    if (now === last) return pause();
    const way = travel(now, now + 1);
    timer = setTimeout(tick, way + (1000 * steps[now].dataset.seconds) / speed);
  };
  const toggle = () => {
    if (timer) return pause();
    document.dispatchEvent(new CustomEvent("fs-play", { detail: figure }));
    if (now === last) show(0);
    draw(play, "pause", "Pause");
    timer = setTimeout(tick, 500);
  };
  const go = (n) => {
    pause();
    cancelAnimationFrame(moving);
    const to = Math.max(0, Math.min(n, last));
    if (to === now + 1) travel(now, to);
    else show(to);
  };
  const faster = () => {
    speed = { 1: 2, 2: 0.5, 0.5: 1 }[speed];
    pace.textContent = `${speed === 0.5 ? "½" : speed}×`;
    pace.setAttribute("aria-label", `Speed ${pace.textContent}`);
  };

  const shapes = {
    first: "M3 4v12M10 4l-6 6 6 6zM17 4l-6 6 6 6z",
    back: "M4 4v12M15 4L7 10l8 6z",
    play: "M5 3l12 7-12 7z",
    pause: "M6 3v14M14 3v14",
    ahead: "M16 4v12M5 4l8 6-8 6z",
    last: "M17 4v12M10 4l6 6-6 6zM3 4l6 6-6 6z",
  };
  const draw = (button, shape, label) => {
    const path = `<path d="${shapes[shape]}" fill="currentColor" stroke="currentColor" stroke-width="2"/>`;
    button.innerHTML = `<svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">${path}</svg>`;
    button.setAttribute("aria-label", label);
    button.title = label;
  };
  const bar = make("div", { className: "fs-bar" });
  const slider = make("input", { type: "range", min: 1, max: steps.length, value: 1 });
  slider.setAttribute("aria-label", "Step");
  const count = make("span", {});
  const status = make("div", { className: "fs-sentence" });
  status.setAttribute("role", "status");
  const add = (shape, label, act) => {
    const button = make("button", { type: "button", onclick: act });
    if (shape) draw(button, shape, label);
    bar.append(button);
    return button;
  };
  add("first", "First step (Home)", () => go(0));
  add("back", "Step back (←)", () => go(now - 1));
  const play = add("play", "Play", toggle);
  add("ahead", "Step ahead (→)", () => go(now + 1));
  add("last", "Last step (End)", () => go(last));
  const pace = add("", "", faster);
  pace.textContent = "1×";
  pace.setAttribute("aria-label", "Speed 1×");
  bar.append(slider, count);
  slider.oninput = () => go(slider.value - 1);

  // The slider moves by arrows of its own, and space presses the button that has the focus.
  const keys = { ArrowLeft: () => go(now - 1), ArrowRight: () => go(now + 1), Home: () => go(0), End: () => go(last), " ": toggle };
  figure.tabIndex = 0;
  figure.setAttribute("role", "group");
  figure.title = "Keys: ← → Home End, space to play";
  figure.onkeydown = (event) => {
    const taken = event.target === slider || (event.key === " " && event.target.closest("button"));
    if (taken || event.altKey || event.ctrlKey || event.metaKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  };
  // One figure plays at a time, and none that cannot be seen.
  document.addEventListener("fs-play", (event) => event.detail !== figure && timer && pause());
  new IntersectionObserver(([entry]) => !entry.isIntersecting && timer && pause()).observe(figure);

  // On paper: a contact sheet of at most six pictures with their sentences.
  const sheet = make("div", { className: "fs-sheet" });
  const print = () => {
    const n = Math.min(6, steps.length);
    const chosen = [...Array(n).keys()].map((i) => Math.round((i * last) / Math.max(n - 1, 1)));
    sheet.replaceChildren(
      ...chosen.map((step) => {
        const picture = svg.cloneNode(false);
        picture.append(ground.cloneNode(), ...seen(step).map((item) => item.node.cloneNode(true)));
        for (const node of picture.children) {
          node.style.display = "";
          node.removeAttribute("transform");
        }
        const part = make("div", {});
        part.append(picture, make("p", { textContent: `${step + 1}. ${steps[step].textContent}` }));
        return part;
      }),
    );
  };
  addEventListener("beforeprint", print);
  addEventListener("afterprint", () => sheet.replaceChildren());

  figure.classList.add("fs-live");
  figure.append(status, bar, sheet);
  show(0);
  addEventListener("resize", () => follow(now));
}
