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

function changed(figure) {
  if (!quiet) history.replaceState(null, "", address.write(figures, figure.section));
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
  if (!target) return;
  const details = target.closest("details");
  if (details) details.open = true;
  if (location.hash.includes("=")) target.scrollIntoView();
}
addEventListener("hashchange", follow);
follow();

document.getElementById("check").addEventListener("click", () => {
  const { equal, total, first } = check(figures);
  const answer = document.getElementById("check-answer");
  answer.textContent = `${thousands(equal)} of ${thousands(total)} equal${first ? `; first different: ${first}` : ""}`;
  answer.className = `verdict ${equal === total ? "good" : "bad"}`;
});

for (const button of document.querySelectorAll("button.copy"))
  button.addEventListener("click", async () => {
    const text = button.dataset.text;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      // A page from disk may not use the clipboard: show the text, selected, to be copied by hand.
      getSelection().selectAllChildren(button.nextElementSibling);
      button.nextElementSibling.hidden = false;
    }
  });

present();
document.documentElement.dataset.ready = "yes";
