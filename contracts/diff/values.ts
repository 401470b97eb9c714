import type { Json, JsonObject } from '../json.ts'

/** The object that a document has in a place, or an empty one. */
export const objectOf = (value: Json | undefined): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}

export const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '')
