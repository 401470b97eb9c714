import { hash } from 'node:crypto'

/** Nesting deeper than this is refused; a job has no use for it and recursion is bounded by it. */
export const maxDepth = 64

export class TooDeepError extends Error {
  constructor() {
    super(`nested deeper than ${maxDepth} levels`)
    this.name = 'TooDeepError'
  }
}

/** JSON with the fields of every object in order: two values are equal where their canonical texts are. */
export function canonical(value: unknown, depth = 0): string {
  if (typeof value === 'string' || typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null'
  if (depth >= maxDepth) throw new TooDeepError()
  if (Array.isArray(value)) {
    let text = '['
    for (let index = 0; index < value.length; index++) {
      text += (index === 0 ? '' : ',') + canonical(value[index], depth + 1)
    }
    return text + ']'
  }
  const object = value as Record<string, unknown>
  let text = '{'
  for (const name of Object.keys(object).sort()) {
    const inner = object[name]
    if (inner === undefined) continue
    text += (text === '{' ? '' : ',') + JSON.stringify(name) + ':' + canonical(inner, depth + 1)
  }
  return text + '}'
}

export function sha256(text: string): string {
  return hash('sha256', text, 'hex')
}
