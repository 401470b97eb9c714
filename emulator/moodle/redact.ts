import type { Json, JsonObject } from '../../contracts/job.ts'

/** What stands in the tables where a secret was in the message. */
export const removed = '[removed]'

const secretName = /passw|secret|token|credential/i

/** The same JSON without the values of fields whose name says that they are secret. */
export function withoutSecrets(value: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      secretName.test(name) && inner !== null ? removed : walk(inner),
    ]),
  )
}

function walk(value: Json): Json {
  if (Array.isArray(value)) return value.map(walk)
  return typeof value === 'object' && value !== null ? withoutSecrets(value) : value
}
