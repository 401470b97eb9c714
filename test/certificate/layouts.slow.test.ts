import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Layout, LayoutItem, TextItem } from '../../emulator/worker/certificate/layout-model.ts'
import { batch, inline, inputOf, pdfOf, plainBatch, render } from './certificate-samples.ts'
import {
  infoOf,
  inflated,
  letters as lettersOf,
  openFolder,
  pictureOf,
  qpdfCheck,
  qrOf,
  skipped,
  textOf,
  why,
} from './pdf-tools.ts'
import { png } from './template-folder.ts'

const page = { width: 200, height: 100 }
const text = (item: Partial<TextItem>): TextItem => ({
  kind: 'text',
  name: 'text',
  text: 'text',
  font: { family: 'serif' },
  colour: '#000000',
  x: 100,
  y: { middle: 50 },
  align: 'centre',
  width: 190,
  height: 90,
  size: 20,
  wrapBelow: 10,
  ...item,
})

async function drawn(items: readonly LayoutItem[], background?: Layout['background']) {
  const layout: Layout = { name: 'own', page, items, ...(background === undefined ? {} : { background }) }
  const id = JSON.stringify([items, background?.bytes.length], (_, value: unknown) =>
    value instanceof Uint8Array ? value.length : value,
  )
  const [rendered] = await inline.render({ ...batch, layout, layoutId: id }, [inputOf()])
  using folder = openFolder()
  const file = folder.write('a.pdf', pdfOf(rendered))
  qpdfCheck(file)
  const picture = pictureOf(file, 72)
  /** 0 is black, 255 white; from the lower left, as in a layout. */
  const at = (x: number, y: number) => picture.pixels[(picture.height - 1 - y) * picture.width + x]
  /** The box around all that is not white: left, bottom, right, top. */
  const box = () => {
    const dark = Array.from(picture.pixels.entries()).filter(([, value]) => value < 200)
    const [xs, ys] = [
      dark.map(([index]) => index % picture.width),
      dark.map(([index]) => picture.height - 1 - Math.floor(index / picture.width)),
    ]
    return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)] as const
  }
  return { at, box, text: textOf(file), picture, info: infoOf(file), pdf: inflated(file) }
}

