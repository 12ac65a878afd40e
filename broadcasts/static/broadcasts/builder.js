// The filter builder: keeps the filter as JSON in a field of the form, and asks the server how many it
// means. The server alone judges it; without JavaScript the JSON itself is edited.
document.addEventListener("alpine:init", () => {
  const MANY = ["is", "is_not", "contains", "begins"];
  const blank = () => ({ name: "", op: "is", text: "" });
  const hint = (op) => {
    if (MANY.includes(op)) return "Value, or one a line";
    if (["before", "from"].includes(op)) return "2026-03-31";
    return ["last_days", "next_days"].includes(op) ? "Days" : "Number";
  };

  const readTest = (test) => ({ name: test.name, op: test.op, text: (test.values ?? []).join("\n") });
  const writeTest = (test) => ({
    name: test.name.trim(),
    op: test.op,
    values: ["known", "unknown"].includes(test.op) ? [] : test.text.split("\n").map((each) => each.trim()).filter(Boolean),
  });
  const whole = (text) => (text === "" || text === null || text === undefined ? null : Number(text));

  const FRESH = {
    attribute: () => ({ kind: "attribute", ...blank() }),
    field: () => ({ kind: "field", ...blank(), name: "name" }),
    consent: () => ({ kind: "consent", state: "opted_in" }),
    message: () => ({ kind: "message", did: "yes", what: "received", campaign: "", template: "", days: "30" }),
    event: () => ({ kind: "event", did: "yes", name: "", times: "1", days: "30", where: [] }),
  };
  const READ = {
    attribute: (each) => ({ kind: "attribute", ...readTest(each) }),
    field: (each) => ({ kind: "field", ...readTest(each) }),
    consent: (each) => ({ kind: "consent", state: each.state }),
    message: (each) => ({ ...FRESH.message(), ...each, did: each.did === false ? "no" : "yes", days: each.days ?? "" }),
    event: (each) => ({
      ...FRESH.event(), ...each, did: each.did === false ? "no" : "yes", days: each.days ?? "",
      where: (each.where ?? []).map(readTest),
    }),
  };
  const WRITE = {
    attribute: (each) => ({ kind: "attribute", ...writeTest(each) }),
    field: (each) => ({ kind: "field", ...writeTest(each) }),
    consent: (each) => ({ kind: "consent", state: each.state }),
    message: ({ kind, did, what, campaign, template, days }) =>
      ({ kind, did: did === "yes", what, campaign: campaign.trim(), template: template.trim(), days: whole(days) }),
    event: ({ kind, did, name, times, days, where }) =>
      ({ kind, did: did === "yes", name: name.trim(), times: whole(times) ?? 1, days: whole(days), where: where.map(writeTest) }),
  };

  const stored = (element) => {
    try {
      return JSON.parse(element.value || "null");
    } catch {
      return undefined; // somebody wrote it by hand: leave it to them
    }
  };
  const listed = () => JSON.parse(document.getElementById("builder-properties").textContent);

  Alpine.data("filterBuilder", () => ({
    ready: false, match: "all", groups: [], properties: {},
    count: null, reachable: "", words: "", problems: {}, failure: "", round: 0, timer: 0,
    blank, hint,

    init() {
      this.properties = listed();
      const filter = stored(this.$refs.json);
      if (filter === undefined) return;
      this.match = filter?.match ?? "all";
      this.groups = (filter?.groups ?? []).map((group) => ({
        match: group.match ?? "all",
        conditions: (group.conditions ?? []).map((each) => READ[each.kind](each)),
      }));
      this.ready = true;
      this.$watch("groups", () => this.changed());
      this.$watch("match", () => this.changed());
      this.refresh();
    },

    fresh(kind) {
      return FRESH[kind]();
    },

    changeKind(group, position) {
      group.conditions[position] = FRESH[group.conditions[position].kind]();
    },

    removeCondition(g, c) {
      this.groups[g].conditions.splice(c, 1);
      if (!this.groups[g].conditions.length) this.groups.splice(g, 1);
    },

    json() {
      const conditions = (group) => group.conditions.map((each) => WRITE[each.kind](each));
      const groups = this.groups.map((group) => ({ match: group.match, conditions: conditions(group) }));
      return JSON.stringify({ match: this.match, groups });
    },

    changed() {
      this.$refs.json.value = this.json();
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.refresh(), 300);
    },

    // An answer that was overtaken by a later one is dropped.
    async refresh() {
      const round = ++this.round;
      this.$refs.json.value = this.json();
      const body = new FormData();
      body.append("filter", this.$refs.json.value);
      body.append("csrfmiddlewaretoken", document.querySelector("[name=csrfmiddlewaretoken]").value);
      try {
        const response = await fetch(this.$root.dataset.count, { method: "POST", body });
        if (!response.ok) throw new Error(`HTTP ${response.status}`);
        const found = await response.json();
        if (round !== this.round) return;
        this.problems = found.problems ?? {};
        this.failure = found.failure ?? "";
        this.words = found.words ?? "";
        this.count = found.people === undefined ? null : found.people.toLocaleString("en");
        this.reachable = (found.reachable ?? 0).toLocaleString("en");
      } catch (error) {
        if (round === this.round) this.failure = `The contacts could not be counted (${error.message}). It can be saved all the same.`;
      }
    },
  }));

  Alpine.data("testsBuilder", () => ({
    ready: false, tests: [], known: {}, blank, hint,

    init() {
      this.known = listed();
      const found = stored(this.$refs.json);
      if (found === undefined) return;
      this.tests = (Array.isArray(found) ? found : []).map(readTest);
      this.ready = true;
      this.$watch("tests", () => (this.$refs.json.value = JSON.stringify(this.tests.map(writeTest))));
    },

    properties() {
      return this.known[document.querySelector("[name=event_name]")?.value] ?? [];
    },
  }));
});
