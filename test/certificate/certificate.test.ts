import { createHash } from 'node:crypto'
import type { Worker } from 'node:worker_threads'
import { afterAll, describe, expect, it } from 'vitest'
import { createCertificateRenderer, startRenderThread } from '../../emulator/worker/certificate/render-pool.ts'
import { batch, batchOf, done, inline, inputOf, pdfOf, plainBatch, render } from './certificate-samples.ts'
import { inflated, infoOf, openFolder, qpdfCheck, qrOf, skipped, textOf, why } from './pdf-tools.ts'

const pool = createCertificateRenderer({ threads: 2 })
afterAll(() => pool.close())

describe.skipIf(skipped)(`what a certificate says${why}`, () => {
  const read = async (...args: Parameters<typeof render>) => {
    using folder = openFolder()
    const { pdf, findings } = await render(...args)
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
      'http://127.0.0.1:4566/verify/7F3A91C2D04B55E1',
      'has completed',
    ]) {
      expect(text).toContain(part)
    }
    expect(text.replaceAll(' ', '')).toContain('7F3A91C2D04B55E1\n')
    expect(findings).toEqual([])
  })

  it('says nothing of what is empty', async () => {
    expect((await read({ grade: '' })).text).not.toContain('grade')
    expect((await read({ grade: ' ' })).text).not.toContain('grade')
  })

  it('is A4 landscape, PDF 1.7, with its title, author, job, code and date, and nothing active', async () => {
    using folder = openFolder()
    const { pdf } = await render({}, batchOf('de'), { title: 'Łucja (x) \\ Żak', job: 'job (1)' })
    const info = infoOf(folder.write('a.pdf', pdf))
    for (const line of [
      /^Title: +Łucja \(x\) \\ Żak$/m,
      /^Author: +ManiReports Academy$/m,
      /^Job: +job \(1\)$/m,
      /^Keywords: +7F3A91C2D04B55E1$/m,
      /^VerificationCode: *7F3A91C2D04B55E1$/m,
      /^CreationDate: +Sat Mar 14 23:59:00 2026/m,
      /^Page size: +841\.89 x 595\.28 pts \(A4\)$/m,
      /^PDF version: +1\.7$/m,
      /^JavaScript: +no$/m,
      /^Form: +none$/m,
    ]) {
      expect(info).toMatch(line)
    }
    const catalog = inflated(folder.write('b.pdf', pdf))
    expect(catalog).toContain('/Lang (de)')
    expect(catalog).toMatch(/\/DisplayDocTitle true/)
  })

  it('keeps text that is PDF syntax text', async () => {
    const nasty = 'Ann (x)) \\ <</JS (y)>> endstream endobj %PDF [ ] /Type'
    const { text, findings } = await read({ fullname: nasty, course: nasty }, batch, { title: nasty, job: nasty })
    expect(text.split(nasty)).toHaveLength(3)
    expect(findings).toEqual([])
    const { text: lines } = await read({ fullname: 'Ann\r\nBee\tC\u2028D' })
    expect(lines).toContain('Ann Bee C D')
  })

  it('shrinks a long name, then wraps it, and keeps all of it', async () => {
    const names = [60, 120, 400, 2000].map((length) => 'Maximiliane von Schwarzenberg '.repeat(70).slice(0, length))
    for (const fullname of names) {
      const { text, findings } = await read({ fullname, course: fullname })
      expect(text.replaceAll(/\s+/g, ' ')).toContain(fullname.trim())
      expect(findings).toEqual([])
    }
    const fullname = 'Donaudampfschifffahrt'.repeat(20)
    expect((await read({ fullname })).text.replaceAll(/\s+/g, '')).toContain(fullname)
    const han = '情報保護入門講座'.repeat(20)
    expect((await read({ fullname: han })).text.replaceAll(/\s+/g, '')).toContain(han)
  })

  it('cuts what has no room at any size, and says so', async () => {
    const { text, findings } = await read({ fullname: 'word '.repeat(20_000) })
    expect(text).toContain('…')
    expect(findings).toEqual(['the name (100000 characters) is too long for the page and was cut'])
  })

  it('makes a QR code that says the address', async () => {
    using folder = openFolder()
    const address = `https://example.test/${'x'.repeat(200)}?ü=é`
    const { pdf } = await render({}, plainBatch, { verificationUrl: address })
    expect(qrOf(folder.write('a.pdf', pdf))).toBe(new URL(address).href)
  })

  it('makes each recipient’s own code, however many there are', async () => {
    using folder = openFolder()
    const inputs = ['00FF00FF00FF00FF', '1234567890ABCDEF', 'FEDCBA0987654321', '8888888888888888']
    const urls = [...inputs, ...inputs].map((each) => `http://127.0.0.1:4566/verify/${each}`)
    const rendered = await inline.render(
      plainBatch,
      urls.map((verificationUrl) => inputOf({}, { verificationUrl })),
    )
    const read = rendered.slice(-4).map((one, index) => qrOf(folder.write(`${index}.pdf`, pdfOf(one))))
    expect(read).toEqual(urls.slice(-4))
  })
})

