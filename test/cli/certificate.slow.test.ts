import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PDFDocument } from '@cantoo/pdf-lib'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { preview } from '../../emulator/cli/certificate-preview.ts'
import { createEmulator, type Emulator } from '../../emulator/emulator.ts'
import { openFolder, skipped, textOf, why } from '../certificate/pdf-tools.ts'
import { emptyFolder, ndjson, offload } from './offload.ts'

// Each test starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const yaml = `items:
  - { type: text, text: 'Well done, {fullname}', y: 40, width: 200, size: 24 }
  - { type: text, text: '{course} {level}', y: 60, width: 200 }
`

function folderWith(files: Record<string, string>): string {
  const cwd = emptyFolder()
  mkdirSync(join(cwd, 'certificate-templates'))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(cwd, 'certificate-templates', name), content)
  return cwd
}

const run = (cwd: string, ...args: string[]) => offload(['certificate', 'preview', ...args], { cwd })

describe('certificate preview', () => {
  it('writes the default certificate as a PDF, with no emulator', async () => {
    const cwd = emptyFolder()
    const ran = await run(cwd)
    expect([ran.code, ran.stderr, ran.stdout]).toEqual([
      0,
      '',
      expect.stringMatching(/^certificate-default\.pdf: template default, a PDF of \d+ bytes\n$/),
    ])
    expect(readFileSync(join(cwd, 'certificate-default.pdf'), 'latin1')).toMatch(/^%PDF-1\.7/)
    expect(readdirSync(cwd)).toEqual(['certificate-default.pdf'])
  })

  it.skipIf(skipped)(
    `renders a template of the folder with the values given, and tells what stays empty${why}`,
    async () => {
      const cwd = folderWith({ 'gold.yaml': yaml })
      const data = JSON.stringify({ firstname: 'Łucja', lastname: 'Żak', template_data: { course_name: 'PHP' } })
      const ran = await run(cwd, '--template', 'gold', '--data', data, '--out', 'a.pdf', '--json')
      expect(ran.code).toBe(0)
      expect(ndjson(ran.stdout)).toEqual([
        {
          file: join(cwd, 'a.pdf'),
          template: 'gold',
          bytes: expect.any(Number),
          findings: [
            '{level} of the certificate template "gold" is empty: send `level` with the recipient or in `template_data`.',
          ],
        },
      ])
      expect(textOf(join(cwd, 'a.pdf'))).toMatch(/Well done, Łucja Żak\s+PHP/)
    },
  )

  it.skipIf(skipped)(`takes values from a file, a language, and a template that lies elsewhere${why}`, async () => {
    const cwd = emptyFolder()
    writeFileSync(join(cwd, 'draft.yaml'), yaml.replace('{level}', '{date}'))
    writeFileSync(join(cwd, 'data.json'), JSON.stringify({ fullname: 'Zoë', completion_date: '2025-11-18' }))
    const ran = await run(cwd, '--template', './draft.yaml', '--data', '@data.json', '--locale', 'de')
    expect([ran.code, ran.stderr]).toEqual([0, ''])
    expect(textOf(join(cwd, 'certificate-draft.pdf'))).toMatch(/Well done, Zoë\s+.*18\. November 2025/)
  })

  it.skipIf(skipped)(`makes a picture${why}`, async () => {
    const cwd = emptyFolder()
    expect(await run(cwd, '--png', '--locale', 'ja')).toMatchObject({ code: 0, stderr: '' })
    expect(readFileSync(join(cwd, 'certificate-default.png')).subarray(1, 4).toString()).toBe('PNG')
  })

  it('says how to get a picture where pdftoppm is not installed', async () => {
    const cwd = emptyFolder()
    const ran = await offload(['certificate', 'preview', '--png'], { cwd, env: { PATH: cwd } })
    expect([ran.code, ran.stderr]).toEqual([2, expect.stringContaining('--png needs pdftoppm, which is not installed')])
    expect(ran.stderr).toContain('apt install poppler-utils')
  })

  // In this process: each says what is wrong before anything is rendered.
  it.each([
    ['an unknown template', { template: 'broke' }, /"broke": was broken meant\? \(known: broken, default\)/],
    ['no JSON', { data: 'nope' }, '--data must be a JSON object'],
    ['JSON of another kind', { data: '[1]' }, '--data must be a JSON object'],
    ['no such file', { data: '@nope.json' }, '--data @nope.json cannot be read'],
    ['no language', { locale: '!' }, '--locale !: must be a language tag such as en or pt-BR'],
    ['a place that cannot be written', { out: 'no/such/folder.pdf' }, 'no/such/folder.pdf cannot be written'],
  ])('tells %s, and exits 2', async (_, options, message) => {
    const cwd = folderWith({ 'broken.yaml': 'itms: []\n' })
    vi.stubEnv('OFFLOAD_CERTIFICATE_TEMPLATES', join(cwd, 'certificate-templates'))
    const running = preview({ template: 'default', ...options })
    await expect(running).rejects.toThrow(message)
    await expect(running).rejects.toMatchObject({ exit: 2 })
  })

  it('tells mistakes in a template, each with its line', async () => {
    const ran = await run(folderWith({ 'broken.yaml': 'pages: A4\nitms: []\n' }), '--template', 'broken')
    expect([ran.code, ran.stdout, ran.stderr]).toEqual([
      2,
      '',
      `offload: the certificate template broken has 3 mistakes
  broken.yaml:1:1: a template must have items
  broken.yaml:1:1: "pages" is no key of a template. Write page
  broken.yaml:2:1: "itms" is no key of a template. Write items
