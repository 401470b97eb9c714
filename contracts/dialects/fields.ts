import { z } from 'zod'

/** The fields that dialects share. No transforms: the schemas are also written out as JSON Schema. */

const controlCharacters = /^[^\p{Cc}\p{Cs}]*$/u

/** A job id or a userid: kept as it came. An integer beyond 2^53 has already lost digits when it is read. */
export const identifier = z.union(
  [z.int(), z.string().min(1).max(64).regex(controlCharacters, 'must not hold control characters or lone surrogates')],
  { error: 'must be a string of 1 to 64 characters without control characters, or an integer below 2^53' },
)

const integerText = z.string().regex(/^\d{1,15}$/, 'must be an integer of 0 or more')

/** An id that Moodle gives out; PHP writes rows of the database with strings for numbers. */
export const moodleId = z.union([z.int().min(0), integerText], { error: 'must be an integer of 0 or more' })

export const name = z.string().max(400)

const httpUrl = z
  .string()
  .max(2048)
  .refine((text) => /^https?:\/\//i.test(text) && URL.canParse(text), 'must be an http:// or https:// URL')

/** PHP writes an empty array as `[]` where an object is meant. */
const dataObject = z.union([z.record(z.string(), z.unknown()), z.tuple([])], { error: 'must be an object' })

/** What any dialect's job may say beside its own fields; `null` counts as absent, since PHP writes it so. */
export const sharedJobFields = {
  type: z.string().min(1).max(64).nullish(),
  action_type: z.enum(['email', 'certificate', 'both']).nullish(),
  courseid: moodleId.nullish(),
  created_by: moodleId.nullish(),
  template_id: z.string().min(1).max(200).nullish(),
  template_data: dataObject.nullish(),
  generate_certificate: z.union([z.boolean(), z.literal([0, 1])], { error: 'must be true or false' }).nullish(),
  certificate_template: z.string().min(1).max(200).nullish(),
  callback_url: httpUrl.nullish(),
  callback_secret: z.string().min(1).max(1024).nullish(),
  parent_job_id: identifier.nullish(),
  timestamp: z.union([z.string().max(64), z.number()], { error: 'must be an ISO 8601 time in a string' }).nullish(),
}

/** What any dialect's recipient may say. `email` may be undeliverable; that does not fail the job. */
export const sharedRecipientFields = {
  userid: identifier.nullish(),
  id: identifier.nullish(),
  email: z.string().max(320),
  firstname: name.nullish(),
  lastname: name.nullish(),
}

/** The job's own subject and html, under the names that all dialects but `plugin` have. */
export const ownContentFields = {
  subject: z.string().min(1).max(998).nullish(),
  html: z.string().min(1).nullish(),
}
