import { z } from 'zod'

/** What Mailpit's API is sent. Absent and null count as not given, as Go reads JSON. */
const optional = <Schema extends z.ZodType>(schema: Schema) => schema.nullish().transform((value) => value ?? undefined)

const ids = optional(z.array(z.string()))

export const idsBody = z.object({ IDs: ids })

export const readBody = z.object({ Read: optional(z.boolean()), IDs: ids, Search: optional(z.string()) })

export const tagsBody = z.object({ IDs: ids, Tags: optional(z.array(z.string())) })

export const renameBody = z.object({ Name: z.string() })

const trigger = z.object({
  ErrorCode: optional(
    z.union([z.literal(0), z.number().int().min(400).max(599)], 'error code must be between 400 and 599'),
  ),
  Probability: optional(z.number().int().min(0).max(100)),
})

export const chaosBody = z.object({
  Sender: optional(trigger),
  Recipient: optional(trigger),
  Authentication: optional(trigger),
})

const address = z.object({ Name: optional(z.string()), Email: z.string() })

export const sendBody = z.object({
  From: address,
  To: optional(z.array(address)),
  Cc: optional(z.array(address)),
  Bcc: optional(z.array(z.string())),
  ReplyTo: optional(z.array(address)),
  Subject: optional(z.string()),
  Text: optional(z.string()),
  HTML: optional(z.string()),
  Tags: optional(z.array(z.string())),
  Headers: optional(z.record(z.string(), z.string())),
  Attachments: optional(
    z.array(
      z.object({
        Content: z.string(),
        Filename: z.string(),
        ContentType: optional(z.string()),
        ContentID: optional(z.string()),
      }),
    ),
  ),
})
export type SendBody = z.output<typeof sendBody>

const query = z.string().optional()

/** `start` and `limit` that are no numbers are ignored, as Mailpit does; `limit=0` is all. */
export const listQuery = z.object({
  start: z.coerce.number().int().min(0).catch(0),
  limit: z.coerce.number().int().min(0).catch(50).default(50),
  query,
  tz: query,
})

export const messageQuery = z.object({ query, tz: query, embed: query, follow: query })
