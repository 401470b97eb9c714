import { canonical } from '../dialects/canonical.ts'
import type { Json, JsonObject } from '../json.ts'
import type { Difference, Effect } from './change.ts'
import { objectOf } from './values.ts'

/** The two documents that references lead into. */
export interface Roots {
  readonly before: JsonObject
  readonly after: JsonObject
}

const lowerBounds = ['minLength', 'minItems', 'minProperties', 'minimum', 'exclusiveMinimum'] as const
const upperBounds = ['maxLength', 'maxItems', 'maxProperties', 'maximum', 'exclusiveMaximum'] as const
/** Keywords whose sets are not compared: a change of them is `unclear`. */
const opaque = [
  ...['not', 'if', 'then', 'else', 'dependentRequired', 'dependentSchemas', 'contains', 'patternProperties'],
  ...['propertyNames', 'prefixItems', 'uniqueItems', 'multipleOf', 'oneOf'],
] as const

/**
 * How a schema's set of messages has changed, place by place. A reference of the same name on both sides is not
 * followed: what it leads to is compared once, by `compareParts`.
 */
export function compareSchemas(before: Json, after: Json, path: string, roots: Roots): Difference[] {
  if (sameRef(before, after)) return []
  const [old, now] = [alternatives(before, roots.before), alternatives(after, roots.after)]
  const differences: Difference[] = []
  const tell = (what: string, effect: Effect) => differences.push({ path, what, effect })

  for (const kind of new Set([...old.keys(), ...now.keys()])) {
    const [mine, theirs] = unequal(old.get(kind) ?? [], now.get(kind) ?? [])
    const pairs = Math.min(mine.length, theirs.length)
    for (let index = 0; index < pairs; index++) {
      differences.push(...compareAlternative(mine[index] ?? {}, theirs[index] ?? {}, path, roots))
    }
    for (const gone of mine.slice(pairs))
      if (!covered(kind, now)) tell(`${shown(kind, gone)} is no longer possible`, 'narrower')
    for (const come of theirs.slice(pairs))
      if (!covered(kind, old)) tell(`${shown(kind, come)} is possible too`, 'wider')
  }
  return differences
}

/** Compares what references lead to (`$defs`, `components.schemas`), at the place where each is used. */
export function compareParts(before: JsonObject, after: JsonObject, places: ReadonlyMap<string, string>, roots: Roots) {
  return Object.keys(before).flatMap((name) => {
    const [old, now] = [before[name], after[name]]
    // A part that is gone or new shows where it was or is used.
    return old === undefined || now === undefined ? [] : compareSchemas(old, now, places.get(name) ?? name, roots)
  })
}

/** The first place in a schema where each `$ref` is used, by the last part of the reference. */
export function placesOfRefs(schema: Json, path = '', places = new Map<string, string>()): Map<string, string> {
  if (Array.isArray(schema)) for (const inner of schema) placesOfRefs(inner, path, places)
  else if (typeof schema === 'object' && schema !== null) {
    for (const [name, inner] of Object.entries(schema)) {
      if (name === '$ref' && typeof inner === 'string') {
        const part = inner.split('/').at(-1) ?? inner
        if (!places.has(part)) places.set(part, path)
      } else if (name === 'properties') {
        for (const [field, own] of Object.entries(inner as JsonObject)) placesOfRefs(own, under(path, field), places)
      } else if (name !== '$defs') placesOfRefs(inner, name === 'items' ? `${path}[]` : path, places)
    }
  }
  return places
}

