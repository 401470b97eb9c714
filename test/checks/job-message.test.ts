import { expect, it } from 'vitest'
import { checkJobMessage } from '../../contracts/checks/job-message.ts'
import { badJobs, goodJob } from '../mutants/jobs.ts'

it('a job as the contract has it passes, without advice', () => {
  const report = checkJobMessage({ body: Buffer.from(JSON.stringify(goodJob)), envelope: {}, via: 'sqs' })
  expect(report.job).toEqual({ id: goodJob.job_id, dialect: 'spec', tenant: 7, type: 'send_reminder', recipients: 2 })
  expect(report.findings.map(({ id, verdict }) => [id, verdict])).toEqual([['job/contract', 'pass']])
})

it.each(badJobs)('a job that $does', ({ message, finds, at, also }) => {
  const { findings } = checkJobMessage(message)
  const found = findings.filter(({ verdict }) => verdict === 'fail').map(({ id, path }) => [id, path])
  expect(found).toEqual([[finds, at], ...(also === undefined ? [] : [[also, at]])])
  const [first] = findings.filter(({ verdict }) => verdict === 'fail')
  expect(first?.level).toBe(finds === 'job/contract' ? 'required' : 'advised')
  expect(first?.fix).toBeTruthy()
})

it('says how many recipients fit into a message', () => {
  const recipients = Array.from({ length: 9000 }, (_, n) => ({ userid: n + 1, email: `user${n}@example.com` }))
  const { findings } = checkJobMessage({ body: Buffer.from(JSON.stringify({ ...goodJob, recipients })), envelope: {} })
  expect(findings.at(-1)).toMatchObject({
    id: 'advice/message-over-256-kib',
    fix: expect.stringMatching(/\d+ recipients of this job fit into 262144 bytes, \d+ into 1048576/) as string,
  })
})

it('never repeats a secret or a password', () => {
  const job = {
    ...goodJob,
    callback_secret: 'hmac_secret_key',
    recipients: [{ userid: 1, email: 'a@example.com', password: 'Temp-secret-1' }],
  }
  const text = JSON.stringify(checkJobMessage({ body: Buffer.from(JSON.stringify(job)), envelope: {} }))
  expect(text).toMatch(/secret-in-body.*password-in-message/s)
  expect(text).not.toMatch(/hmac_secret_key|Temp-secret-1/)
})
