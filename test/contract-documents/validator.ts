// Knows JSON Schema's draft 2020-12 as well.
import { registerSchema, validate } from '@hyperjump/json-schema/openapi-3-1'
import type { JsonObject } from '../../contracts/json.ts'

type Instance = Parameters<Awaited<ReturnType<typeof validate>>>[0]
type Validator = (instance: unknown) => boolean

/** A schema as a validator of its own tool; throws where the schema is none. */
export async function compile(schema: JsonObject, id: string): Promise<Validator> {
  registerSchema(schema, id)
  return validator(id)
}

/** The OpenAPI Initiative's own schema of a document, with JSON Schema's for the schemas in it. */
export const openApi = (): Promise<Validator> => validator('https://spec.openapis.org/oas/3.1/schema-base')

async function validator(id: string): Promise<Validator> {
  const judge = await validate(id)
  return (instance) => judge(instance as Instance).valid
}
