import { array, assert, asyncProperty, constantFrom, integer, oneof, property, sample, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createFontLibrary } from '../../emulator/worker/certificate/fonts/library.ts'
import type { Layout } from '../../emulator/worker/certificate/layout-model.ts'
import { plain } from '../../emulator/worker/certificate/text/plain.ts'
import { createTypesetter } from '../../emulator/worker/certificate/text/typesetter.ts'
import { batch, inline, inputOf, pdfOf } from './certificate-samples.ts'
import { letters, openFolder, qpdfCheck, skipped, textOf, why } from './pdf-tools.ts'

const point = oneof(
  integer({ min: 0, max: 0x10ffff }),
  // Where most writing is, and most of what is hard about it.
  integer({ min: 0, max: 0x2fff }),
  constantFrom(0x20, 0x200d, 0x200c, 0x200f, 0x202e, 0x2067, 0x301, 0x5d0, 0x627, 0x628, 0x915, 0x94d, 0x93f, 0xe33),
)
const text = oneof(
  array(point).map((points) => String.fromCodePoint(...points)),
  string({ unit: 'grapheme' }).map((part) => `${part} `.repeat(12)),
  array(integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  constantFrom('\u0000', '\\', '((', ')', '\n\r', '\ud800', '<<>>', ' ', 'ﷺ'.repeat(50), 'a\u0301'.repeat(500)),
)

/** One text and nothing else, with room for much. */
const layout: Layout = {
  name: 'one',
  page: { width: 800, height: 400 },
  items: [
    {
      kind: 'text',
      name: 'text',
      text: '{fullname}',
      font: { family: 'serif' },
      colour: '#000000',
      x: 10,
      y: { top: 390 },
      align: 'left',
      width: 780,
      height: 380,
      size: 12,
      wrapBelow: 12,
    },
  ],
}

describe('any text', () => {
  it('renders without an error', async () => {
    await assert(
      asyncProperty(text, text, text, async (fullname, course, other) => {
        const rendered = await inline.render({ ...batch, locale: other, issuer: other }, [
          inputOf({ fullname, course, grade: other, date: other, issuer: other }, { title: other, job: other }),
        ])
        expect(rendered[0]).toHaveProperty('pieces')
      }),
      { numRuns: 60 },
    )
  })

  it.skipIf(skipped)(`gives PDFs in which qpdf finds nothing${why}`, async () => {
    using folder = openFolder()
    const texts = sample(text, { numRuns: 25, seed: 7 })
    const rendered = await inline.render(
      batch,
      texts.map((fullname, at) =>
        inputOf(
          { fullname, course: texts[24 - at] ?? '' },
          { title: fullname, job: fullname, verificationCode: fullname },
        ),
      ),
    )
    const files = rendered.map((one, index) => folder.write(`${index}.pdf`, pdfOf(one)))
    expect(() => qpdfCheck(...files)).not.toThrow()
  })

  it.skipIf(skipped)(`comes back but for what no font has, which comes back as a box${why}`, async () => {
    using folder = openFolder()
    const texts = sample(text, { numRuns: 40, seed: 11 })
    const typesetter = createTypesetter(createFontLibrary())
    const rendered = await inline.render(
      { ...batch, layout, layoutId: 'one' },
      texts.map((fullname) => inputOf({ fullname })),
    )
    for (const [at, one] of rendered.entries()) {
      const normal = plain(texts[at] ?? '')
      const { missing } = typesetter.typeset(normal, { family: 'serif' }, 'en')
      const drawn = Array.from(normal, (each) => (missing.has(each.codePointAt(0) ?? 0) ? '□' : each)).join('')
      expect(letters(textOf(folder.write(`${at}.pdf`, pdfOf(one)))), JSON.stringify(texts[at])).toBe(letters(drawn))
    }
  })
})

describe('letters', () => {
  const library = createFontLibrary()
  const alphabets = ['AVWTYoaeyrfjilt.,-’ÁÅçőřŁßñăệơ1247(&', 'ΑΛΥαάϕτύρ.,-1', 'ЖДГУАТйїрст.,-1']
  const words = oneof(
    ...alphabets.map((alphabet) =>
      string({ unit: constantFrom(...Array.from(alphabet)), minLength: 1, maxLength: 14 }),
    ),
  )

  it.each([
    ['serif', {}],
    ['serif', { italic: true }],
    ['serif', { bold: true }],
    ['sans', {}],
    ['sans', { bold: true, italic: true }],
    ['mono', {}],
  ] as const)('that are spelled one by one are drawn as a whole shape would be: %s %o', (family, cut) => {
    const [typeface] = library.candidates({ family, ...cut }, 'a', 'en')
    assert(
      property(words, constantFrom('en', 'pl', 'tr'), (word, language) => {
        const [spelled, shaped] = [typeface!.spell(word, language)!, typeface!.shape(word, false, language)]
        expect(parts(spelled.operands, /<[^>]*>/g)).toEqual(parts(shaped.operands, /<[^>]*>/g))
        const [distances, others] = [spelled, shaped].map(({ operands }) =>
          parts(operands, /[-\d.]+(?=<)/g).map(Number),
        )
        for (const [at, distance] of distances!.entries()) expect(Math.abs(distance - others![at]!)).toBeLessThan(0.2)
        expect(spelled.width).toBeCloseTo(shaped.width, 3)
        expect(spelled.glyphs).toBe(shaped.glyphs)
      }),
      { numRuns: 150 },
    )
  })
})

const parts = (operands: string, pattern: RegExp) => operands.match(pattern) ?? []
