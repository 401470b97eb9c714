import { expect, it } from 'vitest'
import { compareContracts } from '../../contracts/diff/index.ts'
import type { JsonObject } from '../../contracts/json.ts'
import { documents, inWords, push, remove, said, set, type Edit } from './edits.ts'

const submit = 'paths /jobs post'
const hook = 'webhooks spec-callback post'
const plugin = 'breaking for the plugin: '
const receiver = 'breaking for the callback receiver: '
const newHeader = { name: 'X-Id', in: 'header', required: true, schema: { type: 'string' } }

const cases: readonly (readonly [title: string, edits: readonly Edit[], said: string])[] = [
  ['an operation that is gone', [remove('paths /health')], `${plugin}GET /health: is gone`],
  ['a new operation', [set('paths /jobs get', { responses: {} })], 'additive: GET /jobs: is new'],
  [
    'a header that is required',
    [set(`${submit} parameters 0 required`, true)],
    `${plugin}POST /jobs header Idempotency-Key: the field is required now`,
  ],
  [
    'a new header that is required',
    [push(`${submit} parameters`, newHeader)],
    `${plugin}POST /jobs header X-Id: a new required field`,
  ],
  [
    'a way to authenticate that is gone',
    [remove(`${submit} security 1`)],
    `${plugin}POST /jobs security: {"apiKey":[]} is gone`,
  ],
  [
    'one more way to authenticate',
    [push(`${submit} security`, { mtls: [] })],
    'additive: POST /jobs security: {"mtls":[]} is possible too',
  ],
  [
    'a dialect that is no longer taken',
    [remove(`${submit} requestBody content application/json schema anyOf 3`)],
    `${plugin}POST /jobs body application/json: PluginJob is gone`,
  ],
  [
    'a media type that is gone',
    [set(`${submit} responses 202 content`, {})],
    `${plugin}POST /jobs 202 application/json: the media type is gone`,
  ],
  [
    'a new answer',
    [set(`${submit} responses 429`, { description: 'later' })],
    'advisory for the plugin: POST /jobs 429: a new answer',
  ],
  [
    'an answer that does not come any more',
    [remove(`${submit} responses 422`)],
    'advisory for the plugin: POST /jobs 422: the answer is gone',
  ],
  [
    'an answer without its job id',
    [remove('components schemas Accepted properties job_id'), remove('components schemas Accepted required 1')],
    `${plugin}Accepted.job_id: the required field is gone`,
  ],
  [
    'an answer with one field more',
    [set('components schemas Accepted properties eta', { type: 'integer' })],
    'additive: Accepted.eta: a new optional field',
  ],
  ['a callback that is gone', [remove('webhooks flow-callback')], `${receiver}POST flow-callback: is gone`],
  [
    'a callback that is not signed any more',
    [remove(`${hook} parameters`)],
    `${receiver}POST spec-callback header X-Signature: the required field is gone`,
  ],
  [
    'a new header of the callback',
    [push(`${hook} parameters`, newHeader)],
    'additive: POST spec-callback header X-Id: a new required field',
  ],
  [
    'an answer that the cloud no longer understands',
    [remove(`${hook} responses 410`)],
    `${receiver}POST spec-callback 410: the answer is gone`,
  ],
  [
    'one more answer that it understands',
    [set(`${hook} responses 404`, { description: 'unknown' })],
    'additive: POST spec-callback 404: a new answer',
  ],
]

it.each(cases)('%s', (_, edits, expected) => {
  expect(said('openapi.json', edits)).toEqual([expected])
})

it('one change of a callback is told once, where the webhook and all callbacks have it', () => {
  const places = ['/jobs', '/'].map((path) => `paths ${path} post callbacks spec {$request.body#/callback_url} post`)
  const edits = [hook, ...places].map((place) => remove(`${place} responses 429`))
  expect(said('openapi.json', edits)).toEqual([`${receiver}POST spec-callback 429: the answer is gone`])
  const [, ...inCallbacks] = edits
  expect(said('openapi.json', inCallbacks)).toEqual([
    `${receiver}POST / callback spec POST {$request.body#/callback_url} 429: the answer is gone`,
  ])
})

it('a change of a message is told once, by its own schema; alone, the OpenAPI document tells it', () => {
  const [before, after] = [documents(), documents()]
  const change = (document: JsonObject | undefined, place: string) => {
    remove(`${place}properties timestamp`)(document ?? {})
    set(`${place}required`, ['job_id'])(document ?? {})
  }
  change(after.get('spec.callback.schema.json'), '')
  change(after.get('openapi.json'), 'components schemas SpecCallback ')
  const places = compareContracts(before, after).map(({ file, path }) => `${file} ${path}`)
  expect(places).toEqual(['spec.callback.schema.json timestamp'])
  const alone = (all: ReadonlyMap<string, JsonObject>) => new Map([['openapi.json', all.get('openapi.json') ?? {}]])
  expect(compareContracts(alone(before), alone(after)).map(inWords)).toEqual([
    `${receiver}SpecCallback.timestamp: the required field is gone`,
  ])
})
