// Draws the charts of the stats pages from the JSON beside them. Without colour, series are told apart
// by dashes, point shapes or hatching, and by their names at the ends of lines.
window.statsCharts = (() => {
  const LOOKS = {
    accepted: { colour: ["#4b5563", "#d1d5db"], dash: [], point: "circle" },
    delivered: { colour: ["#1d4ed8", "#60a5fa"], dash: [8, 4], point: "rect" },
    viewed: { colour: ["#047857", "#34d399"], dash: [2, 3], point: "triangle" },
    clicked_unique: { colour: ["#b45309", "#fbbf24"], dash: [12, 3, 2, 3], point: "rectRot" },
    replied: { colour: ["#7e22ce", "#c084fc"], dash: [4, 2, 1, 2, 1, 2], point: "star" },
    refused: { colour: ["#1d4ed8", "#60a5fa"], hatch: "lines" },
    not_sent: { colour: ["#b45309", "#fbbf24"], hatch: "dots" },
    undelivered: { colour: ["#b91c1c", "#f87171"], hatch: "cross" },
  };
  const POINTS = 60; // with more, shapes would hide the line; some of them are left out
  const drawn = new WeakMap();
  const dark = () => document.documentElement.classList.contains("dark");

  const hatched = (context, kind, colour) => {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    pen.fillStyle = `${colour}33`;
    pen.fillRect(0, 0, 8, 8);
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = 1.5;
    const stroke = (...points) => {
      pen.beginPath();
      for (const [x, y, to, on] of points) {
        pen.moveTo(x, y);
        pen.lineTo(to, on);
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
    return context.createPattern(tile, "repeat");
  };

  // The name of each line at its end, moved apart where they would cover each other.
  const names = {
    id: "names",
    afterDatasetsDraw(chart) {
      if (chart.config.type !== "line") return;
      const pen = chart.ctx;
      const shown = chart.data.datasets
        .map((each, n) => ({ each, meta: chart.getDatasetMeta(n) }))
        .filter(({ meta }) => meta.visible && meta.data.length)
        .map(({ each, meta }) => ({ each, y: meta.data.at(-1).y, x: meta.data.at(-1).x }))
        .sort((a, b) => a.y - b.y);
      pen.save();
      pen.font = "600 11px Inter, sans-serif";
      pen.textBaseline = "middle";
      // From the bottom up, so that none leaves the chart.
      let free = chart.chartArea.bottom + 6;
      for (const { each, y, x } of shown.reverse()) {
        const at = Math.min(y, free - 13);
        free = at;
        pen.fillStyle = each.borderColor;
        pen.fillText(each.label, x + 8, at);
      }
      pen.restore();
    },
  };

  const dataset = (context, series, kind, count) => {
    const look = LOOKS[series.name];
    const colour = look.colour[dark() ? 1 : 0];
    if (kind === "bars") {
      return {
        label: series.label, data: series.data, borderColor: colour, borderWidth: 1,
        backgroundColor: hatched(context, look.hatch, colour), maxBarThickness: 42,
      };
    }
    const every = Math.ceil(count / POINTS);
    return {
      label: series.label, data: series.data, borderColor: colour, backgroundColor: colour,
      borderDash: look.dash, borderWidth: 2, pointStyle: look.point,
      pointRadius: (point) => (point.dataIndex % every ? 0 : 3.5), pointHoverRadius: 5, clip: 6,
    };
  };

  const options = (kind) => {
    const ink = dark() ? "#9ca3af" : "#6b7280";
    const grid = { color: dark() ? "#ffffff14" : "#0000000f" };
    const stacked = kind === "bars";
    return {
      animation: false, responsive: true, maintainAspectRatio: false,
      interaction: { mode: "index", intersect: false },
      layout: { padding: { right: stacked ? 0 : 62, top: 4 } },
      scales: {
        x: { stacked, grid: { display: false }, ticks: { color: ink, maxRotation: 0, autoSkipPadding: 16 } },
        y: { stacked, grid, beginAtZero: true, ticks: { color: ink, precision: 0 } },
      },
      plugins: { legend: { position: "bottom", labels: { color: ink, usePointStyle: !stacked, boxHeight: stacked ? 12 : 8 } } },
    };
  };

  const draw = (box) => {
    const source = document.getElementById(box.dataset.chart);
    if (!source) return;
    const before = drawn.get(box);
    const key = source.textContent + dark();
    if (before?.key === key) return;
    try {
      const { kind, labels, series } = JSON.parse(source.textContent);
      // What the reader hid by the legend stays hidden when new figures come.
      const hidden = series.map((_, n) => Boolean(before) && !before.chart.isDatasetVisible(n));
      before?.chart.destroy();
      const canvas = document.createElement("canvas");
      box.replaceChildren(canvas);
      const context = canvas.getContext("2d");
      const chart = new window.Chart(canvas, {
        type: kind === "bars" ? "bar" : "line",
        data: {
          labels,
          datasets: series.map((each, n) => ({ ...dataset(context, each, kind, labels.length), hidden: hidden[n] })),
        },
        options: options(kind),
        plugins: [names],
      });
      drawn.set(box, { chart, key });
      box.dataset.drawn = series.map((each) => each.data.reduce((sum, one) => sum + one, 0)).join(" ");
    } catch (problem) {
      const said = document.createElement("p");
      said.className = "st-empty";
      said.setAttribute("role", "alert");
      said.textContent = "The chart could not be drawn. The table below has its figures.";
      box.replaceChildren(said);
      console.error(problem);
    }
  };

  const all = () => document.querySelectorAll("[data-chart]").forEach(draw);
  new MutationObserver(all).observe(document.documentElement, { attributeFilter: ["class"] });
  all();
  return { draw: all };
})();
