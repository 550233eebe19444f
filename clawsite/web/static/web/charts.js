// Draws the charts of the dashboard with uPlot, in the page's own colours, and anew when those or the width change.
const UPlot = window.uPlot;
const charts = JSON.parse(document.getElementById("charts-data").textContent);
const time = document.getElementById("charts").dataset.time;
const language = document.documentElement.lang;
const COLOURS = ["--line-1", "--line-2", "--line-3", "--line-4", "--line-5"];
const HEIGHT = 170;

const numbers = new Intl.NumberFormat(language, { notation: "compact", maximumFractionDigits: 1 });
const money = new Intl.NumberFormat(language, { style: "currency", currency: "USD", maximumSignificantDigits: 3 });
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(language, { weekday: "short", hour: "2-digit", minute: "2-digit" });
const measure = (unit) => new Intl.NumberFormat(language, { style: "unit", unit, notation: "compact", maximumFractionDigits: 1 });
const inSeconds = measure("second");
const inMilliseconds = measure("millisecond");
const inMegabytes = measure("megabyte");
const WRITE = {
  count: (value) => numbers.format(value),
  usd: (value) => money.format(value),
  ms: (value) => (value >= 1000 ? inSeconds.format(value / 1000) : inMilliseconds.format(value)),
  bytes: (value) => inMegabytes.format(value / 1048576),
};

const drawn = new Map();
let last = null;

export function drawCharts(history) {
  last = history;
  for (const chart of charts) {
    const data = [history.at, ...chart.lines.map((line) => history.lines[line.key])];
    const old = drawn.get(chart.name);
    if (old && old.hours === history.hours) old.plot.setData(data);
    else draw(chart, data, history.hours);
    const known = data.slice(1).some((line) => line.some((value) => value !== null));
    document.getElementById(`none-${chart.name}`).hidden = known;
  }
}

function draw(chart, data, hours) {
  const place = document.getElementById(`chart-${chart.name}`);
  drawn.get(chart.name)?.plot.destroy();
  drawn.set(chart.name, { plot: new UPlot(options(chart, place.clientWidth, hours), data, place), hours });
}

function options(chart, width, hours) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const write = WRITE[chart.unit];
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const moment = (seconds) => (hours > 24 ? day : clock).format(seconds * 1000);
  return {
    width,
    height: HEIGHT,
    padding: [8, 26, 0, 0],
    cursor: { y: false, points: { size: 6 }, drag: { x: false } },
    legend: { live: true },
    scales: { y: { range: (plot, least, most) => [0, most > 0 ? most * 1.1 : 1] } },
    axes: [
      { ...axis, space: 70, size: 32, values: (plot, ticks) => ticks.map((seconds) => clock.format(seconds * 1000)) },
      { ...axis, size: 62, values: (plot, ticks) => ticks.map(write) },
    ],
    series: [
      { label: time, value: (plot, seconds) => (seconds === null ? "–" : moment(seconds)) },
      ...chart.lines.map((line, number) => ({
        label: line.label,
        stroke: colour(COLOURS[number]),
        width: 1.6,
        points: { show: false },
        spanGaps: false,
        value: (plot, value) => (value === null || value === undefined ? "–" : write(value)),
      })),
    ],
  };
}

function redraw() {
  if (last === null) return;
  for (const { plot } of drawn.values()) plot.destroy();
  drawn.clear();
  drawCharts(last);
}

let later;
new ResizeObserver(() => { clearTimeout(later); later = setTimeout(redraw, 150); }).observe(document.querySelector("main"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
