// The growth of costs, drawn: cost per service against the number of services, both axes logarithmic, as an SVG written by
// hand that can be read on white and on dark ground. A flat line is linear growth; a bend is seen.

/** One line: a name and its points, in the order of x. */
export interface Line {
  readonly name: string
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

/** One panel: what its y axis measures, and the lines in it. */
export interface Panel {
  readonly title: string
  readonly unit: string
  readonly lines: readonly Line[]
}

const WIDTH = 380
const HEIGHT = 250
const LEFT = 52
const TOP = 34
const RIGHT = 14
const BOTTOM = 34
/** Seen on white and on black alike. */
const COLOURS = ['#2f81f7', '#d97706', '#8b949e']

const log = (value: number): number => Math.log10(value)
const digits = (value: number): string =>
  value >= 1_000_000 ? `${value / 1_000_000} M` : value >= 1_000 ? `${value / 1_000} k` : String(value)
const round = (value: number): string => value.toFixed(1)

function panel({ title, unit, lines }: Panel, x0: number, y0: number): string {
  const points = lines.flatMap((line) => line.points)
  const xs = points.map(({ x }) => log(x))
  const ys = points.map(({ y }) => log(y))
  const [x1, x2] = [Math.floor(Math.min(...xs)), Math.ceil(Math.max(...xs))]
  // At least two decades: noise is not to look like growth.
  const low = Math.floor(Math.min(...ys))
  const high = Math.max(low + 2, Math.ceil(Math.max(...ys)))
  const px = (x: number): number => LEFT + ((log(x) - x1) / Math.max(1, x2 - x1)) * (WIDTH - LEFT - RIGHT)
  const py = (y: number): number => HEIGHT - BOTTOM - ((log(y) - low) / (high - low)) * (HEIGHT - TOP - BOTTOM)
  const parts = [`<text x="${LEFT}" y="18" class="title">${title}, ${unit}</text>`]
  for (let decade = low; decade <= high; decade++) {
    const y = round(py(10 ** decade))
    parts.push(`<line x1="${LEFT}" y1="${y}" x2="${WIDTH - RIGHT}" y2="${y}" class="grid"/>`)
    parts.push(
      `<text x="${LEFT - 6}" y="${round(py(10 ** decade) + 4)}" text-anchor="end">${digits(Number((10 ** decade).toPrecision(3)))}</text>`,
    )
  }
  for (let decade = x1; decade <= x2; decade++) {
    const x = round(px(10 ** decade))
    parts.push(`<line x1="${x}" y1="${TOP}" x2="${x}" y2="${HEIGHT - BOTTOM}" class="grid"/>`)
    parts.push(`<text x="${x}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${digits(10 ** decade)}</text>`)
  }
  for (const [i, line] of lines.entries()) {
    const colour = COLOURS[i % COLOURS.length]
    const way = line.points.map(({ x, y }) => `${round(px(x))},${round(py(y))}`)
    parts.push(`<polyline points="${way.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`)
    for (const at of way)
      parts.push(`<circle cx="${at.split(',')[0]}" cy="${at.split(',')[1]}" r="3" fill="${colour}"/>`)
  }
  return `<g transform="translate(${x0},${y0})">\n${parts.join('\n')}\n</g>`
}

/** The whole picture, two panels in a row. */
export function svg(panels: readonly Panel[], caption: string): string {
  const rows = Math.ceil(panels.length / 2)
  const [width, height] = [WIDTH * 2, HEIGHT * rows + 24]
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${caption}</title>`,
    '<style>text{font:11px system-ui,sans-serif;fill:#768390}.title{font-weight:600;font-size:12px}.grid{stroke:#768390;stroke-opacity:.3}</style>',
    ...panels.map((each, i) => panel(each, (i % 2) * WIDTH, Math.floor(i / 2) * HEIGHT)),
    `<text x="${LEFT}" y="${height - 8}">${caption}</text>`,
    ...(panels[0]?.lines ?? []).map(
      ({ name }, i) =>
        `<text x="${width - RIGHT - i * 90}" y="${height - 8}" text-anchor="end" style="fill:${COLOURS[i % COLOURS.length]}">${name}</text>`,
    ),
    '</svg>\n',
  ].join('\n')
}
