import { compareContracts, type Change } from '../../contracts/diff/index.ts'
import { contractDocuments } from '../../contracts/export/documents.ts'
import type { Json, JsonObject } from '../../contracts/json.ts'

/** One change of a document; the place is its names, separated by spaces. */
export type Edit = (document: JsonObject) => void

const exported = contractDocuments()

export const documents = (): Map<string, JsonObject> =>
  new Map(exported.map(({ file, text }) => [file, JSON.parse(text) as JsonObject]))

export const set = (place: string, value: Json): Edit =>
  at(place, (object, name) => {
    object[name] = value
  })
export const remove = (place: string): Edit =>
  at(place, (object, name) => {
    if (Array.isArray(object)) object.splice(Number(name), 1)
    else delete object[name]
  })
/** Adds to the end of a list. */
export const push = (place: string, value: Json): Edit =>
  at(place, (object, name) => {
    const list = object[name]
    if (!Array.isArray(list)) throw new Error(`${place} is no list`)
    list.push(value)
  })

function at(place: string, change: (object: JsonObject, name: string) => void): Edit {
  return (document) => {
    const names = place.split(' ')
    let object = document
    for (const name of names.slice(0, -1)) {
      const inner = object[name]
      if (typeof inner !== 'object' || inner === null) throw new Error(`${place}: there is no ${name}`)
      // A list is looked into by index.
      object = inner as JsonObject
    }
    change(object, names.at(-1) ?? '')
  }
}

export const inWords = ({ kind, path, what, breaks }: Change): string =>
  `${kind}${breaks === undefined ? '' : ` for the ${breaks}`}: ${path}: ${what}`

/** What is said about changes of one document. */
export function said(file: string, edits: readonly Edit[]): string[] {
  const after = documents()
  for (const edit of edits) edit(after.get(file) ?? {})
  return compareContracts(documents(), after).map(inWords)
}
