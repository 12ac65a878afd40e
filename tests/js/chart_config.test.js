import assert from "node:assert/strict";
import { test } from "node:test";
import { apart, configOf, totals } from "../../stats/static/stats/chart_config.js";

const hatched = (hatch, colour) => `${hatch} in ${colour}`;
const trend = (count = 2) => ({
  kind: "lines",
  labels: Array.from({ length: count }, (_, n) => `day ${n}`),
  series: [
    { name: "accepted", label: "Accepted", data: Array(count).fill(5) },
    { name: "viewed", label: "Viewed", data: Array(count).fill(2) },
  ],
});
const errors = {
  kind: "bars",
  labels: ["Monday"],
  series: [
    { name: "refused", label: "Refused", data: [1] },
    { name: "undelivered", label: "Undelivered", data: [3] },
  ],
};
const plain = { dark: false, hatched, hidden: new Set() };

test("lines differ by dashes and points, not by colour alone", () => {
  const { type, data } = configOf(trend(), plain);
  assert.equal(type, "line");
  const [accepted, viewed] = data.datasets;
  assert.notDeepEqual(accepted.borderDash, viewed.borderDash);
  assert.notEqual(accepted.pointStyle, viewed.pointStyle);
  assert.deepEqual(accepted.data, [5, 5]);
});

test("bars differ by their hatching and stand on each other", () => {
  const { type, data, options } = configOf(errors, plain);
  assert.equal(type, "bar");
  assert.deepEqual(
    data.datasets.map(({ backgroundColor }) => backgroundColor),
    ["lines in #1d4ed8", "cross in #b91c1c"],
  );
  assert.equal(options.scales.y.stacked, true);
});

test("in the dark other colours are used", () => {
  const [light] = configOf(trend(), plain).data.datasets;
  const [dark] = configOf(trend(), { ...plain, dark: true }).data.datasets;
  assert.notEqual(light.borderColor, dark.borderColor);
});

test("what the reader hid stays hidden", () => {
  const { data } = configOf(trend(), { ...plain, hidden: new Set(["viewed"]) });
  assert.deepEqual(
    data.datasets.map(({ hidden }) => hidden),
    [false, true],
  );
});

test("with many days only some points have their shape", () => {
  const shapes = (count) => {
    const { pointRadius } = configOf(trend(count), plain).data.datasets[0];
    return Array.from({ length: count }, (_, n) => pointRadius({ dataIndex: n })).filter(Boolean).length;
  };
  assert.equal(shapes(60), 60);
  assert.equal(shapes(61), 31);
});

test("labels that would cover each other move up", () => {
  const placed = apart([{ y: 100 }, { y: 95 }, { y: 20 }], 200);
  assert.deepEqual(
    placed.map(({ y }) => y),
    [100, 87, 20],
  );
});

test("no label leaves the chart below", () => {
  assert.deepEqual(apart([{ y: 199 }], 200), [{ y: 187 }]);
});

test("the total of each series is what a test or a reader can compare", () => {
  assert.deepEqual(totals(trend(3)), [15, 6]);
});
