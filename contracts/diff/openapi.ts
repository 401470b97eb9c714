import { canonical } from '../dialects/canonical.ts'
import type { Json, JsonObject } from '../json.ts'
import {
  answerOfReceiver,
  answerToPlugin,
  judge,
  sentByPlugin,
  sentToReceiver,
  type Change,
  type Effect,
  type Polarity,
} from './change.ts'
import { compareParts, compareSchemas, type Roots } from './schema.ts'
import { objectOf, textOf } from './values.ts'

/** Who sends the request of an operation, and who the answer. */
interface Sides {
  readonly request: Polarity
  readonly answer: Polarity
}

const api: Sides = { request: sentByPlugin, answer: answerToPlugin }
const callbacks: Sides = { request: sentToReceiver, answer: answerOfReceiver }

/** What has changed between two OpenAPI documents. `skipped`: files of schemas that are compared on their own. */
export function compareOpenApi(roots: Roots, file: string, skipped: ReadonlySet<string> = new Set()): Change[] {
  const { before, after } = roots
  const webhooks = compareOperations(
    operations(before['webhooks'], ''),
    operations(after['webhooks'], ''),
    callbacks,
    roots,
    file,
  )
  const [old, now] = [operations(before['paths'], ''), operations(after['paths'], '')]
  const inOperations = [...old].flatMap(([name, operation]) => {
    const other = now.get(name)
    if (other === undefined) return []
    return compareOperations(callbackOperations(operation), callbackOperations(other), callbacks, roots, file).map(
      (change) => ({ ...change, path: `${name} callback ${change.path}` }),
    )
  })
  return [
    ...compareOperations(old, now, api, roots, file),
    ...webhooks,
    ...once(inOperations, webhooks),
    ...compareComponents(roots, file, skipped),
  ]
}

type Operations = ReadonlyMap<string, JsonObject>

const methods = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'])

/** `POST /jobs` → operation. */
function operations(paths: Json | undefined, prefix: string): Map<string, JsonObject> {
  const found = new Map<string, JsonObject>()
  for (const [path, item] of Object.entries(objectOf(paths))) {
    for (const [method, operation] of Object.entries(objectOf(item))) {
      if (methods.has(method)) found.set(`${prefix}${method.toUpperCase()} ${path}`, objectOf(operation))
    }
  }
  return found
}

function callbackOperations(operation: JsonObject): Map<string, JsonObject> {
  return new Map(
    Object.entries(objectOf(operation['callbacks'])).flatMap(([name, paths]) => [...operations(paths, `${name} `)]),
  )
}

/** What the webhooks have said already is not said again for each operation that makes the same callback. */
function once(changes: readonly Change[], said: readonly Change[]): Change[] {
  const heard = new Set(said.map(keyOf))
  return changes.filter((change) => !heard.has(keyOf(change)) && heard.add(keyOf(change)) !== undefined)
}

function keyOf({ path, what }: Change): string {
  const dialect = /(\w+)-callback\b|callback (\w+) /.exec(path)
  const place = path.replace(/^.*?(-callback|\{\S+\})/, '')
  return `${dialect?.[1] ?? dialect?.[2] ?? ''}|${place}|${what}`
}

