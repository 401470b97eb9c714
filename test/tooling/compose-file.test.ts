import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { configSchema } from '../../emulator/config.ts'

const root = join(import.meta.dirname, '../..')
const service = z.object({ environment: z.record(z.string(), z.string()), ports: z.array(z.string()) })
const { services } = z
  .object({ services: z.object({ mailpit: service, offload: service }) })
  .parse(parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8')))

it('lets Mailpit keep every message', () => {
  expect(services.mailpit.environment['MP_MAX_MESSAGES']).toBe('0')
})

it('publishes ports to this machine only', () => {
  for (const port of [...services.mailpit.ports, ...services.offload.ports]) expect(port).toMatch(/^127\.0\.0\.1:/)
})

it('names settings that exist', () => {
  const settings = Object.keys(services.offload.environment).map((name) => name.replace('OFFLOAD_', '').toLowerCase())
  expect(Object.keys(configSchema.shape)).toEqual(expect.arrayContaining(settings))
})
