import type { z } from 'zod'
import { EmulatorError } from '../../kernel/errors.ts'

/** Why a provider refuses a request; the face of each has one table from these to its wire. */
export type ProviderErrorCode =
  | 'malformed'
  | 'invalid'
  | 'unauthorized'
  | 'sender-refused'
  | 'not-found'
  | 'method-not-allowed'
  | 'unsupported-media-type'
  | 'too-large'
  | 'rate-limited'
  // Only faults say this.
  | 'unavailable'

export type ProviderError = EmulatorError<ProviderErrorCode>

/** What is wrong with one field, in the provider's words. */
export interface FieldIssue {
  /** As `personalizations.0.to.0.email`; null where it is the whole request. */
  readonly field: string | null
  readonly message: string
}

export const refuse = (
  code: ProviderErrorCode,
  message: string,
  details: Readonly<Record<string, unknown>> = {},
): ProviderError => new EmulatorError(code, message, details)

export const refuseFields = (issues: readonly FieldIssue[]): ProviderError =>
  refuse(
    'invalid',
    issues.map(({ field, message }) => (field === null ? message : `${field}: ${message}`)).join('; '),
    {
      issues,
    },
  )

/** The issues of a refusal; the refusal itself where it names no fields. */
export function issuesOf(error: ProviderError): readonly FieldIssue[] {
  const issues = error.details['issues']
  return Array.isArray(issues) ? (issues as FieldIssue[]) : [{ field: null, message: error.message }]
}

/** Most requests have one fault; a thousand recipients without an address have one in common. */
const shownIssues = 20

/** A request's body as its schema types it; refused with an issue a field. */
export function parseBody<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const result = schema.safeParse(body)
  if (result.success) return result.data
  throw refuseFields(
    result.error.issues.slice(0, shownIssues).map(({ path, message }) => ({
      field: path.length === 0 ? null : path.map(String).join('.'),
      message,
    })),
  )
}
