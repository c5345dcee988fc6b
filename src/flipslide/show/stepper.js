for (const figure of document.querySelectorAll(".fs-frames:not(.fs-live)")) {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const all = [...figure.querySelectorAll(":scope > .fs-frame")];
  const frames = still ? all.filter((frame) => !frame.classList.contains("fs-tween")) : all;
  const stops = frames.flatMap((frame, n) => (frame.classList.contains("fs-tween") ? [] : [n]));
  let now = 0;
  let timer = 0;

  const make = (name, properties) => Object.assign(document.createElement(name), properties);
  const bar = make("div", { className: "fs-bar" });
  const slider = make("input", { type: "range", min: 1, max: stops.length, value: 1 });
  slider.setAttribute("aria-label", "Step");
  const count = make("span", {});
  const status = make("div", { className: "fs-sentence" });
  status.setAttribute("role", "status");

  const shapes = {
    first: "M3 3v14M17 3L6 10l11 7z",
    back: "M14 3L4 10l10 7z",
    play: "M5 3l12 7-12 7z",
    pause: "M5 3v14M15 3v14",
    ahead: "M6 3l10 7-10 7z",
    last: "M17 3v14M3 3l11 7-11 7z",
  };
  const draw = (button, shape, label) => {
    const path = `<path d="${shapes[shape]}" fill="currentColor" stroke="currentColor" stroke-width="2"/>`;
    button.innerHTML = `<svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">${path}</svg>`;
    button.setAttribute("aria-label", label);
    button.title = label;
  };
  const show = (n) => {
    frames[now].classList.remove("fs-now");
    now = Math.max(0, Math.min(n, frames.length - 1));
    frames[now].classList.add("fs-now");
    const stop = stops.filter((at) => at <= now).length - 1;
    if (stops[stop] === now) {
      slider.value = stop + 1;
      count.textContent = `Step ${stop + 1} of ${stops.length}`;
      status.textContent = frames[now].querySelector(".fs-sentence").textContent;
    }
  };
  const pause = () => {
    clearTimeout(timer);
    timer = 0;
    draw(play, "play", "Play");
  };
  const tick = () => {
    if (now === frames.length - 1) return pause();
    show(now + 1);
    timer = setTimeout(tick, 1000 * frames[now].dataset.seconds);
  };
  const toggle = () => {
    if (timer) return pause();
    if (now === frames.length - 1) show(0);
    draw(play, "pause", "Pause");
    timer = setTimeout(tick, 500);
  };
  const go = (n) => {
    pause();
    show(n);
  };
  const back = () => go(stops.filter((at) => at < now).at(-1) ?? 0);
  const ahead = () => go(stops.find((at) => at > now) ?? frames.length - 1);

  const add = (shape, label, act) => {
    const button = make("button", { type: "button", onclick: act });
    draw(button, shape, label);
    bar.append(button);
    return button;
  };
  add("first", "First step", () => go(0));
  add("back", "Step back", back);
  const play = add("play", "Play", toggle);
  add("ahead", "Step ahead", ahead);
  add("last", "Last step", () => go(frames.length - 1));
  bar.append(slider, count);
  slider.oninput = () => go(stops[slider.value - 1]);

  // The slider moves by arrows of its own, and space presses the button that has the focus.
  const keys = { ArrowLeft: back, ArrowRight: ahead, Home: () => go(0), End: () => go(frames.length - 1), " ": toggle };
  figure.tabIndex = 0;
  figure.setAttribute("role", "group");
  figure.onkeydown = (event) => {
    const taken = event.target === slider || (event.key === " " && event.target !== figure);
    if (taken || event.altKey || event.ctrlKey || event.metaKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  };
  for (const frame of all) frame.querySelector(".fs-sentence").hidden = true;
  figure.classList.add("fs-live");
  figure.append(status, bar);
  show(0);
}
