import { z } from 'zod'
import { dialects, type Dialect } from '../job.ts'
import type { Json, JsonObject } from '../json.ts'
import { messages, messageSchema, objectSchema, schemaFile, type Message } from './schemas.ts'

/** The contract's own version: a breaking change raises the first number, an addition the second. */
const contractVersion = '1.0.0'

const identifier = z.union([z.string(), z.int()])

/** What the submission API answers, as JSON Schema is written from it. */
const answers = {
  Accepted: z.looseObject({
    job_id: identifier,
    status: z.literal('queued'),
    recipients: z.int().min(0),
    batches: z.int().min(0),
  }),
  Health: z.looseObject({ status: z.literal('ok') }),
  Problem: z.looseObject({
    type: z.literal('about:blank'),
    status: z.int().min(400).max(599),
    title: z.string(),
    detail: z.string(),
    issues: z.array(z.looseObject({ path: z.string(), reason: z.string(), fix: z.string().optional() })).optional(),
  }),
}

const refusals: Readonly<Record<string, string>> = {
  400: 'The job does not hold the contract, or a header is bad; issues name each place, reason and fix.',
  401: 'No token.',
  403: 'Another token.',
  409: 'The job is known with other content.',
  413: 'The body is over 10 MB, or a part of it over what the queue takes.',
  422: 'The Idempotency-Key was used with another body.',
  503: 'The queue is gone, or refuses the job: try again later.',
}

const ref = (name: string): JsonObject => ({ $ref: `#/components/schemas/${name}` })
const problem = { 'application/problem+json': { schema: ref('Problem') } }
const refused = (...wanted: string[]): JsonObject =>
  Object.fromEntries(wanted.map((status) => [status, { description: refusals[status] ?? '', content: problem }]))
const json = (schema: JsonObject): JsonObject => ({ 'application/json': { schema } })

const schemaName = (dialect: Dialect, message: Message) =>
  `${dialect[0]?.toUpperCase()}${dialect.slice(1)}${message === 'job' ? 'Job' : 'Callback'}`

/** The submission API and the callbacks in OpenAPI 3.1: the callback as `webhooks`, and as `callbacks` of the submission. */
export function openApiDocument(): JsonObject {
  return {
    openapi: '3.1.1',
    info: {
      title: 'ManiReports Cloud Offload',
      version: contractVersion,
      summary: 'Jobs from the plugin to the cloud, and signed callbacks from the cloud to Moodle.',
      description:
        'Four dialects of one contract are accepted; a callback goes back in the dialect that its job came in. ' +
        '`spec` is the contract; the others are in use.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'The emulator, or the API Gateway of a deployment.' }],
    tags: [
      { name: 'submission', description: 'What the plugin calls.' },
      { name: 'callback', description: 'What the cloud calls.' },
    ],
    paths: {
      '/jobs': { post: submission('submitJob', 'Submit a job, or a further batch of one') },
      '/': { post: submission('submitJobToWorkerUrl', 'Submit a job to a Worker URL') },
      '/health': {
        get: {
          operationId: 'health',
          summary: '"Test connection"; a token that is sent is checked',
          tags: ['submission'],
          security: [{}, { bearer: [] }, { apiKey: [] }],
          responses: { 200: { description: 'It runs.', content: json(ref('Health')) }, ...refused('403') },
        },
      },
    },
    webhooks: Object.fromEntries(
      dialects.map((dialect) => [`${dialect}-callback`, { post: callback(dialect, 'webhook') }]),
    ),
    components: {
      schemas: { ...messageComponents(), ...answerComponents() },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: "The plugin's cloud_auth_token." },
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'The same token.' },
      },
    },
  }
}

function submission(operationId: string, summary: string): JsonObject {
  return {
    operationId,
    summary,
    tags: ['submission'],
    security: [{ bearer: [] }, { apiKey: [] }],
    parameters: [
      {
        name: 'Idempotency-Key',
        in: 'header',
        required: false,
        description: 'The same key and body get the same answer.',
        schema: { type: 'string', maxLength: 255 },
      },
      {
        name: 'x-tenant-id',
        in: 'header',
        required: false,
        description: 'The company, where the body names none.',
        schema: { type: 'string', pattern: '^\\d{1,15}$' },
      },
    ],
    requestBody: {
      required: true,
      description: 'At most 10 MB. The dialect is recognised.',
      content: json({ anyOf: dialects.map((dialect) => ref(schemaName(dialect, 'job'))) }),
    },
    responses: {
      200: { description: 'All of it was known: the first answer again.', content: json(ref('Accepted')) },
      202: { description: 'Accepted and stored.', content: json(ref('Accepted')) },
      ...refused('400', '401', '403', '409', '413', '422', '503'),
    },
    callbacks: Object.fromEntries(
      dialects.map((dialect) => [
        dialect,
        { '{$request.body#/callback_url}': { post: callback(dialect, operationId) } },
      ]),
    ),
  }
}

const signature: JsonObject = {
  name: 'X-Signature',
  in: 'header',
  required: true,
  description: 'Lower-case hex HMAC-SHA256 of the raw body with cloud_callback_secret.',
  schema: { type: 'string', pattern: '^[0-9a-f]{64}$' },
}

function callback(dialect: Dialect, from: string): JsonObject {
  const byToken = dialect === 'plugin'
  return {
    operationId: `${dialect}Callback${from === 'webhook' ? '' : `Of${from[0]?.toUpperCase()}${from.slice(1)}`}`,
    summary: `Outcomes of a job that came in \`${dialect}\``,
    tags: ['callback'],
    security: [],
    ...(byToken ? {} : { parameters: [signature] }),
    requestBody: { required: true, content: json(ref(schemaName(dialect, 'callback'))) },
    responses: {
      '2XX': { description: 'Applied, or to be applied: no further attempt.' },
      400: { description: byToken ? 'The body is incomplete, or has no token.' : 'The body cannot be read.' },
      ...(byToken
        ? { 403: { description: 'Another token.' } }
        : { 401: { description: 'The signature does not fit, or the timestamp is stale.' } }),
      410: { description: 'No more callbacks for this job.' },
      429: { description: 'Later: Retry-After is honoured.' },
      '5XX': { description: 'Tried again; 503 with Retry-After when asked.' },
    },
  }
}

/** The schemas of the messages, their `$defs` beside them: a reference leads from the root of the document. */
function messageComponents(): JsonObject {
  const components: JsonObject = {}
  for (const dialect of dialects) {
    for (const message of messages) {
      const name = schemaName(dialect, message)
      const { $schema: _, $id: _id, $defs, ...schema } = messageSchema(dialect, message)
      const moved = (given: Json) => lifted(given, name)
      components[name] = { ...(moved(schema) as JsonObject), 'x-file': schemaFile(dialect, message) }
      for (const [part, inner] of Object.entries(($defs ?? {}) as JsonObject))
        components[`${name}.${part}`] = moved(inner)
    }
  }
  return components
}

function lifted(given: Json, name: string): Json {
  if (Array.isArray(given)) return given.map((inner) => lifted(inner, name))
  if (typeof given !== 'object' || given === null) return given
  return Object.fromEntries(
    Object.entries(given).map(([key, inner]) => [
      key,
      key === '$ref' && typeof inner === 'string'
        ? inner.replace('#/$defs/', `#/components/schemas/${name}.`)
        : lifted(inner, name),
    ]),
  )
}

const answerComponents = (): JsonObject => ({
  ...Object.fromEntries(Object.entries(answers).map(([name, schema]) => [name, objectSchema(schema)])),
})
