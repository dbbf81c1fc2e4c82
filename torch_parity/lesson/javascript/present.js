// "Present": one section fills the screen; arrow keys and page keys go from one to the next, Escape ends it.

export function present() {
  const button = document.getElementById("present");
  const sections = Array.from(document.querySelectorAll("main > section"));
  let at = 0;

  function show(index) {
    at = Math.max(0, Math.min(sections.length - 1, index));
    sections.forEach((section, i) => section.classList.toggle("presented", i === at));
    sections[at].scrollTop = 0;
    scrollTo(0, 0);
  }

  function start() {
    document.documentElement.classList.add("presenting");
    const inView = sections.findIndex((section) => section.getBoundingClientRect().bottom > innerHeight / 3);
    show(inView < 0 ? 0 : inView);
    button.setAttribute("aria-pressed", "true");
  }

  function stop() {
    document.documentElement.classList.remove("presenting");
    button.setAttribute("aria-pressed", "false");
    sections[at].scrollIntoView();
  }

  const presenting = () => document.documentElement.classList.contains("presenting");
  button.addEventListener("click", () => (presenting() ? stop() : start()));
  addEventListener("keydown", (event) => {
    if (!presenting()) return;
    // In a figure, arrows go from cell to cell, and Escape releases a pin.
    const inside = event.target.closest?.("td, input, select, textarea, canvas");
    if (event.key === "PageDown" || (event.key === "ArrowRight" && !inside)) show(at + 1);
    else if (event.key === "PageUp" || (event.key === "ArrowLeft" && !inside)) show(at - 1);
    else if (event.key === "Escape" && !inside) stop();
    else return;
    event.preventDefault();
  });
}
