import type { z } from 'zod'
import { isBase64 } from '../../../contracts/base64.ts'
import { invalidNextToken, SesError } from '../../cloud/ses/errors.ts'

/** `message.subject`, `destinations.1.member`: members as AWS's validation names them. */
function nameOf(path: readonly PropertyKey[]): string {
  return path
    .map((part) =>
      typeof part === 'number' ? `${part + 1}.member` : String(part).replace(/^[A-Z]/, (first) => first.toLowerCase()),
    )
    .join('.')
}

function constraint({ path, code, ...issue }: z.core.$ZodIssue, value: unknown): string {
  const shown =
    value === undefined || value === null ? 'null' : `'${JSON.stringify(value).replace(/^"|"$/g, '').slice(0, 100)}'`
  const must =
    value === undefined || value === null
      ? 'Member must not be null'
      : code === 'too_big' && 'maximum' in issue
        ? `Member must have value less than or equal to ${String(issue.maximum)}`
        : code === 'too_small' && 'minimum' in issue
          ? `Member must have value greater than or equal to ${String(issue.minimum)}`
          : code === 'invalid_value' && 'values' in issue
            ? `Member must satisfy enum value set: [${(issue.values as unknown[]).join(', ')}]`
            : issue.message
  return `Value ${shown} at '${nameOf(path)}' failed to satisfy constraint: ${must}`
}

const valueAt = (input: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (value, key) =>
      typeof value === 'object' && value !== null && Object.hasOwn(value, key)
        ? (value as Record<PropertyKey, unknown>)[key]
        : undefined,
    input,
  )

/** Parses an operation's input; throws `validation` in AWS's words, or `malformed-input` for a wrong type. */
export function readInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const parsed = schema.safeParse(input)
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.slice(0, 10)
  const wrongType = issues.find(
    ({ code, path }) => code === 'invalid_type' && ![undefined, null].includes(valueAt(input, path) as undefined),
  )
  if (wrongType !== undefined) {
    throw new SesError('malformed-input', `Unexpected type at '${nameOf(wrongType.path)}': ${wrongType.message}`)
  }
  const words = issues.map((issue) => constraint(issue, valueAt(input, issue.path)))
  const count = `${words.length} validation error${words.length === 1 ? '' : 's'} detected`
  throw new SesError('validation', `${count}: ${words.join('; ')}`)
}

/** What a page's token says: the last name of the page before. */
export function readToken(token: string | undefined): string {
  if (token === undefined || token === '') return ''
  const name = Buffer.from(token, 'base64url').toString()
  if (name === '' || Buffer.from(name).toString('base64url') !== token) {
    throw invalidNextToken()
  }
  return name
}

/** A page of at most `size`, and the token of the next one; `found` holds one more where there is more. */
export function pageOf<Item>(found: readonly Item[], size: number, nameOf: (item: Item) => string) {
  const items = found.slice(0, size)
  const last = items.at(-1)
  const more = found.length > size && last !== undefined
  return { items, ...(more ? { token: Buffer.from(nameOf(last)).toString('base64url') } : {}) }
}

/** Bytes in base64; throws `malformed-input`. */
export function readBase64(text: string): Buffer {
  const plain = text.replace(/\s+/g, '')
  if (!isBase64(plain)) throw new SesError('malformed-input', 'Invalid base64 data.')
  return Buffer.from(plain, 'base64')
}
