import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { contractDocuments } from '../../contracts/export/documents.ts'
import { openApiDocument } from '../../contracts/export/openapi.ts'
import { messageSchemas } from '../../contracts/export/schemas.ts'
import type { JsonObject } from '../../contracts/json.ts'
import { createEmulator } from '../../emulator/emulator.ts'
import { smallest } from '../contracts/jobs.ts'
import { compile, openApi } from './validator.ts'

const folder = join(import.meta.dirname, '../../contracts/documents')

it('the committed documents are what the schemas say: npm run -s offload -- contract export --out contracts/documents', () => {
  const documents = contractDocuments()
  expect(readdirSync(folder).sort()).toEqual(documents.map(({ file }) => file).sort())
  for (const { file, text } of documents) expect(readFileSync(join(folder, file), 'utf8'), file).toBe(text)
})

it('every schema is a JSON Schema of draft 2020-12', async () => {
  for (const [file, schema] of messageSchemas()) {
    const valid = await compile({ ...schema, $id: `urn:test:${file}` }, `urn:test:${file}`)
    expect(valid({}), file).toBe(false)
  }
  await expect(
    compile({ $schema: 'https://json-schema.org/draft/2020-12/schema', type: 3 }, 'urn:test:bad'),
  ).rejects.toThrow('Invalid Schema')
})

it('the OpenAPI document is one, with the schemas in it', async () => {
  const valid = await openApi()
  const document = openApiDocument()
  expect(valid(document)).toBe(true)
  expect(valid({ ...document, paths: { '/jobs': { post: { responses: [] } } } })).toBe(false)
  const broken = { ...document, components: { schemas: { Job: { type: 'text' } } } }
  expect(valid(broken)).toBe(false)
})

it('every reference of the OpenAPI document leads somewhere, and each operation has its own id', () => {
  const document = openApiDocument()
  const names = new Set(Object.keys((document['components'] as { schemas: object }).schemas))
  const text = JSON.stringify(document)
  const refs = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, ref]) => ref ?? '')
  expect(refs.length).toBeGreaterThan(20)
  for (const ref of refs) expect(names).toContain(ref.replace('#/components/schemas/', ''))
  const ids = [...text.matchAll(/"operationId":"([^"]+)"/g)].map(([, id]) => id)
  expect(new Set(ids).size).toBe(ids.length)
})

it('what a running emulator answers is what the document says', async () => {
  const emulator = await createEmulator({ ephemeral: true, port: 0, smtp_port: 0, inbox_port: 0, worker: 'none' })
  try {
    const base = emulator.url
    const served = (await (await fetch(`${base}/_offload/openapi.json`)).json()) as JsonObject
    expect(served).toEqual(JSON.parse(JSON.stringify(openApiDocument())))
    const answerSchemas = (served['components'] as { schemas: Record<string, JsonObject> }).schemas
    const headers = { authorization: 'Bearer offload-dev-token', 'content-type': 'application/json' }
    const post = (body: unknown, more: Record<string, string> = {}) =>
      fetch(`${base}/jobs`, { method: 'POST', body: JSON.stringify(body), headers: { ...headers, ...more } })
    const other = { ...smallest, recipients: [{ userid: 1001, email: 'other@example.com' }] }
    const answers = [
      await post(smallest),
      await post(smallest),
      await post({ ...smallest, type: 'nonsense' }),
      await post(smallest, { authorization: '' }),
      await post(smallest, { authorization: 'Bearer other' }),
      await post(other),
      await post(smallest, { 'x-tenant-id': 'acme' }),
      await fetch(`${base}/health`),
      await fetch(`${base}/health`, { headers: { 'x-api-key': 'other' } }),
    ]
    expect(answers.map(({ status }) => status)).toEqual([202, 200, 400, 401, 403, 409, 400, 200, 403])
    const operations = served['paths'] as Record<
      string,
      Record<string, { responses: Record<string, { content: object }> }>
    >
    for (const answer of answers) {
      const operation = answer.url.endsWith('/health') ? operations['/health']?.['get'] : operations['/jobs']?.['post']
      const content = operation?.responses[String(answer.status)]?.content as Record<
        string,
        { schema: { $ref: string } }
      >
      const media = (answer.headers.get('content-type') ?? '').replace(/;.*/, '')
      const name = content[media]?.schema.$ref.split('/').at(-1) ?? ''
      const valid = await compile(
        { $schema: 'https://json-schema.org/draft/2020-12/schema', ...answerSchemas[name] },
        `urn:test:answer:${answers.indexOf(answer)}`,
      )
      expect(valid(await answer.json()), `${answer.status} ${name}`).toBe(true)
    }
  } finally {
    await emulator.stop()
  }
})
