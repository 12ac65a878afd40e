// The filter builder: keeps the filter as JSON in a field of the form, and asks the server how many it
// means. The server alone judges it; without JavaScript the JSON itself is edited.
import { component } from "../waypost/alpine.js";
import {
  blank,
  freshCondition,
  hint,
  parse,
  readFilter,
  readTest,
  removeCondition,
  writeFilter,
  writeTest,
} from "./filter.js";

const listedProperties = () => JSON.parse(document.getElementById("builder-properties").textContent);

component("filterBuilder", () => ({
  ready: false,
  match: "all",
  groups: [],
  properties: {},
  count: null,
  reachable: "",
  words: "",
  problems: {},
  failure: "",
  round: 0,
  timer: 0,
  blank,
  hint,
  fresh: freshCondition,

  init() {
    this.properties = listedProperties();
    const filter = parse(this.$refs.json.value);
    if (filter === undefined) return;
    Object.assign(this, readFilter(filter));
    this.ready = true;
    this.$watch("groups", () => this.changed());
    this.$watch("match", () => this.changed());
    this.refresh();
  },

  changeKind(group, position) {
    group.conditions[position] = freshCondition(group.conditions[position].kind);
  },

  removeCondition(group, condition) {
    removeCondition(this.groups, group, condition);
  },

  keep() {
    this.$refs.json.value = JSON.stringify(writeFilter(this));
  },

  changed() {
    this.keep();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), 300);
  },

  // An answer that was overtaken by a later one is dropped.
  async refresh() {
    const round = ++this.round;
    this.keep();
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
      if (round !== this.round) return;
      this.failure = `The contacts could not be counted (${error.message}). It can be saved all the same.`;
    }
  },
}));

component("testsBuilder", () => ({
  ready: false,
  tests: [],
  known: {},
  blank,
  hint,

  init() {
    this.known = listedProperties();
    const found = parse(this.$refs.json.value);
    if (found === undefined) return;
    this.tests = (Array.isArray(found) ? found : []).map(readTest);
    this.ready = true;
    this.$watch("tests", () => {
      this.$refs.json.value = JSON.stringify(this.tests.map(writeTest));
    });
  },

  properties() {
    return this.known[document.querySelector("[name=event_name]")?.value] ?? [];
  },
}));