function compareAlternative(before: JsonObject, after: JsonObject, path: string, roots: Roots): Difference[] {
  const differences: Difference[] = []
  const tell = (what: string, effect: Effect) => differences.push({ path, what, effect })

  compareEnums(valuesOf(before), valuesOf(after), tell)
  for (const name of lowerBounds) compareBound(name, before[name], after[name], tell, 1)
  for (const name of upperBounds) compareBound(name, before[name], after[name], tell, -1)
  comparePattern(before['pattern'], after['pattern'], tell)
  compareRules(listOf(before['allOf']), listOf(after['allOf']), tell)
  for (const name of opaque) {
    if (text(bare(before[name] ?? null)) !== text(bare(after[name] ?? null))) tell(`${name} has changed`, 'unclear')
  }
  const [closed, closedNow] = [before['additionalProperties'] === false, after['additionalProperties'] === false]
  if (closed !== closedNow)
    tell(`unknown fields are ${closedNow ? 'refused' : 'tolerated'}`, closedNow ? 'narrower' : 'wider')

  differences.push(...compareFields(before, after, path, roots))
  const [items, itemsNow] = [before['items'], after['items']]
  if (items !== undefined || itemsNow !== undefined) {
    differences.push(...compareSchemas(items ?? {}, itemsNow ?? {}, `${path}[]`, roots))
  }
  return differences
}

function compareFields(before: JsonObject, after: JsonObject, path: string, roots: Roots): Difference[] {
  const [old, now] = [objectOf(before['properties']), objectOf(after['properties'])]
  const [required, requiredNow] = [namesOf(before['required']), namesOf(after['required'])]
  const names = new Set([...Object.keys(old), ...Object.keys(now), ...required, ...requiredNow])
  return [...names].sort().flatMap((name): Difference[] => {
    const at = under(path, name)
    const [was, is] = [old[name], now[name]]
    const [wasRequired, isRequired] = [required.has(name), requiredNow.has(name)]
    if (is === undefined && was !== undefined) {
      const effect = wasRequired ? 'required-field-removed' : 'field-removed'
      return [{ path: at, what: `the ${wasRequired ? 'required ' : ''}field is gone`, effect }]
    }
    if (was === undefined && is !== undefined) {
      const effect = isRequired ? 'required-field-added' : 'field-added'
      return [{ path: at, what: `a new ${isRequired ? 'required' : 'optional'} field`, effect }]
    }
    const inside = was === undefined || is === undefined ? [] : compareSchemas(was, is, at, roots)
    if (wasRequired === isRequired) return inside
    const what = `the field is ${isRequired ? 'required' : 'optional'} now`
    return [{ path: at, what, effect: isRequired ? 'narrower' : 'wider' }, ...inside]
  })
}

type Tell = (what: string, effect: Effect) => void

function compareEnums(before: readonly Json[] | undefined, after: readonly Json[] | undefined, tell: Tell): void {
  if (before === undefined && after === undefined) return
  if (before === undefined) return tell(`only ${list(after ?? [])} is possible now`, 'narrower')
  if (after === undefined) return tell('any value is possible now', 'wider')
  const missing = (from: readonly Json[], others: readonly Json[]) =>
    from.filter((value) => !others.some((other) => text(other) === text(value)))
  for (const value of missing(before, after)) tell(`the value ${text(value)} is gone`, 'narrower')
  for (const value of missing(after, before)) tell(`a new value ${text(value)}`, 'wider')
}

/** `direction` 1: a lower bound, which narrows when it rises; -1: an upper one. */
function compareBound(name: string, before: Json | undefined, after: Json | undefined, tell: Tell, direction: 1 | -1) {
  if (before === after) return
  const open = -direction * Infinity
  const [was, is] = [Number(before ?? open), Number(after ?? open)]
  if (was === is) return
  const words =
    after === undefined ? `${name} ${was} is gone` : `${name} is ${is}${before === undefined ? '' : `, was ${was}`}`
  tell(words, is * direction > was * direction ? 'narrower' : 'wider')
}

function comparePattern(before: Json | undefined, after: Json | undefined, tell: Tell): void {
  if (before === after) return
  if (before === undefined) tell(`must fit ${text(after)} now`, 'narrower')
  else if (after === undefined) tell(`need not fit ${text(before)} any more`, 'wider')
  else tell(`must fit ${text(after)}, was ${text(before)}`, 'unclear')
}

function compareRules(before: readonly Json[], after: readonly Json[], tell: Tell): void {
  const [gone, come] = unequal(before.map(objectOf), after.map(objectOf))
  for (const rule of gone) tell(`a rule is gone: ${wordsOf(rule)}`, 'wider')
  for (const rule of come) tell(`a new rule: ${wordsOf(rule)}`, 'narrower')
}

