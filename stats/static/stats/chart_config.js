// What Chart.js is told of a chart of the stats pages. Without colour, series are told apart by dashes,
// point shapes or hatching, and by their names at the ends of lines.

const LOOKS = {
  accepted: { colour: ["#4b5563", "#d1d5db"], dash: [], point: "circle" },
  before: { colour: ["#4b5563", "#d1d5db"], dash: [1, 4], point: "line", quiet: true },
  delivered: { colour: ["#1d4ed8", "#60a5fa"], dash: [8, 4], point: "rect" },
  viewed: { colour: ["#047857", "#34d399"], dash: [2, 3], point: "triangle" },
  clicked_unique: { colour: ["#b45309", "#fbbf24"], dash: [12, 3, 2, 3], point: "rectRot" },
  replied: { colour: ["#7e22ce", "#c084fc"], dash: [4, 2, 1, 2, 1, 2], point: "star" },
  refused: { colour: ["#1d4ed8", "#60a5fa"], hatch: "lines" },
  not_sent: { colour: ["#b45309", "#fbbf24"], hatch: "dots" },
  undelivered: { colour: ["#b91c1c", "#f87171"], hatch: "cross" },
};
const MOST_POINTS = 60; // with more, shapes would hide the line; some of them are left out
const LINE_HEIGHT = 13;

// `chart` is the server's: its kind, labels and series. `hatched` makes a pattern of a hatch and a colour;
// `hidden` are the names of the series that the reader hid.
export const configOf = (chart, { dark, hatched, hidden }) => ({
  type: chart.kind === "bars" ? "bar" : "line",
  data: {
    labels: chart.labels,
    datasets: chart.series.map((series) => ({
      ...(chart.kind === "bars" ? bar(series, dark, hatched) : line(series, dark, chart.labels.length)),
      label: series.label,
      data: series.data,
      hidden: hidden.has(series.name),
    })),
  },
  options: options(chart.kind, dark),
});

const colourOf = (look, dark) => look.colour[dark ? 1 : 0];

const bar = ({ name }, dark, hatched) => {
  const look = LOOKS[name];
  const colour = colourOf(look, dark);
  return {
    borderColor: colour,
    borderWidth: 1,
    backgroundColor: hatched(look.hatch, colour),
    maxBarThickness: 42,
  };
};

const line = ({ name }, dark, count) => {
  const look = LOOKS[name];
  const colour = colourOf(look, dark);
  const every = Math.ceil(count / MOST_POINTS);
  return {
    borderColor: colour,
    backgroundColor: colour,
    borderDash: look.dash,
    borderWidth: 2,
    pointStyle: look.point,
    pointRadius: (point) => (point.dataIndex % every ? 0 : 3.5),
    pointHoverRadius: 5,
    quiet: look.quiet ?? false, // its name does not stand at its end
    clip: 6,
  };
};

const options = (kind, dark) => {
  const ink = dark ? "#9ca3af" : "#6b7280";
  const grid = { color: dark ? "#ffffff14" : "#0000000f" };
  const stacked = kind === "bars";
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    interaction: { mode: "index", intersect: false },
    layout: { padding: { right: stacked ? 0 : 62, top: 4 } },
    scales: {
      x: { stacked, grid: { display: false }, ticks: { color: ink, maxRotation: 0, autoSkipPadding: 16 } },
      y: { stacked, grid, beginAtZero: true, ticks: { color: ink, precision: 0 } },
    },
    plugins: {
      legend: {
        position: "bottom",
        labels: { color: ink, usePointStyle: !stacked, boxHeight: stacked ? 12 : 8 },
      },
    },
  };
};

// Labels at the ends of lines, moved up where they would cover each other. They are placed from the
// bottom up, so that none leaves the chart there.
export const apart = (ends, bottom) => {
  let free = bottom;
  return [...ends]
    .sort((a, b) => b.y - a.y)
    .map((end) => {
      free = Math.min(end.y, free - LINE_HEIGHT);
      return { ...end, y: free };
    });
};

export const totals = (chart) => chart.series.map(({ data }) => data.reduce((sum, one) => sum + one, 0));
