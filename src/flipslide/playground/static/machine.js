// What only the machine knows that serves the page with `flipslide play`: how the library would compute a call there.
// A page from a file or from the documentation asks nobody.

import { h } from "./dom.js";

const LOCAL = ["127.0.0.1", "localhost"];
const isServed = () => LOCAL.includes(globalThis.location?.hostname) && globalThis.location.protocol === "http:";

async function ask(x, w) {
  const answer = await fetch("api/plan", { method: "POST", body: JSON.stringify({ x, w }) });
  return answer.text();
}

// A fold that asks when it is opened; null where nobody would answer.
export function planOnThisMachine(x, w) {
  if (!isServed()) return null;
  const text = h("pre", null, "…");
  const open = (event) => {
    if (event.target.open) ask(x, w).then((plan) => { text.textContent = plan; }, () => { text.textContent = "The server does not answer any more."; });
  };
  return h("details", { class: "card", ontoggle: open }, h("summary", null, h("h2", null, "How the library computes this on this machine")), text);
}
