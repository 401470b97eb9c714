import { canonical } from '../dialects/canonical.ts'
import type { Json, JsonObject } from '../json.ts'
import type { Change } from './change.ts'
import { textOf } from './values.ts'

/** The vectors of two versions, by name: another verdict breaks receivers; other bytes only ask for a look. */
export function compareVectors(before: JsonObject, after: JsonObject, file: string): Change[] {
  const [old, now] = [byName(before), byName(after)]
  return [...new Set([...old.keys(), ...now.keys()])].sort().flatMap((name): Change[] => {
    const at = { file, path: `vectors.${name}` }
    const breaks = 'callback receiver'
    const [was, is] = [old.get(name), now.get(name)]
    if (was === undefined) return [{ ...at, kind: 'additive', what: `a new vector: ${said(is)}`, why: 'one case more' }]
    if (is === undefined) {
      return [
        { ...at, kind: 'advisory', what: `the vector is gone: ${said(was)}`, why: 'nothing tests it any more', breaks },
      ]
    }
    if (was['verdict'] !== is['verdict']) {
      const what = `is to be ${done(is)} now, was ${done(was)}`
      return [{ ...at, kind: 'breaking', what, why: 'a receiver that was right is wrong now', breaks }]
    }
    const changed = [...new Set([...Object.keys(was), ...Object.keys(is)])]
      .filter((field) => field !== 'title' && canonical(was[field]) !== canonical(is[field]))
      .sort()
    if (changed.length === 0) return []
    const what = `${changed.join(', ')} changed; the verdict is the same`
    return [{ ...at, kind: 'advisory', what, why: 'the case is another than it was', breaks }]
  })
}

function byName(document: JsonObject): Map<string, JsonObject> {
  const vectors = Array.isArray(document['vectors']) ? document['vectors'] : []
  return new Map(vectors.filter(isObject).map((vector) => [textOf(vector['name']), vector]))
}

const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const said = (vector: JsonObject | undefined) =>
  `${textOf(vector?.['title'])}, ${vector === undefined ? '' : done(vector)}`
const done = ({ verdict }: JsonObject) => (verdict === 'accept' ? 'accepted' : 'refused')
