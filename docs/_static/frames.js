// Pages that can be touched, inside these: they get the theme of these, and as much room as they ask for.
const frames = () => [...document.querySelectorAll("iframe.play")];
const MOST = 1600;
const tell = (frame) => frame.contentWindow?.postMessage({ theme: document.documentElement.dataset.theme }, "*");

addEventListener("message", ({ source, data }) => {
  const frame = frames().find((candidate) => candidate.contentWindow === source);
  if (!frame || !Number.isFinite(data?.height)) return;
  frame.style.height = `${Math.min(data.height, MOST) + 4}px`;
  tell(frame);
});
new MutationObserver(() => frames().forEach(tell)).observe(document.documentElement, { attributeFilter: ["data-theme"] });
