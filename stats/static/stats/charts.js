// Draws the charts of the stats pages from the JSON beside them, and again when it or the theme changes.
import { apart, configOf, totals } from "./chart_config.js";

const drawn = new WeakMap();

const hatched = (kind, colour) => {
  const tile = document.createElement("canvas");
  tile.width = tile.height = 8;
  const pen = tile.getContext("2d");
  pen.fillStyle = `${colour}33`;
  pen.fillRect(0, 0, 8, 8);
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = 1.5;
  const stroke = (...lines) => {
    pen.beginPath();
    for (const [x, y, toX, toY] of lines) {
      pen.moveTo(x, y);
      pen.lineTo(toX, toY);
    }
    pen.stroke();
  };
  if (kind === "lines") stroke([-2, 2, 2, -2], [0, 8, 8, 0], [6, 10, 10, 6]);
  if (kind === "cross") stroke([0, 0, 8, 8], [0, 8, 8, 0]);
  if (kind === "dots") {
    pen.beginPath();
    pen.arc(4, 4, 1.7, 0, 7);
    pen.fill();
  }
  return pen.createPattern(tile, "repeat");
};

const names = {
  id: "names",
  afterDatasetsDraw(chart) {
    if (chart.config.type !== "line") return;
    const ends = chart
      .getSortedVisibleDatasetMetas()
      .filter(({ data, index }) => data.length && !chart.data.datasets[index].quiet)
      .map(({ index, data }) => ({ set: chart.data.datasets[index], x: data.at(-1).x, y: data.at(-1).y }));
    const pen = chart.ctx;
    pen.save();
    pen.font = "600 11px Inter, sans-serif";
    pen.textBaseline = "middle";
    for (const { set, x, y } of apart(ends, chart.chartArea.bottom + 6)) {
      pen.fillStyle = set.borderColor;
      pen.fillText(set.label, x + 8, y);
    }
    pen.restore();
  },
};

// The names of the series that the reader hid by the legend.
const hiddenIn = (before) =>
  new Set(before?.series.filter((_, n) => !before.chart.isDatasetVisible(n)).map(({ name }) => name));

const draw = (box) => {
  const source = document.getElementById(box.dataset.chart);
  if (!source) return;
  const dark = document.documentElement.classList.contains("dark");
  const key = source.textContent + dark;
  const before = drawn.get(box);
  if (before?.key === key) return;
  try {
    const found = JSON.parse(source.textContent);
    const config = configOf(found, { dark, hatched, hidden: hiddenIn(before) });
    before?.chart.destroy();
    const canvas = document.createElement("canvas");
    box.replaceChildren(canvas);
    const chart = new window.Chart(canvas, { ...config, plugins: [names] });
    drawn.set(box, { chart, key, series: found.series });
    box.dataset.drawn = totals(found).join(" ");
  } catch (problem) {
    const said = document.createElement("p");
    said.className = "st-empty";
    said.setAttribute("role", "alert");
    said.textContent = "The chart could not be drawn. The table below has its figures.";
    box.replaceChildren(said);
    console.error(problem);
  }
};

const drawAll = () => {
  for (const box of document.querySelectorAll("[data-chart]")) draw(box);
};

new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["class"] });
document.addEventListener("htmx:afterSwap", drawAll);
drawAll();
