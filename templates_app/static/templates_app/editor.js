// The template editor: holds the draft, and asks the server how it looks and what is wrong where.
// The server's form is the only judge and the only renderer; here is only what is typed.
document.addEventListener("alpine:init", () => {
  const read = (id) => JSON.parse(JSON.parse(document.getElementById(id).textContent) || "null");
  const copy = (value) => JSON.parse(JSON.stringify(value));

  Alpine.data("templateEditor", () => ({
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

    init() {
      this.empty = read("editor-empty");
      const draft = read("editor-draft");
      this.mode = draft ? "form" : "json";
      this.draft = draft || copy(this.empty);
      this.$watch("draft", () => this.changed());
      this.form().addEventListener("input", (event) => this.$el.contains(event.target) || this.changed());
      this.form().addEventListener("change", (event) => this.$el.contains(event.target) || this.changed());
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
        if (round === this.round) this.failure = `The preview could not be made (${error.message}). Saving checks the template all the same.`;
        return null;
      }
    },

    says(place) {
      return this.problems[place] || this.hints[place] || "";
    },

    // What is to be said of places that the editor has no field for.
    outside() {
      const shown = this.mode === "form" ? /^(header|body|footer|offer|buttons|cards)(\.|$)/ : /^$/;
      return Object.keys({ ...this.problems, ...(this.mode === "form" ? this.hints : {}) }).filter(
        (place) => !shown.test(place) && (this.mode === "form" || !this.problems[place]),
      );
    },

    variables(text) {
      return [...new Set([...text.matchAll(/\{\{\s*(\w+)\s*\}\}/g)].map((found) => found[1]))].sort((a, b) => a - b);
    },

    addVariable(button, words) {
      const field = button.closest(".wp-field").querySelector("textarea");
      const numbers = this.variables(words.text).map(Number).filter(Number.isFinite);
      field.setRangeText(`{{${Math.max(0, ...numbers) + 1}}}`, field.selectionStart, field.selectionEnd, "end");
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.focus();
    },

    addButton(level) {
      const last = level.buttons.at(-1);
      const type = this.draft.kind === "limited-time offer" ? "URL" : last?.type ?? "QUICK_REPLY";
      level.buttons.push({ type, text: "", url: "", phone: "", example: "", tracked: false, kept: {} });
    },

    // A new card is shaped like the one before it, as Meta wants them all.
    addCard() {
      const last = this.draft.cards.at(-1);
      const card = { header: copy(this.empty.header), body: copy(this.empty.body), buttons: [], kept: {}, others: [] };
      card.header.format = last?.header.format ?? "IMAGE";
      this.draft.cards.push(card);
      for (const button of last?.buttons ?? []) {
        this.addButton(card);
        card.buttons.at(-1).type = button.type;
      }
      if (!last) this.addButton(card);
    },

    move(list, from, by) {
      list.splice(from + by, 0, ...list.splice(from, 1));
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
});
