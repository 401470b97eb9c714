import { standardFace, type Style } from './faces.ts'
import { centre, foot, ink, page } from './layout.ts'

/** A coordinate, as exact as print needs. */
export const number = (value: number) => String(Math.round(value * 100) / 100)
const join = (...values: readonly number[]) => values.map(number).join(' ')

export function rectangle(x: number, y: number, width: number, height: number): string {
  return `${join(x, y, width, height)} re`
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  return `${join(x1, y1)} m ${join(x2, y2)} l S`
}

// The control points of a quarter of a circle.
const quarter = 0.5523

function circle(x: number, y: number, r: number): string {
  const k = r * quarter
  return [
    `${join(x + r, y)} m`,
    `${join(x + r, y + k, x + k, y + r, x, y + r)} c`,
    `${join(x - k, y + r, x - r, y + k, x - r, y)} c`,
    `${join(x - r, y - k, x - k, y - r, x, y - r)} c`,
    `${join(x + k, y - r, x + r, y - k, x + r, y)} c h`,
  ].join('\n')
}

function diamond(x: number, y: number, r: number): string {
  return `${join(x - r, y)} m ${join(x, y + r)} l ${join(x + r, y)} l ${join(x, y - r)} l h f`
}

/** A frame whose corners are cut out as quarter circles around the corner. */
function frame(inset: number, r: number): string {
  const [left, bottom, right, top] = [inset, inset, page.width - inset, page.height - inset]
  const k = r * quarter
  return [
    `${join(left + r, bottom)} m ${join(right - r, bottom)} l`,
    `${join(right - r, bottom + k, right - k, bottom + r, right, bottom + r)} c`,
    `${join(right, top - r)} l`,
    `${join(right - k, top - r, right - r, top - k, right - r, top)} c`,
    `${join(left + r, top)} l`,
    `${join(left + r, top - k, left + k, top - r, left, top - r)} c`,
    `${join(left, bottom + r)} l`,
    `${join(left + k, bottom + r, left + r, bottom + k, left + r, bottom)} c h S`,
  ].join('\n')
}

/** A ring of circles between two radii: the pattern of engraved paper. */
function rosette(x: number, y: number, inner: number, outer: number, count: number): string {
  const r = (outer - inner) / 2
  return Array.from({ length: count }, (_, index) => {
    const angle = (2 * Math.PI * index) / count
    return circle(x + (inner + r) * Math.cos(angle), y + (inner + r) * Math.sin(angle), r)
  }).join('\n')
}

/** Fixed words, centred on `x`; `spacing` is added between the letters. */
function words(style: Style, size: number, text: string, x: number, y: number, spacing = 0): string {
  const face = standardFace(style)
  const width = (face.width(text) * size) / 1000 + spacing * (text.length - 1)
  return `BT /${face.resource} ${size} Tf ${number(spacing)} Tc ${join(x - width / 2, y)} Td ${face.show(text)} ET`
}

/** Everything that is the same on every certificate. */
export function artwork(): string {
  const corners = [42.5, page.width - 42.5].flatMap((x) => [42.5, page.height - 42.5].map((y) => [x, y] as const))
  return [
    'q',
    `${ink.paper} ${rectangle(0, 0, page.width, page.height)} f`,
    `${ink.whisperLine} 0.5 w ${rosette(centre, 316, 52, 138, 60)} S`,

    `${ink.navyLine} 3 w ${rectangle(22, 22, page.width - 44, page.height - 44)} S`,
    `${ink.goldLine} 0.5 w ${rectangle(26.5, 26.5, page.width - 53, page.height - 53)} S`,
    `1.1 w ${frame(33, 19)}`,
    ink.gold,
    ...corners.map(([x, y]) => diamond(x, y, 4.2)),

    ink.navy,
    words('roman', 46, 'CERTIFICATE', centre, 483, 11),
    ink.gold,
    words('roman', 14, 'OF COMPLETION', centre, 455, 5),
    `${ink.goldLine} 0.8 w ${line(centre - 214, 459.5, centre - 102, 459.5)} ${line(centre + 102, 459.5, centre + 214, 459.5)}`,
    diamond(centre - 98, 459.5, 2.6),
    diamond(centre + 98, 459.5, 2.6),

    ink.grey,
    words('italic', 15, 'This is to certify that', centre, 418),
    words('italic', 15, 'has completed', centre, 306),
    `${ink.goldLine} 0.8 w ${line(centre - 170, 330, centre + 170, 330)}`,
    ink.gold,
    diamond(centre, 330, 3.2),

    `${ink.navyLine} 0.6 w`,
    ...[foot.left, foot.right].map((x) => line(x - foot.width / 2, foot.rule, x + foot.width / 2, foot.rule)),
    ink.grey,
    words('roman', 8, 'DATE', foot.left, foot.rule - 13, 2),
    words('roman', 8, 'ISSUED BY', foot.right, foot.rule - 13, 2),
    'Q',
  ].join('\n')
}
