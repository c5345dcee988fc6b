// On paper the answers stand on a page of their own, and the page is light whatever the screen shows.
const root = document.documentElement;
let theme;
addEventListener("beforeprint", () => {
  theme = root.dataset.theme;
  root.dataset.theme = "light";
  const answers = [...document.querySelectorAll("article details.answer")];
  if (!answers.length) return;
  const key = document.createElement("section");
  key.className = "key";
  key.innerHTML = "<h2>Answers</h2>";
  answers.forEach((answer, n) => {
    const copy = answer.cloneNode(true);
    copy.open = true;
    copy.querySelector("summary").textContent = `Exercise ${n + 1}`;
    key.append(copy);
  });
  document.querySelector("article").append(key);
});
addEventListener("afterprint", () => {
  root.dataset.theme = theme;
  document.querySelectorAll("section.key").forEach((key) => key.remove());
});
