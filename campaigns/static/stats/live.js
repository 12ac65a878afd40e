// Keeps the figures fresh in place: what is open stays open, what has the focus keeps it.
(() => {
  const live = document.getElementById("stats-live");
  const loading = document.querySelector("[data-loading]");
  let timer = 0;
  let busy = false;
  let failed = 0;

  // Makes `old` like `fresh`, node by node, and leaves alone what is alike.
  const morph = (old, fresh) => {
    if (old.nodeType === Node.TEXT_NODE) {
      if (old.data !== fresh.data) old.data = fresh.data;
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE || old.hasAttribute("data-keep")) return;
    for (const { name } of [...old.attributes]) {
      if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    children(old, fresh);
  };

  const alike = (a, b) =>
    a.nodeType === b.nodeType && a.nodeName === b.nodeName && a.dataset?.key === b.dataset?.key && (a.id || "") === (b.id || "");

  const children = (old, fresh) => {
    let at = old.firstChild;
    for (const next of [...fresh.childNodes]) {
      let found = at;
      // A section that is new or gone must not make its neighbours look changed.
      if (at && !alike(at, next) && next.dataset?.key) {
        while (found && !alike(found, next)) found = found.nextSibling;
      }
      if (found && alike(found, next)) {
        while (at !== found) {
          const gone = at;
          at = at.nextSibling;
          gone.remove();
        }
        morph(found, next);
        at = found.nextSibling;
      } else {
        old.insertBefore(next, at);
      }
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  };

  const say = (text, wrong) => {
    const status = live.querySelector("[data-refresh]");
    if (!status) return;
    status.textContent = text;
    status.classList.toggle("st-failed", wrong);
  };

  const refresh = async () => {
    clearTimeout(timer);
    if (busy || document.hidden) return;
    busy = true;
    const url = new URL(location.href);
    url.searchParams.set("part", "1");
    url.hash = "";
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(20000) });
      // Signed out meanwhile: the answer is the log-in page.
      if (response.redirected) throw new Error("you are no longer signed in");
      if (!response.ok) throw new Error(`the server answered ${response.status}`);
      const parsed = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = parsed.getElementById("stats-live");
      if (!fresh) throw new Error("the answer was not understood");
      morph(live, fresh);
      window.statsCharts?.draw();
      failed = 0;
    } catch (problem) {
      failed += 1;
      const reason = problem instanceof TypeError ? "the server cannot be reached" : problem.message;
      say(`Refreshing failed: ${reason}. The figures are older; trying again.`, true);
    } finally {
      busy = false;
      wait();
    }
  };

  const wait = () => {
    clearTimeout(timer);
    const every = Number(live.dataset.every || 0) * 1000;
    if (every) timer = setTimeout(refresh, every * Math.min(1 + failed, 6));
  };

  if (live?.dataset.every) {
    document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : refresh()));
    wait();
  }

  // The filters.
  const form = document.querySelector("[data-filters]");
  if (!form) return;
  const { range, from, to, tz } = form.elements;
  range?.addEventListener("change", () => {
    if (range.value) from.value = to.value = "";
  });
  for (const end of [from, to].filter(Boolean)) {
    end.addEventListener("input", () => (range.value = ""));
    const day = document.createElement("input");
    day.type = "date";
    day.tabIndex = -1;
    day.setAttribute("aria-hidden", "true");
    day.style.cssText = "height:0;opacity:0;padding:0;position:absolute;width:0";
    const pick = document.createElement("button");
    pick.type = "button";
    pick.className = "st-pick";
    pick.textContent = "pick a day";
    pick.addEventListener("click", () => day.showPicker());
    day.addEventListener("change", () => {
      end.value = day.value;
      range.value = "";
    });
    end.labels[0].append(" ", pick);
    end.labels[0].after(day);
  }
  if (tz?.list) {
    tz.addEventListener("focus", () => {
      if (tz.list.options.length) return;
      for (const zone of Intl.supportedValuesOf("timeZone")) tz.list.append(new Option(zone, zone));
    });
  }
  form.addEventListener("submit", () => {
    // Addresses are for sharing: what says nothing stays out of them.
    for (const field of form.elements) if (field.name && !field.value) field.disabled = true;
    loading.textContent = "Loading …";
    live?.setAttribute("aria-busy", "true");
  });
  // Back from another page, out of the browser's memory.
  addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const field of form.elements) field.disabled = false;
    loading.textContent = "";
    live?.removeAttribute("aria-busy");
    if (live?.dataset.every) refresh();
  });
})();
