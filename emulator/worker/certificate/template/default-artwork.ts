/** A coordinate, as exact as print needs. */
const number = (value: number) => String(Math.round(value * 1e4) / 1e4)
const join = (...values: readonly number[]) => values.map(number).join(' ')

/** Chooses a colour `#rrggbb` to fill (`rg`) or for lines (`RG`). */
function ink(colour: string, operator: 'rg' | 'RG'): string {
  const part = (at: number) => number(Math.round((Number.parseInt(colour.slice(at, at + 2), 16) / 255) * 1000) / 1000)
  return `${part(1)} ${part(3)} ${part(5)} ${operator}`
}

function rectangle(inset: number, { width, height }: Page): string {
  return `${join(inset, inset, width - 2 * inset, height - 2 * inset)} re`
}

// The control points of a quarter of a circle.
const quarter = 0.5523

function ellipse(rx: number, ry: number): string {
  const [kx, ky] = [rx * quarter, ry * quarter]
  return [
    `${join(rx, 0)} m`,
    `${join(rx, ky, kx, ry, 0, ry)} c`,
    `${join(-kx, ry, -rx, ky, -rx, 0)} c`,
    `${join(-rx, -ky, -kx, -ry, 0, -ry)} c`,
    `${join(kx, -ry, rx, -ky, rx, 0)} c s`,
  ].join('\n')
}

/** Draws around a place: the origin is there until `Q`. */
const at = (x: number, y: number, operators: string) => `q 1 0 0 1 ${join(x, y)} cm\n${operators}\nQ`

/** An ellipse again and again, turned about the origin: repeated text, which deflates to almost nothing. */
function rose(rx: number, ry: number, count: number): string {
  const path = ellipse(rx, ry)
  const angle = Math.PI / count
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  return Array<string>(count)
    .fill(`${path}\n${join(cos, sin, -sin, cos, 0, 0)} cm`)
    .join('\n')
}

/** One period of two waves in opposite phase. */
function twist(period: number, height: number): string {
  const half = period / 2
  const bow = (from: number, y: number) => `${join(from + half * 0.3642, y, from + half * 0.6358, y, from + half, 0)} c`
  const wave = (y: number) => `0 0 m ${bow(0, y)} ${bow(half, -y)} S`
  // The control points of a bow are a third higher than the bow.
  return `${wave((height * 4) / 3)}\n${wave((-height * 4) / 3)}`
}

/** A band of twisted lines to the right of the origin. */
function band(length: number, period: number, heights: readonly number[]): string {
  const count = Math.round(length / period)
  const step = length / count
  const once = heights.map((height) => twist(step, height)).join('\n')
  return `q\n${Array<string>(count)
    .fill(`${once}\n1 0 0 1 ${number(step)} 0 cm`)
    .join('\n')}\nQ`
}

export function diamond(x: number, y: number, r: number): string {
  return `${join(x - r, y)} m ${join(x, y + r)} l ${join(x + r, y)} l ${join(x, y - r)} l h f`
}

interface Page {
  readonly width: number
  readonly height: number
}

export interface ArtworkColours {
  readonly paper: string
  readonly dark: string
  readonly gold: string
  /** Of the rosette behind the text. */
  readonly whisper: string
}

/** Paper, a rosette and an engraved border, as PDF operators. `rosette`: its middle and its radius. */
export function artwork(
  page: Page,
  colours: ArtworkColours,
  rosette: { readonly x: number; readonly y: number; readonly r: number },
): string {
  const { width, height } = page
  const middle = 43
  const corner = 11.5
  const [across, up] = [width - 2 * (middle + corner), height - 2 * (middle + corner)]
  const waves = [4.6, 2.6]
  const from = middle + corner
  const corners = [middle, width - middle].flatMap((x) => [middle, height - middle].map((y) => [x, y] as const))
  const { r } = rosette
  return [
    'q',
    `${ink(colours.paper, 'rg')} ${join(0, 0, width, height)} re f`,

    `${ink(colours.whisper, 'RG')} 0.45 w`,
    at(rosette.x, rosette.y, `${rose(r, r * 0.56, 36)}\n${rose(r * 0.5, r * 0.3, 24)}`),

    `${ink(colours.dark, 'RG')} 2.6 w ${rectangle(26, page)} S`,
    `${ink(colours.gold, 'RG')} 0.5 w ${rectangle(31, page)} S ${rectangle(55, page)} S`,
    '0.4 w',
    at(from, middle, band(across, 13, waves)),
    at(from, height - middle, band(across, 13, waves)),
    `q 0 1 -1 0 ${join(middle, from)} cm\n${band(up, 13, waves)}\nQ`,
    `q 0 1 -1 0 ${join(width - middle, from)} cm\n${band(up, 13, waves)}\nQ`,
    ...corners.map(([x, y]) => at(x, y, rose(9.4, 3.8, 10))),
    ink(colours.gold, 'rg'),
    ...corners.map(([x, y]) => diamond(x, y, 2.2)),
    'Q',
  ].join('\n')
}
