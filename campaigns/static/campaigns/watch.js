// Keeps a part of the page as the server has it, until the server says that nothing more will come.
(() => {
  const EVERY = 1000;
  const LONGEST = 15 * 60 * 1000;

  for (const box of document.querySelectorAll("[data-watch]")) {
    const began = Date.now();
    let before = box.innerHTML.trim();

    const refresh = async () => {
      try {
        const response = await fetch(box.dataset.watch);
        if (!response.ok) return;
        const html = (await response.text()).trim();
        if (html === before) return;
        before = html;
        const open = [...box.querySelectorAll("details")].map((each) => each.open);
        box.innerHTML = html;
        box.querySelectorAll("details").forEach((each, n) => (each.open = open[n] ?? false));
      } catch {
        // The server restarts, or the network is away: the next look may find it again.
      } finally {
        next();
      }
    };

    const next = () => {
      if (!box.querySelector("[data-ended]") && Date.now() - began < LONGEST) setTimeout(refresh, EVERY);
    };
    next();
  }
})();
