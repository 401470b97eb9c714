import type { Style } from './faces.ts'
import type { Box } from './fitting.ts'

/** A4 landscape. All lengths are points, from the left and from the bottom. */
export const page = { width: 841.89, height: 595.28 } as const
export const centre = page.width / 2

/** Colours, as the operators that choose them: `rg` to fill (and for text), `RG` for lines. */
export const ink = {
  paper: '0.998 0.992 0.973 rg',
  white: '1 1 1 rg',
  navy: '0.09 0.15 0.26 rg',
  gold: '0.66 0.51 0.20 rg',
  grey: '0.36 0.39 0.44 rg',
  navyLine: '0.09 0.15 0.26 RG',
  goldLine: '0.70 0.55 0.24 RG',
  whisperLine: '0.945 0.915 0.84 RG',
} as const

/** Where the two columns at the foot are centred, how wide they are, and the height of the rule in them. */
export const foot = { left: 188, right: page.width - 188, width: 210, rule: 108 } as const

/** The frame of the QR code; the quiet zone is inside it. */
export const qrFrame = { x: centre - 37, y: 101, side: 74, quiet: 6 } as const

/** A place for a text on the page. */
export interface Field extends Box {
  /** As a finding names it. */
  readonly name: string
  readonly style: Style
  readonly ink: string
  /** The middle of the lines. */
  readonly x: number
  /** The middle of the lines, or the baseline that the last of them stands on. */
  readonly y: { readonly middle: number } | { readonly baseline: number }
}

const aboveRule = {
  style: 'roman',
  ink: ink.navy,
  y: { baseline: foot.rule + 7 },
  width: foot.width,
  height: 32,
  size: 15,
  wrapBelow: 11,
} as const

export const fields = {
  name: {
    name: 'name',
    style: 'italic',
    ink: ink.navy,
    x: centre,
    y: { middle: 367 },
    width: 640,
    height: 62,
    size: 46,
    wrapBelow: 27,
  },
  course: {
    name: 'course',
    style: 'bold',
    ink: ink.navy,
    x: centre,
    y: { middle: 267 },
    width: 600,
    height: 52,
    size: 25,
    wrapBelow: 18,
  },
  grade: {
    name: 'grade',
    style: 'italic',
    ink: ink.grey,
    x: centre,
    y: { middle: 219 },
    width: 560,
    height: 34,
    size: 15,
    wrapBelow: 11,
  },
  date: { name: 'date', ...aboveRule, x: foot.left },
  issuer: { name: 'issuer', ...aboveRule, x: foot.right },
  code: {
    name: 'verification code',
    style: 'mono',
    ink: ink.navy,
    x: centre,
    y: { middle: 89 },
    width: 210,
    height: 14,
    size: 10,
    wrapBelow: 6,
  },
  address: {
    name: 'verification address',
    style: 'roman',
    ink: ink.grey,
    x: centre,
    y: { middle: 72.5 },
    width: 340,
    height: 22,
    size: 8,
    wrapBelow: 7,
  },
} as const satisfies Record<string, Field>
