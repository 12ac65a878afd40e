// The template editor: holds the draft, and asks the server how it looks and what is wrong where.
// The server's form is the only judge and the only renderer; here is only what is typed.
import { component } from "../waypost/alpine.js";
import { addButton, addCard, copyOf, move, nextVariable, placesOutside, variablesOf } from "./draft.js";

const stored = (id) => JSON.parse(JSON.parse(document.getElementById(id).textContent) || "null");

component("templateEditor", () => ({
  draft: null,
  empty: null,
  mode: "form",
  problems: {},
  hints: {},
  labels: {},
  failure: "",
  asked: false,
  round: 0,
  timer: 0,
  move,
  variables: variablesOf,

  init() {
    this.empty = stored("editor-empty");
    const draft = stored("editor-draft");
    this.mode = draft ? "form" : "json";
    this.draft = draft || copyOf(this.empty);
    this.$watch("draft", () => this.changed());
    for (const event of ["input", "change"]) {
      this.form().addEventListener(event, ({ target }) => this.$el.contains(target) || this.changed());
    }
    // An empty new form is not yet anybody's mistake.
    if (document.querySelector(".errornote") || this.draft.body.text || this.mode === "json") this.refresh();
  },

  form() {
    return this.$root.closest("form");
  },

  changed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), 250);
  },

  // Posts the form as it stands; an answer that was overtaken by a later one is dropped.
  async refresh() {
    const round = ++this.round;
    const template = location.pathname.match(/\/(\d+)\/change\//);
    const url = this.$root.dataset.preview + (template ? `?template=${template[1]}` : "");
    try {
      await this.$nextTick();
      const response = await fetch(url, { method: "POST", body: new FormData(this.form()) });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      const found = await response.json();
      if (round !== this.round) return null;
      this.$refs.preview.innerHTML = found.preview;
      this.problems = found.problems;
      this.hints = found.hints;
      this.labels = found.labels;
      this.asked = true;
      this.failure = "";
      return found;
    } catch (error) {
      if (round !== this.round) return null;
      this.failure = `The preview could not be made (${error.message}). Saving checks the template all the same.`;
      return null;
    }
  },

  says(place) {
    return this.problems[place] || this.hints[place] || "";
  },

  outside() {
    return placesOutside(this.mode, this.problems, this.hints);
  },

  addVariable(button, words) {
    const field = button.closest(".wp-field").querySelector("textarea");
    field.setRangeText(nextVariable(words.text), field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  },

  addButton(level) {
    addButton(this.draft, level);
  },

  addCard() {
    addCard(this.draft, this.empty);
  },

  async asJson() {
    if (this.mode === "json") return;
    const found = await this.refresh();
    if (!found) return;
    this.$refs.json.value = found.components;
    this.mode = "json";
  },

  async asForm() {
    if (this.mode === "form") return;
    const found = await this.refresh();
    if (!found || found.problems.content) return;
    this.draft = found.draft;
    this.mode = "form";
  },
}));
