import type { DialectForm, OwnNames } from '../dialects/form.ts'
import { flowRecipientFields } from '../dialects/flow.ts'
import { forms } from '../dialects/forms.ts'
import { dialects } from '../job.ts'
import type { JsonObject } from '../json.ts'

/** What binds fields of a job to each other, which the schema of one field cannot say. Each rule has a description. */
export function jobRules(form: DialectForm): JsonObject[] {
  return [typeRule(form), ...ownNameRules(form)]
}

/** A type that no dialect knows is taken where the job brings its own subject and html. */
function typeRule({ names, content }: DialectForm): JsonObject {
  const html = { [names.html]: { type: 'string', minLength: 1 } }
  const subject = { [names.subject]: { type: 'string', minLength: 1 } }
  const ownContent: JsonObject[] = [{ required: [names.html, names.subject], properties: { ...html, ...subject } }]
  if (content !== undefined) {
    const summary = {
      anyOf: [
        { type: 'object', required: ['subject'], properties: { subject: { type: 'string', minLength: 1 } } },
        { type: 'string' },
      ],
    }
    ownContent.push({
      required: [names.html, 'payload_summary'],
      properties: { ...html, payload_summary: summary },
    })
  }
  return {
    description: `A type that is none of the known names needs ${names.subject} and ${names.html} in the job.`,
    anyOf: [{ properties: { type: { $ref: '#/$defs/known_type' } } }, ...ownContent],
  }
}

/** Another dialect's name is refused where the own name is missing, rather than ignored. */
function ownNameRules(form: DialectForm): JsonObject[] {
  const concepts: (keyof OwnNames)[] = ['tenant', 'subject', 'html']
  return concepts.flatMap((concept) => {
    const own = form.names[concept]
    if (own === undefined) return []
    const foreign = [...new Set(dialects.map((dialect) => forms[dialect].names[concept]))].filter(
      (name) => name !== undefined && name !== own,
    )
    return foreign.map((name) => ({
      description: `${name} is another dialect's name for ${own}: it is refused where ${own} is missing.`,
      anyOf: [{ not: given(name as string) }, given(own)],
    }))
  })
}

const given = (name: string): JsonObject => ({
  required: [name],
  properties: { [name]: { not: { type: 'null' } } },
})

/** What a row may hold in `recipient_data`: nothing in all dialects but `plugin`, where the person's data is there. */
export function recipientRules({ dialect }: DialectForm): JsonObject {
  if (dialect !== 'plugin') {
    return {
      allOf: [
        {
          description: 'recipient_data belongs to the plugin dialect: write its fields into the recipient.',
          not: { required: ['recipient_data'] },
        },
      ],
    }
  }
  const name = { anyOf: [{ type: 'string', maxLength: 400 }, { type: 'null' }] }
  const data = { type: 'object', properties: { firstname: name, lastname: name } }
  return {
    properties: {
      recipient_data: {
        anyOf: [
          { type: 'string', contentMediaType: 'application/json', contentSchema: data },
          data,
          { type: 'array', maxItems: 0 },
          { type: 'null' },
        ],
      },
    },
    allOf: [
      {
        description: 'The data of a person stands in recipient_data, not in the row.',
        anyOf: [
          { required: ['recipient_data'] },
          {
            not: { anyOf: [...flowRecipientFields, 'firstname', 'lastname'].map((field) => ({ required: [field] })) },
          },
        ],
      },
    ],
  }
}
