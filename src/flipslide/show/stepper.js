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
    play.textContent = "▶";
    play.setAttribute("aria-label", "Play");
  };
  const tick = () => {
    if (now === frames.length - 1) return pause();
    show(now + 1);
    timer = setTimeout(tick, 1000 * frames[now].dataset.seconds);
  };
  const toggle = () => {
    if (timer) return pause();
    if (now === frames.length - 1) show(0);
    play.textContent = "⏸";
    play.setAttribute("aria-label", "Pause");
    timer = setTimeout(tick, 500);
  };
  const go = (n) => {
    pause();
    show(n);
  };
  const back = () => go(stops.filter((at) => at < now).at(-1) ?? 0);
  const ahead = () => go(stops.find((at) => at > now) ?? frames.length - 1);

  const add = (text, label, act) => {
    const button = make("button", { type: "button", textContent: text, onclick: act });
    button.setAttribute("aria-label", label);
    bar.append(button);
    return button;
  };
  add("⏮", "First step", () => go(0));
  add("◀", "Step back", back);
  const play = add("▶", "Play", toggle);
  add("▶|", "Step ahead", ahead);
  add("⏭", "Last step", () => go(frames.length - 1));
  bar.append(slider, count);
  slider.oninput = () => go(stops[slider.value - 1]);

  const keys = { ArrowLeft: back, ArrowRight: ahead, Home: () => go(0), End: () => go(frames.length - 1), " ": toggle };
  figure.tabIndex = 0;
  figure.setAttribute("role", "group");
  figure.onkeydown = (event) => {
    if (event.target !== figure || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  };
  for (const frame of all) frame.querySelector(".fs-sentence").hidden = true;
  figure.classList.add("fs-live");
  figure.append(status, bar);
  show(0);
}
