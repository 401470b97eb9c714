import type { Json, JsonObject } from '../json.ts'
import { openApiDocument } from './openapi.ts'
import { messageSchemas } from './schemas.ts'
import { signedVectors } from './vectors.ts'

/** A document to be written: its file's name and its whole text. */
export interface ContractDocument {
  readonly file: string
  readonly text: string
}

const about =
  'Callbacks as they go over the wire. For each: the bytes (body_base64) and headers come to a receiver whose secret ' +
  'is `secret` and whose clock stands at `now` (epoch seconds); it must accept, or refuse and change nothing.'

/** All documents of the contract, the same bytes at every call. */
export function contractDocuments(): ContractDocument[] {
  const documents: [string, Json][] = [
    ...messageSchemas(),
    ['openapi.json', openApiDocument()],
    ['vectors.json', { description: about, freshness_seconds: 300, vectors: signedVectors() as unknown as Json[] }],
  ]
  return documents.map(([file, content]) => ({ file, text: `${JSON.stringify(sorted(content), null, 2)}\n` }))
}

/** Fields in order of their names, so that a change of the document is a change of the contract. */
function sorted(given: Json): Json {
  if (Array.isArray(given)) return given.map(sorted)
  if (typeof given !== 'object' || given === null) return given
  const object: JsonObject = {}
  for (const name of Object.keys(given).sort()) {
    const inner = given[name]
    if (inner !== undefined) object[name] = name === 'required' && isNames(inner) ? [...inner].sort() : sorted(inner)
  }
  return object
}

const isNames = (given: Json): given is string[] =>
  Array.isArray(given) && given.every((name) => typeof name === 'string')
