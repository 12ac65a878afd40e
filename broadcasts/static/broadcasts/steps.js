// The steps of a broadcast: fields that go with a choice, and values that are put into a text.
// Without JavaScript everything is shown and "Refresh" does what changes do here.
import { insertInto, shows } from "./fields.js";

const form = document.getElementById("step-form");
const insert = document.getElementById("insert");

const follow = () => {
  const data = new FormData(form);
  for (const part of document.querySelectorAll("[data-for]")) part.hidden = !shows(part.dataset.for, data);
};

if (form) {
  form.addEventListener("change", follow);
  follow();
  for (const select of form.querySelectorAll("[data-refresh]")) {
    select.addEventListener("change", () =>
      form.requestSubmit(form.querySelector("[name=action][value=refresh]")),
    );
  }
}

if (insert) {
  let last = form.querySelector("[data-insert]");
  form.addEventListener("focusin", ({ target }) => {
    if (target.matches("[data-insert]")) last = target;
  });
  insert.addEventListener("change", () => {
    const text = insert.value;
    insert.value = "";
    if (!last || !text) return;
    const { value, caret } = insertInto(last.value, last.selectionStart, last.selectionEnd, text);
    last.value = value;
    last.focus();
    last.setSelectionRange(caret, caret);
    last.dispatchEvent(new Event("input", { bubbles: true }));
  });
}
