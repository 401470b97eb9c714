import { time } from '../words.ts'

/** Text of ours that may hold anything. */
export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

/** A line of a chart; `tone` is one of the page's colours, 1 to 5. */
export interface Line {
  readonly name: string
  readonly tone: number
  readonly points: readonly (readonly [x: number, y: number])[]
  /** Filled down to the axis. */
  readonly area?: boolean
  readonly dashed?: boolean
}

interface Frame {
  readonly width: number
  readonly height: number
  readonly left: number
  readonly right: number
  readonly top: number
  readonly bottom: number
}

/** Across the page, or half of it: text has the same size in both. */
export type Size = 'wide' | 'half'
const frames: Readonly<Record<Size, Frame>> = {
  wide: { width: 1000, height: 290, left: 58, right: 16, top: 14, bottom: 34 },
  half: { width: 480, height: 210, left: 52, right: 12, top: 12, bottom: 32 },
}
const mostPoints = 400

/** 1, 2 or 5 times a power of ten, so that about `count` of them reach `most`. */
function ticksTo(most: number, count = 5): number[] {
  if (most <= 0) return [0, 1]
  const rough = most / count
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough) ?? power * 10
  const ticks: number[] = []
  for (let at = 0; at < most + step; at += step) ticks.push(Math.round(at / step) * step)
  return ticks
}

/** Seconds and minutes have steps of their own. */
function timeTicks(most: number): number[] {
  const seconds = most / 1000
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200]
  const step = (steps.find((each) => seconds / each <= 7) ?? Math.ceil(seconds / 7 / 3600) * 3600) * 1000
  const ticks: number[] = []
  for (let at = 0; at <= most; at += step) ticks.push(at)
  return ticks
}

const short = (value: number): string =>
  value >= 1_000_000 ? `${trimmed(value / 1_000_000)}M` : value >= 10_000 ? `${trimmed(value / 1000)}k` : trimmed(value)
const trimmed = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 })

const clockTick = (ms: number): string => {
  const seconds = Math.round(ms / 1000)
  if (seconds < 120) return `${seconds} s`
  const minutes = Math.floor(seconds / 60)
  return seconds % 60 === 0 ? `${minutes} min` : `${minutes}:${String(seconds % 60).padStart(2, '0')}`
}

/** Keeps the first and last point of each stretch: a run of hours has more than a picture can show. */
function thinned<Point>(points: readonly Point[]): readonly Point[] {
  if (points.length <= mostPoints) return points
  const step = (points.length - 1) / (mostPoints - 1)
  return Array.from({ length: mostPoints }, (_, index) => points[Math.round(index * step)] as Point)
}

/** Lines over time (milliseconds), as one SVG. `mark` is a time to be kept, drawn across. */
export function lineChart({
  title,
  lines,
  yWords = short,
  mark,
  size = 'half',
}: {
  readonly title: string
  readonly size?: Size
  readonly lines: readonly Line[]
  readonly yWords?: (value: number) => string
  readonly mark?: { readonly x: number; readonly words: string } | undefined
}): string {
  const shown = lines.filter(({ points }) => points.length > 0)
  if (shown.length === 0) return ''
  const dataX = Math.max(1, ...shown.flatMap(({ points }) => points.map(([x]) => x)))
  // A budget far beyond would push what happened into a corner.
  const marked = mark !== undefined && mark.x <= dataX * 1.6 ? mark : undefined
  const mostX = Math.max(dataX, marked?.x ?? 0)
  const ticks = ticksTo(Math.max(...shown.flatMap(({ points }) => points.map(([, y]) => y))))
  const mostY = ticks.at(-1) ?? 1
  const { width, height, left, right, top, bottom } = frames[size]
  const x = (value: number) => left + (value / mostX) * (width - left - right)
  const y = (value: number) => height - bottom - (value / mostY) * (height - top - bottom)
  const round = (value: number) => Math.round(value * 10) / 10
  const grid = ticks
    .map(
      (tick) =>
        `<line class="grid" x1="${left}" x2="${width - right}" y1="${round(y(tick))}" y2="${round(y(tick))}"/>` +
        `<text class="tick" x="${left - 8}" y="${round(y(tick) + 4)}" text-anchor="end">${escaped(yWords(tick))}</text>`,
    )
    .join('')
  const times = timeTicks(mostX)
    .map(
      (tick) =>
        `<text class="tick" x="${round(x(tick))}" y="${height - bottom + 20}" text-anchor="middle">${clockTick(tick)}</text>`,
    )
    .join('')
  const drawn = shown
    .map(({ points, tone, area, dashed }) => {
      const path = thinned(points)
        .map(([at, value], index) => `${index === 0 ? 'M' : 'L'}${round(x(at))} ${round(y(value))}`)
        .join('')
      const [first, last] = [points[0]?.[0] ?? 0, points.at(-1)?.[0] ?? 0]
      const filled =
        area === true
          ? `<path class="area c${tone}" d="${path}L${round(x(last))} ${y(0)}L${round(x(first))} ${y(0)}Z"/>`
          : ''
      return `${filled}<path class="line c${tone}${dashed === true ? ' dashed' : ''}" d="${path}"/>`
    })
    .join('')
  const line =
    marked === undefined
      ? ''
      : `<line class="mark" x1="${round(x(marked.x))}" x2="${round(x(marked.x))}" y1="${top}" y2="${height - bottom}"/>` +
        `<text class="tick" x="${round(x(marked.x) - 6)}" y="${top + 10}" text-anchor="end">${escaped(marked.words)}</text>`
  return figure(size, title, legend(shown), svg(width, height, title, grid + times + drawn + line))
}

