import type { Worker } from 'node:worker_threads'
import {
  array,
  assert,
  asyncProperty,
  constant,
  constantFrom,
  integer,
  oneof,
  record,
  sample,
  string,
} from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { createCertificateRenderer, startRenderThread } from '../../emulator/worker/certificate/render-pool.ts'
import type {
  CertificateBatch,
  CertificateInput,
  RenderedCertificate,
} from '../../emulator/worker/certificate/renderer.ts'
import { infoOf, openFolder, qpdfCheck, qrOf, skipped, textOf, why } from './pdf-tools.ts'

const batch: CertificateBatch = { template: 'default', locale: 'en', issuer: 'ManiReports Academy' }
const ada: CertificateInput = {
  recipient: '42',
  name: 'Ada Lovelace',
  course: 'Introduction to Data Protection',
  date: Date.UTC(2026, 2, 14, 23, 59),
  grade: '92 %',
  verificationCode: '7F3A91C2D04B55E1',
  verificationUrl: 'http://127.0.0.1:4566/verify/7F3A91C2D04B55E1',
}

const inline = createCertificateRenderer({ threads: 0 })
const pool = createCertificateRenderer({ threads: 2 })
afterAll(() => pool.close())

async function render(input: Partial<CertificateInput> = {}, of: CertificateBatch = batch) {
  const [rendered] = await inline.render(of, [{ ...ada, ...input }])
  if (rendered === undefined || 'error' in rendered) throw new Error(rendered?.error ?? 'nothing was rendered')
  return rendered
}

const pdfOf = (rendered: RenderedCertificate | undefined) => {
  if (rendered === undefined || 'error' in rendered) throw new Error(rendered?.error ?? 'nothing was rendered')
  return Buffer.from(rendered.pdf)
}

describe.skipIf(skipped)(`what a certificate says${why}`, () => {
  const read = async (input: Partial<CertificateInput> = {}, of: CertificateBatch = batch) => {
    using folder = openFolder()
    const { pdf, findings } = await render(input, of)
    const file = folder.write('certificate.pdf', pdf)
    qpdfCheck(file)
    return { text: textOf(file), findings }
  }

  it('has the name, the course, the date, the grade, the issuer, the code and the address', async () => {
    const { text, findings } = await read()
    for (const part of [
      'Ada Lovelace',
      'Introduction to Data Protection',
      'March 14, 2026',
      'with the grade 92 %',
      'ManiReports Academy',
      ada.verificationCode,
      ada.verificationUrl,
      'has completed',
    ]) {
      expect(text).toContain(part)
    }
    expect(findings).toEqual([])
  })

  it('says nothing of a grade where there is none', async () => {
    const { grade: _, ...without } = ada
    const [rendered] = await inline.render(batch, [without])
    using folder = openFolder()
    expect(textOf(folder.write('a.pdf', pdfOf(rendered)))).not.toContain('grade')
    expect((await read({ grade: ' ' })).text).not.toContain('grade')
  })

  it('is A4 landscape, PDF 1.7, with its title, author, subject and the date as its own', async () => {
    using folder = openFolder()
    const info = infoOf(folder.write('a.pdf', (await render({ name: 'Łucja (x) \\ Żak' })).pdf))
    expect(info).toMatch(/^Title: +Certificate of completion: Łucja \(x\) \\ Żak$/m)
    expect(info).toMatch(/^Author: +ManiReports Academy$/m)
    expect(info).toMatch(/^Subject: +Introduction to Data Protection$/m)
    expect(info).toMatch(/^Keywords: +7F3A91C2D04B55E1$/m)
    expect(info).toMatch(/^CreationDate: +Sat Mar 14 23:59:00 2026/m)
    expect(info).toMatch(/^Page size: +841\.89 x 595\.28 pts \(A4\)$/m)
    expect(info).toMatch(/^PDF version: +1\.7$/m)
    expect(info).toMatch(/^JavaScript: +no$/m)
  })

  it('writes the date in the batch’s language, in UTC', async () => {
    expect((await read({}, { ...batch, locale: 'de' })).text).toContain('14. März 2026')
    expect((await read({}, { ...batch, locale: 'ru' })).text).toContain('14 марта 2026')
    const { text, findings } = await read({}, { ...batch, locale: 'not a locale!' })
    expect(text).toContain('March 14, 2026')
    expect(findings).toEqual(['"not a locale!" is no language tag such as en or pt-BR: dates are in English'])
  })

  it.each([
    ['Latin', 'Zoë Ångström-Núñez'],
    ['Latin, extended', 'Łukasz Żółć'],
    ['Vietnamese, decomposed', 'Nguyễn Thị Ánh'.normalize('NFD')],
    ['Cyrillic', 'Дмитрий Шостакович'],
    ['Greek', 'Αριστοτέλης ο Σταγειρίτης'],
    ['PDF syntax', 'Ann (x) \\ <</JS (y)>> endstream %'],
  ])('can be read back: %s', async (_, name) => {
    const { text, findings } = await read({ name })
    expect(text.normalize('NFC')).toContain(name.normalize('NFC'))
    expect(findings).toEqual([])
  })

  it.each([
    ['Arabic', 'محمد عبد الله'],
    ['Hebrew', 'דוד בן־גוריון'],
  ])('has every letter of %s', async (_, name) => {
    // Extraction may give right-to-left text back in either order.
    const letters = (text: string) =>
      Array.from(text.replace(/[\s\u200e\u200f\u202a-\u202e]/g, ''))
        .toSorted()
        .join('')
    const { text } = await read({ name, course: '', issuer: '' } as Partial<CertificateInput>)
    const line = text.split('\n').find((each) => /[\u0590-\u06ff]/.test(each))
    expect(letters(line?.normalize('NFKC') ?? '')).toBe(letters(name.normalize('NFKC')))
  })

  it('shrinks a long name, then wraps it, and keeps all of it', async () => {
    const names = [60, 120, 400, 2000].map((length) => 'Maximiliane von Schwarzenberg '.repeat(70).slice(0, length))
    for (const name of names) {
      const { text, findings } = await read({ name, course: name })
      expect(text.replaceAll(/\s+/g, ' ')).toContain(name.trim())
      expect(findings).toEqual([])
    }
    const oneWord = 'Donaudampfschifffahrt'.repeat(20)
    expect((await read({ name: oneWord })).text.replaceAll(/\s+/g, '')).toContain(oneWord)
  })

  it('cuts what has no room at any size, and says so', async () => {
    const { text, findings } = await read({ name: 'word '.repeat(20_000) })
    expect(text).toContain('…')
    expect(findings).toEqual(['the name (99999 characters) is too long for the page and was cut'])
  })

  it('makes a QR code that says the address', async () => {
    using folder = openFolder()
    const address = `https://example.test/${'x'.repeat(200)}?ü=é`
    const { pdf } = await render({ verificationUrl: address })
    expect(qrOf(folder.write('a.pdf', pdf))).toBe(new URL(address).href)
  })
})

