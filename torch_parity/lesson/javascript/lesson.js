// The page: puts the figures to work, and what concerns all of them.

import * as address from "address.js";
import { check } from "check.js";
import { Figure } from "figure.js";
import { modules } from "sections.js";
import { present } from "present.js";
import { thousands } from "text.js";

const facts = JSON.parse(document.getElementById("facts").textContent);
const figures = new Map();
let quiet = true; // while the page is put together, the address stays
let waiting = 0; // for the address to be written once more
let latest = null; // the section that has changed meanwhile
let written = location.hash;

/** Writes the state into the address, unless a link has changed that, which is then still to be followed. */
function write(section) {
  if (location.hash !== written) return;
  history.replaceState(null, "", address.write(figures, section));
  written = location.hash;
}

/** At most ten times a second: browsers ignore a page that changes its address more often. */
function changed(figure) {
  if (quiet) return;
  latest = figure.section;
  if (waiting) return;
  write(latest);
  latest = null;
  waiting = setTimeout(() => {
    waiting = 0;
    if (latest) write(latest);
  }, 100);
}

for (const element of document.querySelectorAll("[data-section]")) {
  const name = element.dataset.section;
  figures.set(name, new Figure(element, modules[name], facts[name], changed));
}

function follow() {
  quiet = true;
  const at = address.read(location.hash, figures);
  quiet = false;
  const target = at && document.getElementById(at);
  const details = target && target.closest("details");
  if (details) details.open = true;
  if (target) target.scrollIntoView({ behavior: "instant" }); // the browser did so before the sections had their sizes
  return at;
}
addEventListener("hashchange", () => {
  const at = follow();
  // What was changed elsewhere still stands on the page, so it belongs into the address.
  written = location.hash;
  write(at);
});
follow();

addEventListener("keydown", (event) => {
  const pinned = [...figures.values()].filter((figure) => figure.pinned);
  if (event.key !== "Escape" || !pinned.length) return;
  for (const figure of pinned) figure.pin(null);
  event.preventDefault();
});

document.getElementById("check").addEventListener("click", () => {
  const { equal, total, first } = check(figures);
  const answer = document.getElementById("check-answer");
  answer.textContent = `${thousands(equal)} of ${thousands(total)} equal${first ? `; first different: ${first}` : ""}`;
  answer.className = `verdict ${equal === total ? "good" : "bad"}`;
});

for (const button of document.querySelectorAll("button.copy")) {
  const [text, label] = [button.textContent, button.getAttribute("aria-label")];
  const name = (shown, spoken) => {
    button.textContent = shown;
    button.setAttribute("aria-label", spoken);
  };
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.text);
      name("Copied", "Copied");
      setTimeout(() => name(text, label), 2000);
    } catch {
      // A page from disk may not use the clipboard: show the text, selected, to be copied by hand.
      button.nextElementSibling.hidden = false;
      getSelection().selectAllChildren(button.nextElementSibling);
    }
  });
}

present();
document.documentElement.dataset.ready = "yes";
