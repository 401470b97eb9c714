import { z } from 'zod'

/** Sizes in millimetres, as they lie in portrait. */
export const pageSizes = {
  A3: [297, 420],
  A4: [210, 297],
  A5: [148, 210],
  Letter: [215.9, 279.4],
  Legal: [215.9, 355.6],
} as const

// What a PDF page can be, in points; lengths are checked against the page later.
const largest = 14_400

const length = z.number({ error: 'must be a number' }).min(-largest).max(largest)
const extent = z.number({ error: 'must be a number' }).positive({ error: 'must be more than 0' }).max(largest)
const colour = z
  .string({ error: "must be a colour in quotes, such as '#16263f'" })
  .regex(/^#([0-9a-f]{3}|[0-9a-f]{6})$/i, {
    error: "must be a colour in quotes, such as '#16263f'",
  })
const flag = z.boolean({ error: 'must be true or false' })
const words = z.string({ error: 'must be text' }).max(2000, { error: 'must have at most 2000 characters' })
const file = z.string({ error: 'must be the name of a file' }).min(1, { error: 'must be the name of a file' })
const choice = <const Values extends readonly [string, ...string[]]>(...values: Values) =>
  z.enum(values, { error: `must be ${values.slice(0, -1).join(', ')} or ${values.at(-1)}` })

const thickness = z
  .number({ error: 'must be a number of points' })
  .positive({ error: 'must be more than 0' })
  .max(100, { error: 'must be at most 100 points' })

const text = z.strictObject({
  type: z.literal('text'),
  /** With placeholders such as `{course}`. */
  text: words.min(1, { error: 'must have at least one character' }),
  /** The upper left corner of its box; without `x` the box is in the middle of the page. */
  x: length.optional(),
  y: length,
  width: extent,
  /** Without it, room for one line at `size` or two at `wrap_below`. */
  height: extent.optional(),
  /** The largest size of the letters, in points. */
  size: z
    .number({ error: 'must be a number of points' })
    .min(3, { error: 'must be at least 3 points' })
    .max(500, { error: 'must be at most 500 points' })
    .default(14),
  /** The size in points below which the text is wrapped rather than shrunk further. */
  wrap_below: z
    .number({ error: 'must be a number of points' })
    .min(3, { error: 'must be at least 3 points' })
    .max(500, { error: 'must be at most 500 points' })
    .optional(),
  /** A family, or a TrueType or OpenType file. */
  font: z.string({ error: 'must be serif, sans, mono, or a .ttf or .otf file' }).min(1).default('serif'),
  bold: flag.default(false),
  italic: flag.default(false),
  color: colour.default('#000000'),
  align: choice('left', 'center', 'right').default('center'),
  valign: choice('top', 'middle', 'bottom').default('middle'),
  /** Points between the letters. */
  spacing: z
    .number({ error: 'must be a number of points' })
    .min(0, { error: 'must be at least 0' })
    .max(100, { error: 'must be at most 100 points' })
    .default(0),
  /** Placeholders of this text may stay empty without a finding. */
  optional: flag.default(false),
})

const picture = z.strictObject({
  type: z.literal('picture'),
  /** PNG or JPEG. It keeps its ratio: with both `width` and `height` it is as large as fits. */
  file,
  x: length.optional(),
  y: length,
  width: extent.optional(),
  height: extent.optional(),
})

const qr = z.strictObject({
  type: z.literal('qr'),
  x: length.optional(),
  y: length,
  size: extent,
  color: colour.default('#000000'),
  /** Behind the code; `none` lets the page show through. */
  paper: z
    .union([z.literal('none'), colour], { error: "must be a colour in quotes, such as '#ffffff', or none" })
    .default('#ffffff'),
})

const point = z.tuple([length, length], { error: 'must be two numbers, [right, down], such as [20, 150]' })

const line = z.strictObject({
  type: z.literal('line'),
  from: point,
  to: point,
  color: colour.default('#000000'),
  /** In points. */
  thickness: thickness.default(1),
})

const rectangle = z.strictObject({
  type: z.literal('rectangle'),
  x: length.optional(),
  y: length,
  width: extent,
  height: extent,
  fill: colour.optional(),
  /** Of its border. */
  color: colour.optional(),
  thickness: thickness.default(1),
})

/** What stands on a page, by `type`. */
export const itemSchemas = { text, picture, qr, line, rectangle } as const
export type Item = z.output<(typeof itemSchemas)[keyof typeof itemSchemas]>

/** Everything but the items, which are checked one by one. */
export const layoutSchema = z.strictObject({
  page: z
    .union(
      [z.enum(Object.keys(pageSizes) as [keyof typeof pageSizes]), z.strictObject({ width: extent, height: extent })],
      { error: `must be ${Object.keys(pageSizes).join(', ')}, or { width: 297, height: 210 }` },
    )
    .optional(),
  orientation: choice('landscape', 'portrait').optional(),
  /** Of all lengths but the sizes of letters and the thickness of lines, which are points. */
  units: choice('mm', 'pt').default('mm'),
  /** PDF, PNG or JPEG; it fills the page. */
  background: file.optional(),
  locale: z
    .string({ error: 'must be a language tag such as en or pt-BR' })
    .refine((tag) => isLocale(tag), { error: 'must be a language tag such as en or pt-BR' })
    .optional(),
  title: words.default('{fullname}'),
  items: z
    .array(z.unknown(), { error: 'must be a list, each item beginning with "- type:"' })
    .min(1, { error: 'must have at least one item' })
    .max(200, { error: 'must have at most 200 items' }),
})
export type LayoutFile = z.output<typeof layoutSchema>

function isLocale(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length === 1
  } catch {
    return false
  }
}