describe('what a certificate cannot show', () => {
  it('is drawn as a box and reported by code point', async () => {
    const { findings } = await render({ name: 'Ann 王\u0000\ud800', course: '\u{1F9D9}'.repeat(3) })
    expect(findings).toEqual([
      'U+738B has no glyph in any font: drawn as □ in the name',
      'U+0000 has no glyph in any font: drawn as □ in the name',
      'U+D800 has no glyph in any font: drawn as □ in the name',
      'U+1F9D9 has no glyph in any font: drawn as □ in the course',
    ])
  })

  it('is counted where it is much', async () => {
    const han = Array.from({ length: 100 }, (_, index) => String.fromCodePoint(0x4e00 + index)).join('')
    const { findings } = await render({ name: han })
    expect(findings).toHaveLength(21)
    expect(findings.at(-1)).toBe('80 more characters of the name have no glyph')
  })

  it('is no finding where it is invisible anyway', async () => {
    expect((await render({ name: 'Ann\u200B\u2060 \uFE0F\u00ADBee\tC\r\nD' })).findings).toEqual([])
  })

  it('names an unknown template, an empty name and an address that no QR code holds', async () => {
    const { findings } = await render({ name: ' ', verificationUrl: 'x'.repeat(2332) }, { ...batch, template: 'gold' })
    expect(findings).toEqual([
      'there is no template "gold": the default was used',
      'the name is empty',
      'the verification address (2332 characters) is too long for the page and was cut',
      'the verification address has more than the 2331 bytes of a QR code: there is none',
    ])
  })

  it('fails one recipient and not the others', async () => {
    const rendered = await inline.render(batch, [
      ada,
      { ...ada, recipient: '43', date: NaN },
      { ...ada, recipient: '44' },
    ])
    expect(rendered.map((one) => [one.recipient, 'error' in one ? one.error : 'pdf'])).toEqual([
      ['42', 'pdf'],
      ['43', 'the certificate cannot be rendered: NaN is no date in epoch milliseconds'],
      ['44', 'pdf'],
    ])
  })
})

