import assert from "node:assert/strict";
import { test } from "node:test";
import {
  freshCondition,
  hint,
  parse,
  readFilter,
  removeCondition,
  writeFilter,
} from "../../broadcasts/static/broadcasts/filter.js";

const STORED = {
  match: "any",
  groups: [
    {
      match: "all",
      conditions: [
        { kind: "attribute", name: "City", op: "is", values: ["Pune", "Goa"] },
        { kind: "field", name: "name", op: "known", values: [] },
        { kind: "consent", state: "opted_in" },
        { kind: "message", did: false, what: "read", campaign: "wp-1", template: "", days: null },
        {
          kind: "event",
          did: true,
          name: "Charged",
          times: 2,
          days: 30,
          where: [{ name: "Amount", op: "above", values: ["100"] }],
        },
      ],
    },
  ],
};

test("what the server stored comes back as it was", () => {
  assert.deepEqual(writeFilter(readFilter(STORED)), STORED);
});

test("nothing stored means everybody", () => {
  assert.deepEqual(readFilter(null), { match: "all", groups: [] });
  assert.deepEqual(readFilter({ groups: [{}] }), {
    match: "all",
    groups: [{ match: "all", conditions: [] }],
  });
});

test("values are lines of a text, without empty ones", () => {
  const city = { kind: "attribute", name: " City ", op: "is", text: " pune \n\ngoa\n" };
  const written = writeFilter({ match: "all", groups: [{ match: "all", conditions: [city] }] });
  assert.deepEqual(written.groups[0].conditions, [
    { kind: "attribute", name: "City", op: "is", values: ["pune", "goa"] },
  ]);
});

test("whether something is known has no values, whatever stood there before", () => {
  for (const op of ["known", "unknown"]) {
    const condition = { kind: "field", name: "name", op, text: "Mira" };
    const written = writeFilter({ match: "all", groups: [{ match: "all", conditions: [condition] }] });
    assert.deepEqual(written.groups[0].conditions[0].values, []);
  }
});

test("an empty number of days means ever, an empty number of times means once", () => {
  const event = { ...freshCondition("event"), name: "Charged", times: "", days: "" };
  const written = writeFilter({ match: "all", groups: [{ match: "all", conditions: [event] }] });
  assert.deepEqual(written.groups[0].conditions[0], {
    kind: "event",
    did: true,
    name: "Charged",
    times: 1,
    days: null,
    where: [],
  });
});

test("fresh conditions of a kind do not share what is in them", () => {
  freshCondition("event").where.push("a property");
  assert.deepEqual(freshCondition("event").where, []);
});

test("a fresh condition on a field is about the name, one on an attribute about none yet", () => {
  assert.equal(freshCondition("field").name, "name");
  assert.equal(freshCondition("attribute").name, "");
});

test("a group goes with its last condition", () => {
  const groups = [{ conditions: ["a", "b"] }, { conditions: ["c"] }];
  removeCondition(groups, 0, 0);
  assert.deepEqual(groups, [{ conditions: ["b"] }, { conditions: ["c"] }]);
  removeCondition(groups, 1, 0);
  assert.deepEqual(groups, [{ conditions: ["b"] }]);
});

test("the hint says what a comparison takes", () => {
  assert.equal(hint("is"), "Value, or one a line");
  assert.equal(hint("from"), "2026-03-31");
  assert.equal(hint("next_days"), "Days");
  assert.equal(hint("above"), "Number");
});

test("JSON that somebody wrote wrongly by hand is left to them", () => {
  assert.equal(parse("{"), undefined);
  assert.equal(parse(""), null);
  assert.deepEqual(parse('{"match": "any"}'), { match: "any" });
});