`,
    ])
  })
})

describe('certificate verify', () => {
  let emulator: Emulator
  let code = ''
  let pdf = new Uint8Array()
  beforeAll(async () => {
    emulator = await createEmulator({ port: 0, smtp_port: 0, inbox_port: 0, ephemeral: true, callback_delay: 0 })
    await fetch(`${emulator.url}/jobs`, {
      method: 'POST',
      headers: { authorization: 'Bearer offload-dev-token' },
      body: JSON.stringify({
        job_id: 'J',
        tenant_id: 4,
        type: 'send_certificate',
        generate_certificate: true,
        recipients: [{ userid: 21, email: 'ada@example.com', firstname: 'Ada', lastname: 'Byron' }],
        template_data: { course_name: 'PHP' },
        timestamp: '2026-01-01T00:00:00Z',
      }),
    })
    const recipient = await vi.waitFor(
      async () => {
        const answer = await fetch(`${emulator.url}/_offload/jobs/J/recipients`)
        const { recipients } = (await answer.json()) as {
          recipients: { certificate_code: string; certificate_url: string }[]
        }
        expect(recipients[0]?.certificate_code).toEqual(expect.any(String))
        return recipients[0]
      },
      { timeout: 20_000 },
    )
    code = recipient?.certificate_code ?? ''
    pdf = new Uint8Array(await (await fetch(recipient?.certificate_url ?? '')).arrayBuffer())
  }, 30_000)
  afterAll(() => emulator.stop())

  const verify = (what: string, ...more: string[]) =>
    offload(['certificate', 'verify', what, '--url', emulator.url, ...more])

  it('knows a code, however it was typed', async () => {
    const ran = await verify(code.toLowerCase().replace(/(.{4})/g, '$1 '))
    expect([ran.code, ran.stderr]).toEqual([0, ''])
    expect(ran.stdout).toMatch(
      /^✓ [0-9A-F]{16} is valid\n {2}name {7}Ada Byron\n {2}course {5}PHP\n {2}date {7}January 1, 2026\n {2}issued by {2}ManiReports Academy\n$/,
    )
  })

  it('asks the emulator that a QR code names', async () => {
    const ran = await offload(['certificate', 'verify', `${emulator.url}/verify/${code}`])
    expect([ran.code, ran.stdout]).toEqual([0, expect.stringContaining('is valid')])
  })

  it('knows a file as it was issued', async () => {
    using folder = openFolder()
    const ran = await verify(folder.write('a.pdf', pdf), '--json')
    expect(ran.code).toBe(0)
    expect(ndjson(ran.stdout)).toMatchObject([
      { verdict: 'pass', id: 'certificate', reason: 'valid', code, certificate: { name: 'Ada Byron' } },
    ])
  })

  it('tells an altered file from one that is not ours', async () => {
    using folder = openFolder()
    const altered = await PDFDocument.load(pdf)
    altered.getPage(0).drawRectangle({ x: 0, y: 0, width: 9, height: 9 })
    const ran = await verify(folder.write('a.pdf', await altered.save()))
    expect([ran.code, ran.stdout]).toEqual([
      1,
      expect.stringMatching(/✗ .*a\.pdf was altered: .* What was issued:\n {2}name {7}Ada Byron/s),
    ])

    const other = await PDFDocument.create()
    other.addPage()
    other.setKeywords(['1234567890ABCDEF'])
    const forged = await verify(folder.write('b.pdf', await other.save()))
    expect([forged.code, forged.stdout]).toEqual([1, expect.stringContaining('is not one of ours: the emulator at')])

    const none = await verify(folder.write('c.pdf', Buffer.from('%PDF-1.7\nhello')), '--json')
    expect([none.code, ndjson(none.stdout)]).toMatchObject([1, [{ verdict: 'fail', reason: 'no-code' }]])
  })

  it('does not know another code, and what is none is a mistake', async () => {
    expect(await verify('0000000000000000')).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('knows no such certificate'),
    })
    const ran = await verify('nowhere.pdf')
    expect([ran.code, ran.stderr]).toEqual([
      2,
      expect.stringContaining('nowhere.pdf is no file that is there, and no verification code'),
    ])
  })

  it('says where nobody answers, and with whom it does not speak', async () => {
    const nobody = await offload(['certificate', 'verify', code, '--url', 'http://127.0.0.1:1'])
    expect([nobody.code, nobody.stderr]).toEqual([3, expect.stringContaining('nothing answers')])
    const other = await offload(['certificate', 'verify', code, '--url', emulator.inbox])
    expect([other.code, other.stderr]).toEqual([3, expect.stringContaining('is no Offload emulator')])
  })
})

it('the doctor names a broken template', async () => {
  const cwd = folderWith({ 'gold.yaml': yaml, 'broken.yaml': 'items: 3\n' })
  const findings = ndjson((await offload(['doctor', '--json'], { cwd })).stdout)
  expect(findings).toContainEqual(expect.objectContaining({ id: 'template-gold', verdict: 'pass' }))
  expect(findings).toContainEqual(
    expect.objectContaining({
      id: 'template-broken',
      verdict: 'fail',
      words: expect.stringContaining('broken.yaml:1:8'),
    }),
  )
})
