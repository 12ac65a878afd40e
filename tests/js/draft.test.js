import assert from "node:assert/strict";
import { test } from "node:test";
import {
  addButton,
  addCard,
  move,
  nextVariable,
  placesOutside,
  variablesOf,
} from "../../templates_app/static/templates_app/draft.js";

const empty = () => ({
  kind: "carousel",
  header: { format: "", text: "", media: "" },
  body: { text: "", examples: {} },
  buttons: [],
  cards: [],
});

test("variables come once each and in order", () => {
  assert.deepEqual(variablesOf("Hello {{10}} and {{ 2 }}, again {{10}}, not {3}"), ["2", "10"]);
});

test("the next variable is one above the highest", () => {
  assert.equal(nextVariable("Hello"), "{{1}}");
  assert.equal(nextVariable("Hello {{1}}, {{3}}"), "{{4}}");
  assert.equal(nextVariable("Hello {{name}}"), "{{1}}");
});

test("a new button is of the type of the last one, the first a quick reply", () => {
  const draft = { ...empty(), kind: "basic" };
  addButton(draft, draft);
  draft.buttons[0].type = "PHONE_NUMBER";
  addButton(draft, draft);
  assert.deepEqual(
    draft.buttons.map(({ type }) => type),
    ["PHONE_NUMBER", "PHONE_NUMBER"],
  );
  assert.equal(draft.buttons[1].text, "");
});

test("the button of an offer is a link", () => {
  const draft = { ...empty(), kind: "limited-time offer", buttons: [{ type: "COPY_CODE" }] };
  addButton(draft, draft);
  assert.equal(draft.buttons[1].type, "URL");
});

test("the first card has a picture and one quick reply", () => {
  const draft = empty();
  addCard(draft, empty());
  assert.equal(draft.cards[0].header.format, "IMAGE");
  assert.deepEqual(
    draft.cards[0].buttons.map(({ type }) => type),
    ["QUICK_REPLY"],
  );
});

test("a further card has the shape of the one before, and none of its words", () => {
  const draft = empty();
  addCard(draft, empty());
  const [first] = draft.cards;
  first.header.format = "VIDEO";
  first.body.text = "Sandals";
  first.buttons = [
    { type: "URL", text: "See" },
    { type: "QUICK_REPLY", text: "No" },
  ];
  addCard(draft, empty());
  const [, second] = draft.cards;
  assert.equal(second.header.format, "VIDEO");
  assert.equal(second.body.text, "");
  assert.deepEqual(
    second.buttons.map(({ type, text }) => [type, text]),
    [
      ["URL", ""],
      ["QUICK_REPLY", ""],
    ],
  );
});

test("cards share nothing with the draft of nothing", () => {
  const draft = empty();
  const nothing = empty();
  addCard(draft, nothing);
  draft.cards[0].body.examples[1] = "Mira";
  assert.deepEqual(nothing.body.examples, {});
});

test("something moves up or down in its list", () => {
  const list = ["a", "b", "c"];
  move(list, 2, -1);
  assert.deepEqual(list, ["a", "c", "b"]);
  move(list, 0, 1);
  assert.deepEqual(list, ["c", "a", "b"]);
});

test("what no field shows is told beside the form, and only there", () => {
  const problems = {
    "": "It is too large.",
    "cards.1.body.text": "It is empty.",
    category: "There is none such.",
  };
  const hints = { name: "It is taken.", footer: "It is long." };
  assert.deepEqual(placesOutside("form", problems, hints), ["", "category", "name"]);
  assert.deepEqual(placesOutside("json", problems, hints), []);
});