describe('any text', () => {
  const codeUnits = array(integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units))
  const text = oneof(
    array(integer({ min: 0, max: 0x10ffff })).map((points) => String.fromCodePoint(...points)),
    string({ unit: 'grapheme' }).map((part) => `${part} `.repeat(12)),
    codeUnits,
    constantFrom('\u0000', '\\', '((', ')', '\n\r', '\ud800', '<<>>', ' ', 'ﷺ'.repeat(50), 'a\u0301'.repeat(500)),
  )
  const input = record({
    recipient: constant('1'),
    name: text,
    course: text,
    date: integer({ min: -1e15, max: 1e15 }),
    grade: text,
    verificationCode: text,
    verificationUrl: text,
  })

  it('renders without an error', async () => {
    await assert(
      asyncProperty(input, text, text, async (certificate, issuer, locale) => {
        const [rendered] = await inline.render({ template: 'default', locale, issuer }, [certificate])
        expect(rendered).toHaveProperty('pdf')
      }),
      { numRuns: 100 },
    )
  })

  it.skipIf(skipped)(`gives a PDF in which qpdf finds nothing${why}`, async () => {
    using folder = openFolder()
    const certificates = sample(input, { numRuns: 25, seed: 7 })
    const rendered = await inline.render(batch, certificates)
    const files = rendered.map((one, index) => folder.write(`${index}.pdf`, pdfOf(one)))
    expect(() => qpdfCheck(...files)).not.toThrow()
  })
})

describe('the bytes', () => {
  it('are the same for the same batch and recipient, on any thread, in any company', async () => {
    const names = ['Ada Lovelace', 'Дмитрий', 'محمد', '王 x']
    const inputs = Array.from({ length: 40 }, (_, index) => ({
      ...ada,
      recipient: `${index}`,
      name: names[index % 4] ?? '',
    }))
    const once = await inline.render(batch, inputs)
    const again = await pool.render(batch, inputs.toReversed())
    expect(again.toReversed().map((one) => pdfOf(one).toString('latin1'))).toEqual(
      once.map((one) => pdfOf(one).toString('latin1')),
    )
    const alone = await createCertificateRenderer({ threads: 0 }).render(batch, inputs.slice(39))
    expect(pdfOf(alone[0]).equals(pdfOf(once[39]))).toBe(true)
  })

  it('are the same however the letters were composed', async () => {
    const name = 'Nguyễn Thị Ánh'
    const [composed, decomposed] = [await render({ name }), await render({ name: name.normalize('NFD') })]
    expect(pdfOf(decomposed).equals(pdfOf(composed))).toBe(true)
  })

  it('are few', async () => {
    expect((await render()).pdf.byteLength).toBeLessThan(8_000)
    expect((await render({ name: 'Дмитрий Шостакович', course: 'Основы защиты данных' })).pdf.byteLength).toBeLessThan(
      20_000,
    )
  })
})

describe('threads', () => {
  const many = Array.from({ length: 100 }, (_, index) => ({ ...ada, recipient: `${index}` }))

  it('give the results in the order of the recipients', async () => {
    const rendered = await Promise.all([pool.render(batch, many), pool.render(batch, many.slice(7, 9))])
    expect(rendered[0].map(({ recipient }) => recipient)).toEqual(many.map(({ recipient }) => recipient))
    expect(rendered[1].map(({ recipient }) => recipient)).toEqual(['7', '8'])
    expect(rendered.flat().every((one) => 'pdf' in one)).toBe(true)
    expect(await pool.render(batch, [])).toEqual([])
  })

  it('that die are replaced; what they were rendering is an error, the rest is not', async () => {
    const started: Worker[] = []
    const startThread = () => {
      const thread = startRenderThread()
      started.push(thread)
      return thread
    }
    const renderer = createCertificateRenderer({ threads: 1, startThread })
    const running = renderer.render(batch, many)
    await started[0]?.terminate()
    const rendered = await running
    const dead = rendered.filter((one) => 'error' in one)
    expect(dead.length).toBeGreaterThan(0)
    expect(dead.length).toBeLessThan(many.length)
    expect(JSON.stringify(dead[0])).toMatch(
      /^\{"recipient":"0","error":"the rendering thread ended: exit code \d","temporary":true\}$/,
    )
    expect(rendered.map(({ recipient }) => recipient)).toEqual(many.map(({ recipient }) => recipient))
    expect(started).toHaveLength(2)
    await renderer.close()
  })

  it('render nothing more after they were closed, and answer what they had taken', async () => {
    const renderer = createCertificateRenderer({ threads: 1 })
    const running = renderer.render(batch, many)
    await renderer.close()
    for (const one of await running) expect(one).toHaveProperty('error')
    expect((await renderer.render(batch, [ada]))[0]).toMatchObject({ error: 'the certificate renderer is closed' })
    await renderer.close()
  })
})
