import assert from "node:assert/strict";
import { test } from "node:test";
import { insertInto, shows } from "../../broadcasts/static/broadcasts/fields.js";

test("a part is shown while its field has the value", () => {
  const data = new FormData();
  data.set("who", "filter");
  assert.equal(shows("who=filter", data), true);
  assert.equal(shows("who=list", data), false);
  assert.equal(shows("when=later", data), false);
});

test("a value replaces what was marked, with the caret where the fallback goes", () => {
  const { value, caret } = insertInto("Dear NAME, hello", 5, 9, "{{ profile.name | }}");
  assert.equal(value, "Dear {{ profile.name | }}, hello");
  assert.equal(
    `${value.slice(0, caret)}friend${value.slice(caret)}`,
    "Dear {{ profile.name |friend }}, hello",
  );
});