describe.skipIf(skipped)(`a layout${why}`, () => {
  it('has lines, rectangles and pictures where it says, in its order', async () => {
    const picture = { kind: 'png', bytes: png(3, 3, [0, 0, 0]) } as const
    const { at, picture: all } = await drawn([
      { kind: 'rectangle', x: 10, y: 10, width: 30, height: 20, fill: '#000000' },
      { kind: 'rectangle', x: 20, y: 15, width: 10, height: 10, fill: '#ffffff', stroke: '#808080', strokeWidth: 2 },
      { kind: 'line', x: 60, y: 80, width: 100, height: 0, stroke: '#000000', strokeWidth: 4 },
      { kind: 'picture', name: 'logo', picture, x: 150, y: 10, width: 40, height: 20 },
      { kind: 'artwork', operators: '1 0 0 rg 100 40 10 10 re f' },
    ])
    expect([all.width, all.height]).toEqual([200, 100])
    expect([at(5, 5), at(12, 12), at(25, 20), at(45, 20)]).toEqual([255, 0, 255, 255])
    expect(at(20, 20)).toBeGreaterThan(90)
    expect(at(20, 20)).toBeLessThan(170)
    expect([at(110, 80), at(110, 90), at(170, 20), at(145, 20)]).toEqual([0, 255, 0, 255])
    expect(at(105, 45)).toBeLessThan(100)
  })

  it('has a background that fills the page: a picture, or the first page of a PDF of any size', async () => {
    const picture = await drawn([], { kind: 'png', bytes: png(2, 2, [0, 0, 0]) })
    expect([picture.at(0, 0), picture.at(199, 99), picture.at(100, 50)]).toEqual([0, 0, 0])

    const inner = await render({ fullname: 'Behind' }, plainBatch)
    const { text: words, info, box } = await drawn([text({ text: 'before' })], { kind: 'pdf', bytes: pdfOf(inner) })
    expect(words).toContain('Behind')
    expect(words).toContain('before')
    expect(info).toMatch(/^Page size: +200 x 100 pts$/m)
    expect(info).toMatch(/^Job: +job_8fa31bc2$/m)
    expect(box()[2]).toBeGreaterThan(190)
  })

  it('has text at the left, in the middle and at the right of its place', async () => {
    const box = async (item: Partial<TextItem>) => (await drawn([text({ text: 'HHH', ...item })])).box()
    const [left] = await box({ align: 'left', x: 20 })
    const [, , right] = await box({ align: 'right', x: 180 })
    const [from, bottom, to, top] = await box({})
    expect(left).toBeGreaterThanOrEqual(19)
    expect(left).toBeLessThanOrEqual(22)
    expect(right).toBeGreaterThanOrEqual(177)
    expect(right).toBeLessThanOrEqual(180)
    expect(Math.abs((from + to) / 2 - 100)).toBeLessThan(2)
    expect(Math.abs((bottom + top) / 2 - 50)).toBeLessThan(2)
    const [, standing] = await box({ y: { baseline: 30 } })
    expect(Math.abs(standing - 30)).toBeLessThan(2)
    const [, , , hanging] = await box({ y: { top: 80 } })
    expect(hanging).toBeLessThanOrEqual(80)
    expect(hanging).toBeGreaterThan(70)
  })

  it('spaces letters, but none that join', async () => {
    const width = async (letters: string, spacing?: number) => {
      const { box, text: words } = await drawn([text({ text: letters, ...(spacing === undefined ? {} : { spacing }) })])
      expect(lettersOf(words)).toBe(lettersOf(letters))
      const [left, , right] = box()
      return right - left
    }
    expect((await width('HHHHH', 10)) - (await width('HHHHH'))).toBeGreaterThan(36)
    expect((await width('HHHHH', 10)) - (await width('HHHHH'))).toBeLessThan(44)
    expect(await width('محمد', 10)).toBe(await width('محمد'))
    expect(await width('ABC'.repeat(20), 4)).toBeLessThanOrEqual(190)
  })

  it('begins a line where its text does, not where a value does', async () => {
    const { text: words } = await drawn([text({ text: 'To {fullname}\nfor {course}' })])
    expect(words).toMatch(/^To Ada Lovelace\nfor Introduction to Data Protection\n/)
    const [rendered] = await inline.render(
      { ...batch, layoutId: 'two', layout: { name: 'two', page, items: [text({ text: '{fullname}' })] } },
      [inputOf({ fullname: 'Ann\nBee' })],
    )
    using folder = openFolder()
    expect(textOf(folder.write('a.pdf', pdfOf(rendered)))).toContain('Ann Bee')
  })

  it('has its QR code on paper', async () => {
    const layout: Layout = {
      name: 'qr',
      page,
      items: [
        { kind: 'rectangle', x: 0, y: 0, width: 200, height: 100, fill: '#102030' },
        { kind: 'qr', x: 50, y: 0, side: 100, colour: '#000000', paper: '#ffffff' },
      ],
    }
    using folder = openFolder()
    const [rendered] = await inline.render({ ...batch, layout, layoutId: 'qr' }, [inputOf()])
    expect(qrOf(folder.write('a.pdf', pdfOf(rendered)))).toBe(inputOf().verificationUrl)
  })

  it('may bring its own font; what that lacks is drawn in another', async () => {
    const folderOf = (name: string) => dirname(createRequire(import.meta.url).resolve(name))
    const files = {
      TrueType: join(folderOf('@expo-google-fonts/noto-sans-thai'), '400Regular/NotoSansThai_400Regular.ttf'),
      'CID-keyed OpenType': join(folderOf('@embedpdf/fonts-kr'), '../fonts/NotoSansKR-Regular.otf'),
    }
    for (const file of Object.values(files)) {
      const font = { family: 'serif', file: readFileSync(file) } as const
      const { text: words, pdf } = await drawn([text({ text: 'Own ไทย 한글 Ωмγ', font })])
      expect(words).toContain('Own ไทย 한글 Ωмγ')
      expect(pdf).toMatch(/\/BaseFont \/[A-Z]{6}\+Own/)
    }
  })

  it('with a font that is none fails, saying so', async () => {
    const font = { family: 'serif', file: Buffer.from('no font') } as const
    const layout: Layout = { name: 'bad', page, items: [text({ font })] }
    const [rendered] = await inline.render({ ...batch, layout, layoutId: 'bad' }, [inputOf()])
    expect(JSON.stringify(rendered)).toMatch(/the font Own is no TrueType or OpenType font with outlines/)
  })
})
