// The steps of a campaign: fields that go with a choice, parts that are loaded, the live preview.
// Without JavaScript everything is shown and "Refresh" does what changes do here.
(() => {
  const form = document.getElementById("step-form");

  // data-for="who=filter": shown while the field has that value.
  const follow = () => {
    const data = new FormData(form);
    for (const part of document.querySelectorAll("[data-for]")) {
      const [name, value] = part.dataset.for.split("=");
      part.hidden = data.get(name) !== value;
    }
  };

  for (const part of document.querySelectorAll("[data-load]")) {
    fetch(part.dataset.load)
      .then((answer) => (answer.ok ? answer.text() : Promise.reject(new Error(`HTTP ${answer.status}`))))
      .then((html) => (part.innerHTML = html))
      .catch((error) => (part.textContent = `It could not be counted (${error.message}).`));
  }
  if (!form) return;
  form.addEventListener("change", follow);
  follow();
  if (!form.hasAttribute("data-preview")) return;

  let timer = 0;
  let round = 0;
  let last = null;
  const preview = async () => {
    const mine = ++round;
    const body = new FormData(form);
    body.set("action", "preview");
    const answer = await fetch(location.href, { method: "POST", body });
    const html = await answer.text();
    if (answer.ok && mine === round) document.getElementById("previews").innerHTML = html;
  };
  const changed = () => {
    clearTimeout(timer);
    timer = setTimeout(preview, 250);
  };
  form.addEventListener("input", changed);
  form.addEventListener("focusin", (event) => {
    if (event.target.matches("[data-insert]")) last = event.target;
  });
  document.getElementById("sample").addEventListener("change", preview);
  for (const select of form.querySelectorAll("[data-refresh]")) {
    select.addEventListener("change", () => form.requestSubmit(form.querySelector("[name=action][value=refresh]")));
  }
  document.getElementById("insert").addEventListener("change", (event) => {
    const field = last ?? form.querySelector("[data-insert]");
    const text = event.target.value;
    event.target.value = "";
    if (!field || !text) return;
    field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
    field.focus();
    field.setSelectionRange(field.selectionEnd - 3, field.selectionEnd - 3); // where the fallback goes
    changed();
  });
})();
