import { request } from 'node:http'
import { expect, it } from 'vitest'
import { running, specJob } from './running.ts'

const nasty = `<script>alert('x')</script>"&`

it('shows jobs, recipients, callbacks and settings, and escapes what came from outside', async () => {
  const { url, submit, settled } = await running()
  await submit(
    specJob({ generate_certificate: true, recipients: [{ userid: 1, email: 'a@example.com', lastname: nasty }] }),
  )
  const job = await settled(specJob().job_id)
  const pages = [
    '/',
    `/_offload/page/jobs/123/${job.job_id}`,
    '/_offload/page/callbacks',
    '/_offload/page/queues',
    '/_offload/page/settings',
  ]
  for (const path of pages) {
    const answer = await fetch(url + path)
    const html = await answer.text()
    expect([path, answer.status]).toEqual([path, 200])
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(html).not.toContain('<script')
    if (path.includes('jobs') || path === '/') expect(html).toContain(String(job.job_id))
    if (path.includes('settings')) expect(html).toContain('curlsecurityallowedport')
  }
})

it("a certificate's code is verified, another is not", async () => {
  const { url, submit, settled, event } = await running()
  await submit(specJob({ generate_certificate: true }))
  await event('certificate.stored')
  await settled(specJob().job_id)
  const { recipients } = (await (await fetch(`${url}/_offload/jobs/${specJob().job_id}/recipients`)).json()) as {
    recipients: { certificate_code: string }[]
  }
  const valid = await fetch(`${url}/verify/${recipients[0]?.certificate_code}`)
  expect([valid.status, await valid.text()]).toEqual([200, expect.stringContaining('John Doe')])
  expect((await fetch(`${url}/verify/0000000000000000`)).status).toBe(404)
})

it('the button retries the failed as a new job', async () => {
  const { url, submit, settled } = await running()
  await submit(specJob({ recipients: [{ userid: 1, email: 'nowhere' }] }))
  await settled(specJob().job_id)
  const answer = await fetch(`${url}/_offload/page/jobs/123/${specJob().job_id}/retry`, {
    method: 'POST',
    headers: { origin: url },
    redirect: 'manual',
  })
  expect([answer.status, answer.headers.get('location')]).toEqual([
    303,
    expect.stringMatching(/^\/_offload\/page\/jobs\/123\//),
  ])
})

it("refuses unknown Hosts, and other sites' forms and scripts", async () => {
  const { url } = await running()
  const status = (path: string, method: string, headers: Record<string, string>) =>
    new Promise((resolve, reject) => {
      request(url + path, { method, headers }, (answer) => {
        answer.resume()
        resolve(answer.statusCode)
      })
        .once('error', reject)
        .end()
    })
  expect(await status('/', 'GET', { host: 'rebound.example' })).toBe(403)
  expect(await status('/_offload/jobs', 'GET', { host: 'rebound.example:4566' })).toBe(403)
  expect(await status('/_offload/reset', 'POST', { origin: 'http://other.example' })).toBe(403)
  expect(await status('/_offload/reset', 'POST', { origin: 'null' })).toBe(403)
  expect(await status('/_offload/reset', 'POST', { origin: url })).toBe(200)
  expect(await status('/_offload/reset', 'POST', {})).toBe(200)
})
