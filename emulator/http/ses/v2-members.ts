import { z } from 'zod'

/** Members that several of SES v2's calls have. */

export const optional = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined)

export const templateContent = z
  .object({ Subject: optional, Text: optional, Html: optional })
  .transform(({ Subject, Text, Html }) => ({ subject: Subject, text: Text, html: Html }))

export const page = (most: number, otherwise: number) => ({
  NextToken: z.string().optional(),
  PageSize: z.coerce
    .number()
    .int()
    .min(0)
    .max(most)
    .default(otherwise)
    .transform((size) => size || otherwise),
})

// Timestamps are seconds in JSON.
export const seconds = (at: number) => at / 1000
export const nextToken = (token: string | undefined) => (token === undefined ? {} : { NextToken: token })