/** A row of a chart of percentiles: `from` to `to` with a mark at `middle`. */
export interface Span {
  readonly name: string
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

/** Percentiles of times on a logarithmic scale. */
export function spanChart({ title, spans }: { readonly title: string; readonly spans: readonly Span[] }): string {
  if (spans.length === 0) return ''
  const rowHeight = 44
  const { width, right } = frames.wide
  const left = 16
  const height = 22 + spans.length * rowHeight + 26
  const most = Math.max(10, ...spans.map(({ max }) => max))
  const decades = Math.max(1, Math.ceil(Math.log10(most)))
  const x = (ms: number) => left + (Math.log10(Math.max(1, ms)) / decades) * (width - left - right - 10)
  const round = (value: number) => Math.round(value * 10) / 10
  const bottom = height - 24
  const grid = Array.from({ length: decades + 1 }, (_each, decade) => {
    const at = round(x(10 ** decade))
    return (
      `<line class="grid" x1="${at}" x2="${at}" y1="6" y2="${bottom}"/>` +
      `<text class="tick" x="${at}" y="${height - 6}" text-anchor="middle">${tickTime(10 ** decade)}</text>`
    )
  }).join('')
  const rows = spans
    .map(({ name, p50, p95, p99, max }, index) => {
      const y = 24 + index * rowHeight
      const bar = (from: number, to: number, cls: string) =>
        `<rect class="${cls}" x="${round(x(from))}" y="${y + 6}" width="${round(Math.max(2, x(to) - x(from)))}" height="12" rx="3"/>`
      return (
        `<text class="label" x="${left}" y="${y}">${escaped(name)}</text>` +
        `<text class="tick" x="${width - right}" y="${y}" text-anchor="end">p50 ${time(p50)} · p95 ${time(p95)} · p99 ${time(p99)} · max ${time(max)}</text>` +
        bar(p50, max, 'fill c1 faint') +
        bar(p50, p99, 'fill c1 soft') +
        bar(p50, p95, 'fill c1') +
        `<circle class="dot" cx="${round(x(p50))}" cy="${y + 12}" r="5"/>`
      )
    })
    .join('')
  return figure('wide', title, '', svg(width, height, title, grid + rows))
}

const tickTime = (ms: number): string => (ms < 1000 ? `${ms} ms` : `${short(ms / 1000)} s`)

/** A part of a bar. */
export interface Part {
  readonly name: string
  readonly value: number
  readonly words: string
  /** Else each part has the next. */
  readonly tone?: number
}

/** Bars below each other, each with its share of the longest. */
export function barChart({
  title,
  note = '',
  parts,
  size = 'half',
}: {
  readonly title: string
  readonly note?: string
  readonly size?: Size
  readonly parts: readonly Part[]
}): string {
  const shown = parts.filter(({ value }) => value > 0)
  if (shown.length === 0) return ''
  const rowHeight = 34
  const { width } = frames[size]
  const height = shown.length * rowHeight + 8
  const most = Math.max(...shown.map(({ value }) => value))
  const [left, right] = [118, 84]
  const rows = shown
    .map(({ name, value, words, tone }, index) => {
      const y = index * rowHeight + 6
      const length = Math.max(2, (value / most) * (width - left - right))
      return (
        `<text class="label" x="${left - 10}" y="${y + 16}" text-anchor="end">${escaped(name)}</text>` +
        `<rect class="fill c${tone ?? (index % 5) + 1}" x="${left}" y="${y}" width="${Math.round(length)}" height="22" rx="4"/>` +
        `<text class="tick" x="${left + Math.round(length) + 8}" y="${y + 16}">${escaped(words)}</text>`
      )
    })
    .join('')
  return figure(size, title, note === '' ? '' : `<p class="note">${escaped(note)}</p>`, svg(width, height, title, rows))
}

const legend = (lines: readonly Line[]): string =>
  lines.length < 2
    ? ''
    : `<p class="legend">${lines.map(({ name, tone, dashed }) => `<span class="c${tone}${dashed === true ? ' dashed' : ''}">${escaped(name)}</span>`).join('')}</p>`

const svg = (width: number, height: number, title: string, inside: string): string =>
  `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">${inside}</svg>`

const figure = (size: Size, title: string, above: string, inside: string): string =>
  `<figure class="${size}"><figcaption>${escaped(title)}</figcaption>${above}${inside}</figure>`
