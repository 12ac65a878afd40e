// Goes with htmx and idiomorph, which refresh parts of pages: what the reader did stays, and failures are shown.
import { answeredElsewhere, reasonOf } from "./refresh_rules.js";

Object.assign(window.Idiomorph.defaults.callbacks, {
  beforeNodeMorphed: (node) => !node.hasAttribute?.("data-keep"),
  beforeAttributeUpdated: (name) => name !== "open", // the reader opened it, or closed it
});

const tell = (part, reason) => {
  const place = part.querySelector("[data-failure]");
  if (!place) return;
  place.textContent = place.dataset.failure.replace("REASON", reason);
  place.classList.add("wp-failed");
};

for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
  document.addEventListener(name, ({ type, detail }) => tell(detail.elt, reasonOf(type, detail.xhr.status)));
}

document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  if (!answeredElsewhere(detail.pathInfo, window.location.href)) return;
  detail.shouldSwap = false;
  tell(detail.elt, "you are no longer signed in");
});
