// Keeps what is marked data-live="URL" up to date, every second for as long as it says data-open.
// The answer is the element anew. What is marked data-while-open or data-once-closed follows suit.
(() => {
  const SECOND = 1000;

  const show = (selector, shown) => {
    for (const each of document.querySelectorAll(selector)) each.hidden = !shown;
  };

  const refresh = async (element) => {
    let next = element;
    try {
      const answer = await fetch(element.dataset.live, { headers: { Accept: "text/html" } });
      if (answer.redirected) return; // signed out meanwhile
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        next = page.querySelector("[data-live]") ?? element;
        element.replaceWith(next);
      }
    } catch {
      // The gateway does not answer for a moment: the next second tries again.
    }
    follow(next);
  };

  const follow = (element) => {
    const open = element.hasAttribute("data-open");
    show("[data-while-open]", open);
    show("[data-once-closed]", !open);
    if (open) setTimeout(() => refresh(element), SECOND);
  };

  document.addEventListener("DOMContentLoaded", () => {
    for (const element of document.querySelectorAll("[data-live]")) follow(element);
  });
})();
