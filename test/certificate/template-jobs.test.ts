import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createEmulator, type Emulator } from '../../emulator/emulator.ts'
import { running, specJob, token } from '../end-to-end/running.ts'
import { openFolder, qpdfCheck, skipped, textOf, why } from './pdf-tools.ts'
import { png, templateFolder } from './template-folder.ts'

const gold = `
page: A5
background: paper.png
items:
  - { type: picture, file: logo.png, x: 10, y: 10, width: 30 }
  - { type: text, text: 'Gold for {fullname}', y: 40, width: 180, size: 24, italic: true }
  - { type: text, text: '{course}, {date}, {grade}, {city}', y: 60, width: 180 }
  - { type: text, text: 'Level {level}', y: 80, width: 180, optional: true }
  - { type: qr, x: 170, y: 110, size: 25 }
`
const files = { 'gold.yaml': gold, 'paper.png': png(30, 20, [255, 250, 240]), 'logo.png': png(40, 20) }

const person = (userid: number, more: Record<string, unknown> = {}) => ({
  userid,
  email: `user${userid}@example.com`,
  firstname: 'John',
  lastname: `Doe ${userid}`,
  ...more,
})

interface Certified {
  readonly status: string
  readonly error: string | null
  readonly certificate_url: string
  readonly certificate_code: string
}

async function certificates({ url }: Emulator): Promise<Certified[]> {
  const answer = await fetch(`${url}/_offload/jobs/${specJob().job_id}/recipients`)
  const { recipients } = (await answer.json()) as { recipients: Certified[] }
  return recipients
}

async function words(of: { certificate_url: string }): Promise<string> {
  using folder = openFolder()
  const answer = await fetch(of.certificate_url)
  const file = folder.write('a.pdf', new Uint8Array(await answer.arrayBuffer()))
  qpdfCheck(file)
  return textOf(file).replace(/\s+/g, ' ').trim()
}

describe("a job's certificate_template", () => {
  it.skipIf(skipped)(`is drawn with the values of recipient and job, in the recipient's language${why}`, async () => {
    const { folder } = templateFolder(files)
    const emulator = await running({ certificate_templates: folder, issuer: 'Academy' })
    await emulator.submit(
      specJob({
        generate_certificate: true,
        certificate_template: 'gold',
        template_data: { course_name: 'PHP', city: 'Wien', grade: 7.5 },
        recipients: [person(1), person(2, { lang: 'de', grade: 92.5, level: 3 })],
      }),
    )
    const job = await emulator.settled(specJob().job_id)
    expect(job.findings).toEqual([])
    const [english, german] = await certificates(emulator)
    if (english === undefined || german === undefined) throw new Error('there are too few')
    expect(await words(english)).toBe('Gold for John Doe 1 PHP, November 18, 2025, 7.5, Wien')
    expect(await words(german)).toBe('Gold for John Doe 2 PHP, 18. November 2025, 92,5, Wien Level 3')
  })

  it('is told once what stays empty, with for how many recipients, over all messages of the job', async () => {
    const { folder } = templateFolder(files)
    const emulator = await running({ certificate_templates: folder, worker_concurrency: 1 })
    const submit = (from: number, count: number) =>
      emulator.submit(
        specJob({
          generate_certificate: true,
          certificate_template: 'gold',
          recipients: Array.from({ length: count }, (_, index) =>
            person(from + index, index === 0 ? { city: 'Wien', grade: 1 } : { grade: 1 }),
          ),
        }),
      )
    await submit(1, 5)
    await submit(101, 3)
    const job = await emulator.settled(specJob().job_id)
    expect(job.findings).toEqual([
      {
        recipient: null,
        text: '{city} of the certificate template "gold" is empty: send `city` with the recipient or in `template_data`. (6 recipients)',
      },
    ])
  })

  it('that is broken fails its recipients for good, with the line; mended, a retry makes their certificates', async () => {
    const { folder, write } = templateFolder({ ...files, 'gold.yaml': gold.replace('width: 30', 'widht: 30') })
    const emulator = await running({ certificate_templates: folder })
    await emulator.submit(specJob({ generate_certificate: true, certificate_template: 'gold' }))
    const job = await emulator.settled(specJob().job_id)
    expect([job.status, job.totals.failed]).toEqual(['failed', 2])
    for (const { status, error } of await certificates(emulator)) {
      expect([status, error]).toEqual([
        'permanently_failed',
        'Certificate: the certificate template "gold" is broken: gold.yaml:5:52: "widht" is no key of a picture. Write width',
      ])
    }
    // A mail that speaks of a certificate which there is not would be worse than none.
    expect((await emulator.mailpit.listMessages()).messages_count).toBe(0)

    write('gold.yaml', gold)
    const retried = await fetch(`${emulator.url}/_offload/jobs/${specJob().job_id}/retry`, { method: 'POST' })
    expect(retried.status).toBe(202)
    const { job_id } = (await retried.json()) as { job_id: string }
    expect((await emulator.settled(job_id)).totals).toMatchObject({ sent: 2, failed: 0 })
  })

  it('that there is not fails them with those that there are', async () => {
    const { folder } = templateFolder(files)
    const emulator = await running({ certificate_templates: folder })
    await emulator.submit(specJob({ generate_certificate: true, certificate_template: 'glod' }))
    await emulator.settled(specJob().job_id)
    const [{ error } = { error: '' }] = await certificates(emulator)
    expect(error).toContain('there is no certificate template "glod": was gold meant? (known: default, gold)')
  })
})

