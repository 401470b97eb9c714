import type { Json, JsonObject } from '../json.ts'
import { changeKinds, judge, type Change } from './change.ts'
import { compareOpenApi, polarityOf } from './openapi.ts'
import { compareParts, compareSchemas, placesOfRefs } from './schema.ts'
import { compareVectors } from './vectors.ts'

export { changeKinds, type Change } from './change.ts'

type DocumentKind = 'openapi' | 'vectors' | 'schema'

/** What a document is, or `undefined` where it is none of the contract's. */
export function documentKind(document: Json): DocumentKind | undefined {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return undefined
  if (typeof document['openapi'] === 'string') return 'openapi'
  if (Array.isArray(document['vectors'])) return 'vectors'
  return document['$schema'] !== undefined || document['x-sent-by'] !== undefined ? 'schema' : undefined
}

type Documents = ReadonlyMap<string, JsonObject>

/** What has changed between two versions of the contract, by file; breaking first. */
export function compareContracts(before: Documents, after: Documents): Change[] {
  const both = new Set([...before.keys()].filter((file) => after.has(file)))
  const changes = [...new Set([...before.keys(), ...after.keys()])].sort().flatMap((file): Change[] => {
    const [old, now] = [before.get(file), after.get(file)]
    if (old === undefined)
      return [{ kind: 'additive', file, path: '', what: 'a new document', why: 'nobody uses it yet' }]
    const { affected } = documentKind(old) === 'vectors' ? { affected: 'callback receiver' as const } : polarityOf(old)
    if (now === undefined) {
      return [
        {
          kind: 'breaking',
          file,
          path: '',
          what: 'the document is gone',
          why: 'nothing is promised any more',
          breaks: affected,
        },
      ]
    }
    const kind = documentKind(old)
    if (kind !== documentKind(now)) {
      return [
        {
          kind: 'breaking',
          file,
          path: '',
          what: 'the document is of another kind',
          why: 'the two cannot be compared',
          breaks: affected,
        },
      ]
    }
    if (kind === 'openapi') return compareOpenApi({ before: old, after: now }, file, both)
    return kind === 'vectors' ? compareVectors(old, now, file) : compareMessage(old, now, file)
  })
  return changes.sort((a, b) => changeKinds.indexOf(a.kind) - changeKinds.indexOf(b.kind))
}

function compareMessage(before: JsonObject, after: JsonObject, file: string): Change[] {
  const polarity = polarityOf(before)
  if (before['x-sent-by'] !== after['x-sent-by']) {
    const what = 'another side writes the message now'
    return [{ kind: 'breaking', file, path: 'x-sent-by', what, why: 'both sides change', breaks: polarity.affected }]
  }
  const roots = { before, after }
  const [old, now] = [before, after].map(({ $defs }) => ($defs ?? {}) as JsonObject) as [JsonObject, JsonObject]
  return [...compareSchemas(before, after, '', roots), ...compareParts(old, now, placesOfRefs(before), roots)].map(
    (difference) => judge(difference, polarity, file),
  )
}
