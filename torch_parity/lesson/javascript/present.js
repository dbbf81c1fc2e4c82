// "Present": one section fills the screen; arrow keys and page keys go from one to the next, Escape ends it.

export function present() {
  const button = document.getElementById("present");
  const sections = Array.from(document.querySelectorAll("main > section"));
  const bar = document.querySelector(".presenter");
  let at = 0;

  function show(index) {
    at = Math.max(0, Math.min(sections.length - 1, index));
    sections.forEach((section, i) => section.classList.toggle("presented", i === at));
    bar.querySelector(".previous").disabled = at === 0;
    bar.querySelector(".next").disabled = at === sections.length - 1;
    scrollTo(0, 0);
    focus();
  }

  /** Tab goes on from the section, and a screen reader says its title. */
  function focus() {
    sections[at].tabIndex = -1;
    sections[at].focus({ preventScroll: true });
  }

  function start() {
    const inView = sections.findIndex((section) => section.getBoundingClientRect().bottom > innerHeight / 3);
    document.documentElement.classList.add("presenting"); // from now on one section alone has a size
    bar.hidden = false;
    show(Math.max(0, inView));
  }

  function stop() {
    document.documentElement.classList.remove("presenting");
    bar.hidden = true;
    focus();
    sections[at].scrollIntoView({ behavior: "instant" });
  }

  button.addEventListener("click", start);
  bar.querySelector(".previous").addEventListener("click", () => show(at - 1));
  bar.querySelector(".next").addEventListener("click", () => show(at + 1));
  bar.querySelector(".end").addEventListener("click", stop);
  addEventListener("keydown", (event) => {
    if (bar.hidden || event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "PageDown" || (event.key === "ArrowRight" && !needsArrows(event.target))) show(at + 1);
    else if (event.key === "PageUp" || (event.key === "ArrowLeft" && !needsArrows(event.target))) show(at - 1);
    else if (event.key === "Escape") stop();
    else return;
    event.preventDefault();
  });
}

/** Whether arrow keys do something else there: go from cell to cell, move in a text, scroll. */
const needsArrows = (element) =>
  element.closest("td, input, select, textarea, canvas") || (element.tabIndex === 0 && element.scrollWidth > element.clientWidth);
