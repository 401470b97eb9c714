import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { EmulatorError } from '../../emulator/kernel/errors.ts'

const price = z.number().min(0)

const schema = z.strictObject({
  as_of: z
    .union([z.string(), z.date()])
    .transform((day) => (day instanceof Date ? day.toISOString().slice(0, 10) : day)),
  currency: z.string(),
  region: z.string(),
  ses: z.strictObject({ mail: price, attachment_gigabyte: price, event: price }),
  sqs: z.strictObject({ request: price, chunk_bytes: z.number().positive() }),
  lambda: z.strictObject({ request: price, gigabyte_second: price }),
  s3: z.strictObject({ put: price, get: price, gigabyte_month: price }),
  api_gateway: z.strictObject({ request: price, chunk_bytes: z.number().positive() }),
})
export type Prices = z.output<typeof schema>

// Two folders up in a checkout; in the package, outside of what is compiled.
const places = [join(import.meta.dirname, '../prices.yaml'), join(import.meta.dirname, '../../../load/prices.yaml')]

/** The prices that come along, or those of a file of the caller's. Throws EmulatorError `bad-prices`. */
export function readPrices(file?: string): Prices {
  const path = file ?? places.find((each) => existsSync(each))
  if (path === undefined || !existsSync(path)) {
    throw new EmulatorError('bad-prices', `there is no price list${file === undefined ? '' : ` ${file}`}`)
  }
  const parsed = schema.safeParse(parse(readFileSync(path, 'utf8')))
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new EmulatorError('bad-prices', `${path}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`)
}