describe('a verification address', () => {
  let emulator: Emulator
  let first: Certified
  beforeAll(async () => {
    emulator = await createEmulator({
      port: 0,
      smtp_port: 0,
      inbox_port: 0,
      ephemeral: true,
      tenants: { 123: { issuer: 'Academy of 123' } },
    })
    const job = specJob({ generate_certificate: true, recipients: [person(1, { lang: 'fr' }), person(2)] })
    await fetch(`${emulator.url}/jobs`, { method: 'POST', headers: token, body: JSON.stringify(job) })
    first = await vi.waitFor(
      async () => {
        const [certified] = await certificates(emulator)
        if (typeof certified?.certificate_code !== 'string') throw new Error('there is no certificate yet')
        return certified
      },
      { timeout: 20_000 },
    )
  }, 30_000)
  afterAll(() => emulator.stop())
  const asJson = { headers: { accept: 'application/json' } }

  it('tells a machine what the certificate says, and the hash of its file', async () => {
    const pdf = await (await fetch(first.certificate_url)).bytes()
    const typed = first.certificate_code.toLowerCase().replace(/(.{4})/g, '$1-')
    const answer = await fetch(`${emulator.url}/verify/${encodeURIComponent(typed)}`, asJson)
    expect([answer.status, await answer.json()]).toEqual([
      200,
      {
        valid: true,
        code: first.certificate_code,
        name: 'John Doe 1',
        course: 'Introduction to PHP',
        date: '18 novembre 2025',
        issuer: 'Academy of 123',
        sha256: createHash('sha256').update(pdf).digest('hex'),
      },
    ])
  })

  it('shows a person the same, and nobody else', async () => {
    const answer = await fetch(`${emulator.url}/verify/${first.certificate_code}`)
    const html = await answer.text()
    for (const part of [
      'Valid certificate',
      'John Doe 1',
      'Introduction to PHP',
      '18 novembre 2025',
      'Academy of 123',
    ]) {
      expect(html).toContain(part)
    }
    expect(html).not.toContain('John Doe 2')
    expect(html).not.toContain('href=')
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
  })

  it('of no certificate says so, and nothing of others', async () => {
    for (const code of ['0000000000000000', '%3Cscript%3E', '%', '%25', "'", '%00', 'x'.repeat(1500)]) {
      const answer = await fetch(`${emulator.url}/verify/${code}`)
      const html = await answer.text()
      expect([code, [400, 404].includes(answer.status)]).toEqual([code, true])
      expect(html).not.toContain('John')
      expect(html).not.toContain('<script')
    }
    const answer = await fetch(`${emulator.url}/verify/0000000000000000`, asJson)
    expect([answer.status, await answer.json()]).toEqual([404, { valid: false, code: '0000000000000000' }])
  })
})
