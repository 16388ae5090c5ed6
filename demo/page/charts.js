/** Line charts over the last two minutes. */
import uPlot from "/uplot.js";

const POINTS = 120;
const STROKES = ["#3b82f6", "#f59e0b", "#10b981", "#a855f7", "#ef4444", "#14b8a6", "#eab308", "#ec4899"];

/** A chart in the element `id`, of one line for each of `names`; it takes a row of values at a time. */
export class Chart {
  #plot;
  #data;
  #box;

  constructor(id, names, { unit = "", max } = {}) {
    this.#box = document.getElementById(id);
    this.#data = [[], ...names.map(() => [])];
    const axis = { stroke: "#8b96a5", grid: { stroke: "#8b96a522" }, ticks: { show: false }, font: "11px system-ui" };
    this.#plot = new uPlot(
      {
        ...this.#size(),
        legend: { show: names.length > 1, live: false, markers: { width: 2 } },
        cursor: { show: false },
        scales: { y: { range: (_plot, _low, high) => [0, max ?? Math.max(1, high * 1.1)] } },
        axes: [
          {
            ...axis,
            space: 70,
            size: 30,
            values: (_plot, times) => times.map((time) => new Date(time * 1000).toLocaleTimeString()),
          },
          { ...axis, size: 52, values: (_plot, values) => values.map((value) => `${value}${unit}`) },
        ],
        series: [
          {},
          ...names.map((label, i) => ({
            label,
            stroke: STROKES[i % STROKES.length],
            width: 1.5,
            points: { show: false },
          })),
        ],
      },
      this.#data,
      this.#box,
    );
    new ResizeObserver(() => this.#plot.setSize(this.#size())).observe(this.#box);
  }

  /** Add values taken at `at` (ms since 1970). */
  add(at, values) {
    this.#data[0].push(at / 1000);
    values.forEach((value, i) => this.#data[i + 1]?.push(value));
    if (this.#data[0].length > POINTS) for (const column of this.#data) column.shift();
    this.#plot.setData(this.#data);
  }

  /** How many points it shows. */
  get length() {
    return this.#data[0].length;
  }

  #size() {
    return { width: Math.max(120, this.#box.clientWidth), height: 150 };
  }
}