describe('what a certificate cannot show', () => {
  it('is drawn as a box and reported by code point', async () => {
    const { findings } = await render({ fullname: 'Ann \u{13000}\u0000\ud800', course: '\u{1F9FF}\u{13001}'.repeat(3) })
    expect(findings).toEqual([
      'U+13000 has no glyph in any font: drawn as □ in the name',
      'U+0000 has no glyph in any font: drawn as □ in the name',
      'U+D800 has no glyph in any font: drawn as □ in the name',
      'U+13001 has no glyph in any font: drawn as □ in the course',
    ])
  })

  it.skipIf(skipped)(`is a box that can be read${why}`, async () => {
    using folder = openFolder()
    expect(textOf(folder.write('a.pdf', (await render({ fullname: 'A\u{13000}B' })).pdf))).toContain('A□B')
  })

  it('is counted where it is much', async () => {
    const fullname = Array.from({ length: 100 }, (_, index) => String.fromCodePoint(0x13000 + index)).join('')
    const { findings } = await render({ fullname })
    expect(findings).toHaveLength(21)
    expect(findings.at(-1)).toBe('80 more characters of the name have no glyph')
  })

  it('is no finding where it is invisible anyway', async () => {
    expect((await render({ fullname: 'Ann\u200B\u2060 \uFE0F\u00ADBee\tC\r\nD' })).findings).toEqual([])
  })

  it('is an address that no QR code holds', async () => {
    const { findings } = await render({}, batch, { verificationUrl: 'x'.repeat(2332) })
    expect(findings).toEqual([
      'the verification address (2332 characters) is too long for the page and was cut',
      'the verification address has more than the 2331 bytes of a QR code: there is none',
    ])
  })

  it('fails one recipient and not the others', async () => {
    const inputs = [{}, { recipient: '43', date: NaN }, { recipient: '44' }].map((input) => inputOf({}, input))
    const rendered = await inline.render(batch, inputs)
    expect(rendered.map((one) => [one.recipient, 'error' in one ? one.error : 'pdf'])).toEqual([
      ['42', 'pdf'],
      ['43', 'the certificate cannot be rendered: NaN is no date in epoch milliseconds'],
      ['44', 'pdf'],
    ])
  })

  it('fails a whole batch whose layout cannot be drawn, saying why', async () => {
    const background = { kind: 'pdf', bytes: Buffer.from('no PDF') } as const
    const rendered = await inline.render({ ...batch, layoutId: 'broken', layout: { ...batch.layout, background } }, [
      inputOf(),
    ])
    expect(rendered).toEqual([
      {
        recipient: '42',
        error: 'the certificate cannot be rendered: the background is no PDF that can be read',
      },
    ])
  })
})

