import { expect, it } from 'vitest'
import { ndjson, offload } from './offload.ts'

it('offload demo sends 500 by both ways in: 498 sent and 2 bounced each, nobody mailed twice, exit 0', async () => {
  const { code, stdout, stderr } = await offload(['demo', '--json'])
  const lines = ndjson(stdout)
  const outcome = { recipients: 500, sent: 498, failed: 2, certificates: 500, mails: 498 }
  const [api, sqs, ...checks] = lines
  expect(api).toMatchObject({ way_in: 'POST /jobs', ...outcome, callbacks: { refused: 0 } })
  expect(sqs).toMatchObject({ way_in: 'SQS', ...outcome, callbacks: { refused: 0 } })
  expect(api?.['job_id']).not.toBe(sqs?.['job_id'])
  expect(checks.map(({ id, verdict }) => [id, verdict])).toEqual([
    ['api-numbers', 'pass'],
    ['sqs-numbers', 'pass'],
    ['nobody-twice', 'pass'],
    ['signatures', 'pass'],
    ['certificate-opens', 'pass'],
  ])
  expect(stderr).toContain('All of it in')
  expect(code).toBe(0)
}, 60_000)
