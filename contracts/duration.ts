import { z } from 'zod'

const units = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const

/** `500ms`, `5s`, `2m`, `1h`, or a number of seconds, as milliseconds; undefined for anything else. */
function milliseconds(value: number | string): number | undefined {
  const match = /^(-?\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(String(value).trim())
  if (match === null) return undefined
  return Number(match[1]) * units[(match[2] ?? 's') as keyof typeof units]
}

/** `5s`, `30s`, `2m`, `500ms`, `1h`, or a number of seconds → milliseconds. */
export const duration = z.union([z.number(), z.string()]).transform((value, context) => {
  const read = milliseconds(value)
  if (read !== undefined && read >= 0) return read
  context.addIssue({ code: 'custom', message: `"${value}" is no duration: write 500ms, 5s, 2m or 1h` })
  return z.NEVER
})

/** As `duration`, and also before: `-10m`. */
export const shift = z.union([z.number(), z.string()]).transform((value, context) => {
  const read = milliseconds(value)
  if (read !== undefined) return read
  context.addIssue({ code: 'custom', message: `"${value}" is no time: write 10m, or -10m` })
  return z.NEVER
})