describe('the bytes', () => {
  const names = ['Ada Lovelace', 'Дмитрий', 'محمد', '王 x', 'क्षत्रिय', '🎓']
  const many = Array.from({ length: 260 }, (_, index) =>
    inputOf({ fullname: names[index % names.length] ?? '' }, { recipient: `${index}` }),
  )

  it('are the same for the same batch and recipient, on any thread, whatever was rendered before', async () => {
    const once = await inline.render(batch, many)
    const fresh = await createCertificateRenderer({ threads: 0 }).render(batch, many)
    await inline.render(batchOf('ja'), many.slice(0, 20))
    const again = await inline.render(batch, many)
    const threads = await pool.render(batch, many)
    for (const other of [fresh, again, threads]) {
      expect(other.map((one) => done(one).sha256)).toEqual(once.map((one) => done(one).sha256))
    }
    expect(pdfOf(threads[3]).equals(pdfOf(once[3]))).toBe(true)
  })

  it('have the hashes that are given with them', async () => {
    for (const one of [await render(), done((await pool.render(batch, [inputOf()]))[0])]) {
      expect(one.sha256).toBe(createHash('sha256').update(pdfOf(one)).digest('hex'))
      expect(one.md5).toBe(createHash('md5').update(pdfOf(one)).digest('hex'))
    }
  })

  it('are the same however the letters were composed', async () => {
    const fullname = 'Nguyễn Thị Ánh'
    const [composed, decomposed] = [
      await render({ fullname }),
      await render({ fullname: fullname.normalize('NFD') }, batch, { title: `Certificate: ${fullname}` }),
    ]
    expect(pdfOf(decomposed).equals(pdfOf(composed))).toBe(true)
  })

  it('are at most 18 KB in Latin and 30 KB in Chinese, Japanese and Korean', async () => {
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWYZabcdefghijklmnopqrstuvwxyzäöüßéèñçłżÅø'
    const latin = Array.from({ length: 200 }, (_, index) =>
      inputOf({
        fullname: `${letters.slice(index % 60, (index % 60) + 9)} ${letters.slice(-(index % 50) - 9, -index % 50)}`,
      }),
    )
    for (const one of await inline.render(batch, latin)) expect(pdfOf(one).byteLength).toBeLessThan(18_000)

    const han = Array.from({ length: 200 }, (_, index) => {
      const fullname = [1, 2, 3, 4].map((step) => String.fromCodePoint(0x4e00 + index * 13 * step)).join('')
      return inputOf({ fullname, course: '情報保護入門講座', issuer: '東京情報大学' })
    })
    for (const one of await inline.render(batchOf('ja'), han)) expect(pdfOf(one).byteLength).toBeLessThan(30_000)
  })
})

describe('threads', () => {
  const many = Array.from({ length: 500 }, (_, index) => inputOf({}, { recipient: `${index}` }))

  it('give the results in the order of the recipients', async () => {
    const rendered = await Promise.all([pool.render(batch, many), pool.render(batch, many.slice(7, 9))])
    expect(rendered[0].map(({ recipient }) => recipient)).toEqual(many.map(({ recipient }) => recipient))
    expect(rendered[1].map(({ recipient }) => recipient)).toEqual(['7', '8'])
    expect(rendered.flat().every((one) => 'pieces' in one)).toBe(true)
    expect(await pool.render(batch, [])).toEqual([])
  })

  it('are sent a layout once, and again after they forgot it', async () => {
    const sent: string[] = []
    const startThread = () => {
      const thread = startRenderThread()
      const post = thread.postMessage.bind(thread) as (message: unknown) => void
      thread.postMessage = (message: { batch: { layoutId: string; layout?: unknown } }) => {
        if (message.batch.layout !== undefined) sent.push(message.batch.layoutId)
        post(message)
      }
      return thread
    }
    const renderer = createCertificateRenderer({ threads: 1, startThread })
    const named = (layoutId: string) => renderer.render({ ...batch, layoutId }, [inputOf()])
    for (const id of ['a', 'a', 'b', 'a']) expect((await named(id))[0]).toHaveProperty('pieces')
    expect(sent).toEqual(['a', 'b'])
    for (let index = 0; index < 32; index++) await named(`${index}`)
    expect((await named('a'))[0]).toHaveProperty('pieces')
    expect(sent.at(-1)).toBe('a')
    await renderer.close()
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
    expect(dead).toHaveLength(200)
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
    expect((await renderer.render(batch, [inputOf()]))[0]).toMatchObject({
      error: 'the certificate renderer is closed',
    })
    await renderer.close()
  })
})