const wordsOf = (rule: JsonObject) => (typeof rule['description'] === 'string' ? rule['description'] : text(bare(rule)))

/** What a schema allows, by kind: `string`, `integer`, `object`, …, or `any` where it names no type. */
function alternatives(schema: Json, root: JsonObject): Map<string, JsonObject[]> {
  const found = new Map<string, JsonObject[]>()
  for (const one of spread(schema, root, 0)) {
    const kind = kindOf(one)
    found.set(kind, [...(found.get(kind) ?? []), one])
  }
  return found
}

function spread(schema: Json, root: JsonObject, depth: number): JsonObject[] {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return schema === false ? [] : [{}]
  if (typeof schema['$ref'] === 'string') {
    // A chain so long leads in a circle.
    return depth > 20 ? [{}] : spread(resolve(schema['$ref'], root), root, depth + 1)
  }
  const { anyOf, ...rest } = schema
  if (Array.isArray(anyOf)) return anyOf.flatMap((one) => spread({ ...rest, ...objectOf(one) }, root, depth + 1))
  const { type } = rest
  return Array.isArray(type) ? type.map((one) => ({ ...rest, type: one })) : [rest]
}

function kindOf(schema: JsonObject): string {
  if (typeof schema['type'] === 'string') return schema['type']
  if (schema['properties'] !== undefined || schema['required'] !== undefined) return 'object'
  return schema['enum'] !== undefined || schema['const'] !== undefined ? 'value' : 'any'
}

/** An integer is a number too, and anything is possible where no type is named. */
const covered = (kind: string, others: ReadonlyMap<string, unknown>) =>
  others.has('any') || (kind === 'integer' && others.has('number'))

function shown(kind: string, schema: JsonObject): string {
  const values = valuesOf(schema)
  return values === undefined ? (kind === 'any' ? 'any value' : kind) : `${kind} ${list(values)}`
}

function resolve(ref: string, root: JsonObject): Json {
  if (!ref.startsWith('#')) return {}
  return ref
    .slice(1)
    .split('/')
    .filter((part) => part !== '')
    .reduce<Json>((at, part) => objectOf(at)[part.replaceAll('~1', '/').replaceAll('~0', '~')] ?? {}, root)
}

const sameRef = (before: Json, after: Json) =>
  objectOf(before)['$ref'] !== undefined && objectOf(before)['$ref'] === objectOf(after)['$ref']

/** What stands on one side only. */
function unequal(before: readonly JsonObject[], after: readonly JsonObject[]): [JsonObject[], JsonObject[]] {
  const rest = [...after]
  const gone = before.filter((one) => {
    const index = rest.findIndex((other) => text(bare(other)) === text(bare(one)))
    if (index !== -1) rest.splice(index, 1)
    return index === -1
  })
  return [gone, rest]
}

/** Without the words for people, and with lists in order: no list of a schema that is compared whole has one of its own. */
function bare(given: Json): Json {
  if (Array.isArray(given)) {
    const texts = given.map((one) => text(bare(one)))
    return texts.sort().map((one) => JSON.parse(one) as Json)
  }
  if (typeof given !== 'object' || given === null) return given
  const entries = Object.entries(given).filter(
    ([name, inner]) => !(['description', 'title', '$comment'].includes(name) && typeof inner === 'string'),
  )
  return Object.fromEntries(entries.map(([name, inner]) => [name, bare(inner)]))
}

const under = (path: string, field: string) => (path === '' ? field : `${path}.${field}`)
const text = (value: Json | undefined): string => (value === undefined ? 'nothing' : canonical(value))
const list = (values: readonly Json[]) => values.map(text).join(', ')
const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : [])
const namesOf = (value: Json | undefined): ReadonlySet<string> => new Set(listOf(value).map(String))
const valuesOf = (schema: JsonObject): readonly Json[] | undefined =>
  schema['const'] === undefined ? (Array.isArray(schema['enum']) ? schema['enum'] : undefined) : [schema['const']]
