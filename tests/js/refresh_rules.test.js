import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { answeredElsewhere, reasonOf } from "../../config/static/waypost/refresh_rules.js";

test("an answer from the page asked for is taken", () => {
  const finalRequestPath = "/admin/stats/overview/?range=7d&part=1";
  assert.equal(answeredElsewhere({ finalRequestPath, responsePath: "/admin/stats/overview/?part=1" }), false);
  assert.equal(answeredElsewhere({ finalRequestPath, responsePath: null }), false);
});

test("a page that asks for itself gets its own answer", () => {
  const here = "http://127.0.0.1:8000/admin/providers/provider/add/";
  const finalRequestPath = "?connector_slug=interakt";
  const responsePath = "/admin/providers/provider/add/?connector_slug=interakt";
  assert.equal(answeredElsewhere({ finalRequestPath, responsePath }, here), false);
  assert.equal(answeredElsewhere({ finalRequestPath, responsePath: "/admin/login/" }, here), true);
});

test("an answer from the page for logging in is not", () => {
  const finalRequestPath = "/admin/stats/overview/?part=1";
  const responsePath = "/admin/login/?next=/admin/stats/overview/";
  assert.equal(answeredElsewhere({ finalRequestPath, responsePath }), true);
});

test("failures are told in words", () => {
  assert.equal(reasonOf("htmx:responseError", 503), "the server answered 503");
  assert.equal(reasonOf("htmx:timeout", 0), "the server takes too long");
  assert.equal(reasonOf("htmx:sendError", 0), "the server cannot be reached");
});

test("idiomorph is served as it was published", async () => {
  const ours = "../../config/static/waypost/vendor/idiomorph-ext.min.js";
  const published = "../../node_modules/idiomorph/dist/idiomorph-ext.min.js";
  const [served, original] = await Promise.all(
    [ours, published].map((path) => readFile(new URL(path, import.meta.url), "utf8")),
  );
  assert.equal(served, original);
});