function compareOperations(old: Operations, now: Operations, sides: Sides, roots: Roots, file: string): Change[] {
  return [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((name) => {
    const [was, is] = [old.get(name), now.get(name)]
    const { affected } = sides.request
    if (was === undefined)
      return [{ kind: 'additive' as const, file, path: name, what: 'is new', why: 'nobody uses it yet' }]
    if (is === undefined) {
      const why = sides === api ? 'nothing answers there any more' : 'it does not come any more'
      return [{ kind: 'breaking' as const, file, path: name, what: 'is gone', why, breaks: affected }]
    }
    const tell = (place: string, polarity: Polarity) => (what: string, effect: Effect) =>
      judge({ path: `${name}${place}`, what, effect }, polarity, file)
    return [
      ...compareSecurity(was, is, tell(' security', sides.request)),
      ...compareParameters(was, is, name, sides.request, roots, file),
      ...compareBodies(
        objectOf(was['requestBody']),
        objectOf(is['requestBody']),
        `${name} body`,
        sides.request,
        roots,
        file,
      ),
      ...compareAnswers(objectOf(was['responses']), objectOf(is['responses']), name, sides.answer, roots, file),
    ]
  })
}

type Tell = (what: string, effect: Effect) => Change

function compareSecurity(was: JsonObject, is: JsonObject, tell: Tell): Change[] {
  const ways = ({ security }: JsonObject) =>
    new Set((Array.isArray(security) ? security : []).map((one) => canonical(one)))
  const [old, now] = [ways(was), ways(is)]
  return [
    ...[...old].filter((way) => !now.has(way)).map((way) => tell(`${way} is gone`, 'narrower')),
    ...[...now]
      .filter((way) => !old.has(way))
      .map((way) => tell(`${way} is possible too`, old.size === 0 ? 'narrower' : 'wider')),
  ]
}

function compareParameters(
  was: JsonObject,
  is: JsonObject,
  name: string,
  polarity: Polarity,
  roots: Roots,
  file: string,
) {
  const asFields = ({ parameters }: JsonObject): JsonObject => {
    const list = (Array.isArray(parameters) ? parameters : []).map(objectOf)
    const label = (one: JsonObject) => `${textOf(one['in'])} ${textOf(one['name'])}`
    return {
      type: 'object',
      properties: Object.fromEntries(list.map((one) => [label(one), one['schema'] ?? {}])),
      required: list.filter((one) => one['required'] === true).map(label),
    }
  }
  return compareSchemas(asFields(was), asFields(is), '', roots).map((difference) =>
    judge({ ...difference, path: `${name} ${difference.path}` }, polarity, file),
  )
}

function compareBodies(
  was: JsonObject,
  is: JsonObject,
  path: string,
  polarity: Polarity,
  roots: Roots,
  file: string,
): Change[] {
  const [old, now] = [objectOf(was['content']), objectOf(is['content'])]
  return [...new Set([...Object.keys(old), ...Object.keys(now)])].flatMap((media) => {
    const at = { path: `${path} ${media}` }
    if (now[media] === undefined)
      return [judge({ ...at, what: 'the media type is gone', effect: 'required-field-removed' }, polarity, file)].map(
        always,
      )
    if (old[media] === undefined) return [judge({ ...at, what: 'a new media type', effect: 'wider' }, polarity, file)]
    return compareChoices(objectOf(old[media])['schema'], objectOf(now[media])['schema'], at.path, roots).map(
      (difference) => judge(difference, polarity, file),
    )
  })
}

/** A media type that is gone breaks whoever sends it as well. */
const always = (change: Change): Change => ({ ...change, kind: 'breaking', why: 'whoever uses it fails' })

/** A choice between named schemas is compared by the names; what they hold is compared once, in the components. */
function compareChoices(was: Json | undefined, is: Json | undefined, path: string, roots: Roots) {
  const names = (schema: Json | undefined) => {
    const { anyOf, $ref } = objectOf(schema)
    const refs = Array.isArray(anyOf) ? anyOf.map((one) => objectOf(one)['$ref']) : [$ref]
    return refs.every((one) => typeof one === 'string') ? refs.map((one) => one.split('/').at(-1) ?? one) : undefined
  }
  const [old, now] = [names(was), names(is)]
  if (old === undefined || now === undefined) return compareSchemas(was ?? {}, is ?? {}, path, roots)
  return [
    ...old
      .filter((name) => !now.includes(name))
      .map((name) => ({ path, what: `${name} is gone`, effect: 'narrower' as const })),
    ...now
      .filter((name) => !old.includes(name))
      .map((name) => ({ path, what: `${name} is possible too`, effect: 'wider' as const })),
  ]
}

function compareAnswers(
  was: JsonObject,
  is: JsonObject,
  name: string,
  polarity: Polarity,
  roots: Roots,
  file: string,
): Change[] {
  return [...new Set([...Object.keys(was), ...Object.keys(is)])].sort().flatMap((status): Change[] => {
    const at = { file, path: `${name} ${status}` }
    const mine = polarity.sender === 'plugin'
    if (is[status] === undefined) {
      if (mine)
        return [
          {
            ...at,
            kind: 'breaking',
            what: 'the answer is gone',
            why: 'whoever gives it is not understood any more',
            breaks: polarity.affected,
          },
        ]
      return [
        {
          ...at,
          kind: 'advisory',
          what: 'the answer is gone',
          why: 'it does not come any more: is anything waiting for it?',
          breaks: polarity.affected,
        },
      ]
    }
    if (was[status] === undefined) {
      if (mine) return [{ ...at, kind: 'additive', what: 'a new answer', why: 'nobody has to give it' }]
      return [
        {
          ...at,
          kind: 'advisory',
          what: 'a new answer',
          why: 'a client that knows each status by name meets one more',
          breaks: polarity.affected,
        },
      ]
    }
    return compareBodies(objectOf(was[status]), objectOf(is[status]), at.path, polarity, roots, file)
  })
}

function compareComponents(roots: Roots, file: string, skipped: ReadonlySet<string>): Change[] {
  const [old, now] = [roots.before, roots.after].map((root) => objectOf(objectOf(root['components'])['schemas'])) as [
    JsonObject,
    JsonObject,
  ]
  return Object.keys(old).flatMap((name) => {
    const owner = objectOf(old[name.split('.')[0] ?? name])
    if (typeof owner['x-file'] === 'string' && skipped.has(owner['x-file'])) return []
    const [was, is] = [old[name], now[name]]
    if (was === undefined || is === undefined) return []
    const differences = compareParts({ [name]: was }, { [name]: is }, new Map(), roots)
    return differences.map((difference) => judge(difference, polarityOf(owner), file))
  })
}

/** Who writes a message; a schema without `x-sent-by` is an answer to the plugin. */
export function polarityOf(schema: JsonObject): Polarity {
  if (schema['x-sent-by'] === 'plugin') return sentByPlugin
  return schema['x-sent-by'] === 'cloud' ? sentToReceiver : answerToPlugin
}
