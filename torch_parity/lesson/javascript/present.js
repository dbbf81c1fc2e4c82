// "Present": one section fills the screen; arrow keys and page keys go from one to the next, Escape ends it.

const root = document.documentElement;
const roomy = matchMedia("(min-width: 64rem)"); // as in present.css: a narrower window scrolls

export function present() {
  const button = document.getElementById("present");
  const sections = Array.from(document.querySelectorAll("main > section"));
  const bar = document.querySelector(".presenter");
  // An option may ask for more room.
  const watch = new ResizeObserver(() => requestAnimationFrame(() => bar.hidden || fits(sections[at]) || refit()));
  let at = 0;

  function show(index) {
    at = Math.max(0, Math.min(sections.length - 1, index));
    sections.forEach((section, i) => section.classList.toggle("presented", i === at));
    bar.querySelector(".previous").disabled = at === 0;
    bar.querySelector(".next").disabled = at === sections.length - 1;
    fit(sections[at]);
    watch.disconnect();
    for (const part of sections[at].children) watch.observe(part);
    scrollTo(0, 0);
    focus();
  }

  function refit() {
    if (!bar.hidden) fit(sections[at]);
  }

  /** Tab goes on from the section, and a screen reader says its title. */
  function focus() {
    sections[at].tabIndex = -1;
    sections[at].focus({ preventScroll: true });
  }

  function start() {
    const inView = sections.findIndex((section) => section.getBoundingClientRect().bottom > innerHeight / 3);
    root.classList.add("presenting"); // from now on one section alone has a size
    bar.hidden = false;
    show(Math.max(0, inView));
  }

  function stop() {
    root.classList.remove("presenting");
    root.style.fontSize = "";
    watch.disconnect();
    bar.hidden = true;
    focus();
    sections[at].scrollIntoView({ behavior: "instant" });
  }

  button.addEventListener("click", start);
  bar.querySelector(".previous").addEventListener("click", () => show(at - 1));
  bar.querySelector(".next").addEventListener("click", () => show(at + 1));
  bar.querySelector(".end").addEventListener("click", stop);
  addEventListener("resize", refit);
  addEventListener("keydown", (event) => {
    if (bar.hidden || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "PageDown" || (event.key === "ArrowRight" && !needsArrows(event.target))) show(at + 1);
    else if (event.key === "PageUp" || (event.key === "ArrowLeft" && !needsArrows(event.target))) show(at - 1);
    else if (event.key === "Escape") stop();
    else return;
    event.preventDefault();
  });
}

/** Makes the type, and with it all of the slide, as large as the screen allows: from 1/128 to 1/64 of its width. */
function fit(section) {
  root.style.fontSize = "";
  if (!roomy.matches) return;
  let [small, large, found] = [innerWidth / 128, innerWidth / 64, innerWidth / 100]; // if none fits, it scrolls, but can be read
  // Few sizes are tried: to lay out a section of thousands of pixels takes its time.
  for (let tried = 0; tried < 6; tried++) {
    const size = (small + large) / 2;
    root.style.fontSize = `${size}px`;
    if (fits(section)) small = found = size;
    else large = size;
  }
  root.style.fontSize = `${found}px`;
}

/** Whether all of a section is seen without scrolling, neither the page nor a matrix nor a formula. */
const fits = (section) =>
  root.scrollHeight <= innerHeight &&
  root.scrollWidth <= innerWidth &&
  Array.from(section.querySelectorAll(".matrix:not(.picture), .math")).every((box) => box.scrollWidth <= box.clientWidth);

/** Whether arrow keys do something else there: go from cell to cell, move in a text, scroll. */
const needsArrows = (element) =>
  element.closest("td, input, select, textarea, canvas") || (element.tabIndex === 0 && element.scrollWidth > element.clientWidth);
