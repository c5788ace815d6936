import type { Plot } from "./finding.ts";
import type { Result } from "./run.ts";
import { inUnit, topOf } from "./scale.ts";

/** Colours that those who see few can tell apart (Okabe and Ito). */
const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];
const [width, height] = [640, 160];
const [left, right, above, below] = [64, 16, 28, 44];
const whole = above + height + below;

function escapeXml(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

function draw(plot: Plot, title: string, offset: number): string {
  const top = topOf(plot);
  const y = (value: number): string =>
    (above + height * (1 - Math.min(1, Math.max(0, inUnit(plot, value) / top)))).toFixed(1);
  const x = (at: number, count: number): string =>
    (left + (count < 2 ? 0 : (at * width) / (count - 1))).toFixed(1);
  const unit = plot.unit === "" ? "" : ` ${plot.unit}`;
  const text = (at: string, up: string, anchor: string, words: string): string =>
    `<text x="${at}" y="${up}" text-anchor="${anchor}">${escapeXml(words)}</text>`;
  const lines = plot.series.map(({ values }, which) => {
    const points = values.flatMap((value, at) =>
      Number.isFinite(value) ? [`${x(at, values.length)},${y(value)}`] : [],
    );
    return `<polyline fill="none" stroke="${colours[which % colours.length]}" stroke-width="1.5" points="${points.join(" ")}"/>`;
  });
  const dashes = plot.series.flatMap(({ expected }, which) =>
    expected === undefined
      ? []
      : [
          `<line x1="${left}" x2="${left + width}" y1="${y(expected)}" y2="${y(expected)}" stroke="${colours[which % colours.length]}" stroke-dasharray="4 4"/>`,
        ],
  );
  const legend = plot.series.map(
    ({ label }, which) =>
      `<tspan fill="${colours[which % colours.length]}">${escapeXml(label)}</tspan><tspan>   </tspan>`,
  );
  const floor = above + height;
  return [
    `<g transform="translate(0 ${offset})">`,
    text(String(left), "18", "start", `${title}: ${plot.title}`),
    `<path fill="none" stroke="#888" d="M${left} ${above}V${floor}H${left + width}"/>`,
    text(String(left - 6), String(above + 4), "end", `${top}${unit}`),
    text(String(left - 6), String(floor + 4), "end", "0"),
    text(String(left + width), String(floor + 16), "end", `${plot.seconds.toFixed(1)} s`),
    ...dashes,
    ...lines,
    `<text x="${left}" y="${floor + 32}" xml:space="preserve">${legend.join("")}<tspan fill="#666">dashed: expected</tspan></text>`,
    "</g>",
  ].join("\n");
}

/** All plots of these results below each other, as one SVG document. */
export function svgOf(results: readonly Result[]): string {
  const plots = results.flatMap(({ name, plots: own }) => own.map((plot) => ({ name, plot })));
  const [wide, high] = [left + width + right, Math.max(1, plots.length) * whole];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${wide}" height="${high}" viewBox="0 0 ${wide} ${high}" font-family="sans-serif" font-size="12">`,
    `<rect width="${wide}" height="${high}" fill="#fff"/>`,
    ...plots.map(({ name, plot }, at) => draw(plot, name, at * whole)),
    "</svg>\n",
  ].join("\n");
}
