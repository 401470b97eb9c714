import { rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { PDFDocument } from '@cantoo/pdf-lib'
import { describe, expect, it } from 'vitest'
import type { LayoutItem } from '../../emulator/worker/certificate/layout-model.ts'
import { createTemplates } from '../../emulator/worker/certificate/template/templates.ts'
import { jpegHead, png, templateFolder } from './template-folder.ts'

const mm = 72 / 25.4

async function read(yaml: string, files: Record<string, string | Uint8Array> = {}) {
  const { folder } = templateFolder({ ...files, 'gold.yaml': yaml })
  return await createTemplates({ folder }).find('gold', 'en')
}

const only = async (item: string, files: Record<string, string | Uint8Array> = {}): Promise<LayoutItem> => {
  const { layout } = await read(`items:\n  - { ${item} }\n`, files)
  const [first] = layout.items
  if (first === undefined) throw new Error('there is no item')
  return first
}

const near = (value: number) => expect.closeTo(value, 2) as number
const text = 'type: text, text: x, y: 20, width: 100, height: 10'

describe('a page', () => {
  const one = 'items:\n  - { type: rectangle, y: 1, width: 1, height: 1, fill: "#000" }\n'
  it.each([
    ['', 297, 210],
    ['page: A4\n', 297, 210],
    ['page: A4\norientation: portrait\n', 210, 297],
    ['page: Letter\n', 279.4, 215.9],
    ['page: { width: 100, height: 50 }\n', 100, 50],
    ['page: { width: 100, height: 50 }\norientation: portrait\n', 50, 100],
  ])('%j', async (page, width, height) => {
    const { layout } = await read(page + one)
    expect(layout.page).toEqual({ width: near(width * mm), height: near(height * mm) })
  })

  it('in points', async () => {
    const { layout } = await read(`units: pt\npage: { width: 100, height: 50 }\n${one}`)
    expect(layout.page).toEqual({ width: 100, height: 50 })
  })

  it("has its background's size where that is a PDF and no other was asked for", async () => {
    const document = await PDFDocument.create()
    document.addPage([300, 500])
    const bytes = await document.save()
    const { layout } = await read(`background: a.pdf\n${one}`, { 'a.pdf': bytes })
    expect(layout.page).toEqual({ width: 300, height: 500 })
    expect(layout.background).toEqual({ kind: 'pdf', bytes: new Uint8Array(bytes) })
    const forced = await read(`background: a.pdf\npage: A5\n${one}`, { 'a.pdf': bytes })
    expect(forced.layout.page.width).toBeCloseTo(210 * mm)
  })

  it('has a picture behind it', async () => {
    const bytes = png(30, 20)
    const { layout } = await read(`background: sub/paper.png\n${one}`, { 'sub/paper.png': bytes })
    expect(layout.background).toEqual({ kind: 'png', bytes: new Uint8Array(bytes) })
  })
})

describe('a text', () => {
  it('has its box from the top left, in millimetres', async () => {
    expect(await only(`${text}, x: 30, align: left, valign: top, size: 20, color: "#A84"`)).toEqual({
      kind: 'text',
      name: 'item 1 "x"',
      text: 'x',
      font: { family: 'serif' },
      colour: '#aa8844',
      x: near(30 * mm),
      y: { top: near(190 * mm) },
      align: 'left',
      width: near(100 * mm),
      height: near(10 * mm),
      size: 20,
      wrapBelow: 12,
    })
  })

  it('is in the middle of the page, of its box, and of its lines unless told', async () => {
    expect(await only(text)).toMatchObject({ x: near(148.5 * mm), y: { middle: near(185 * mm) }, align: 'centre' })
  })

  it('ends at its right edge, or stands on its lower one', async () => {
    expect(await only(`${text}, x: 30, align: right`)).toMatchObject({ x: near(130 * mm), align: 'right' })
    const lower = await only(`${text}, valign: bottom, size: 10`)
    expect(lower).toMatchObject({ y: { baseline: near(180 * mm + 2.4) } })
  })

  it('has room for one line at its size and two where it wraps, unless told', async () => {
    const { height } = (await only('type: text, text: x, y: 1, width: 9, size: 40')) as { height: number }
    expect(height).toBeGreaterThanOrEqual(40 * 1.22)
    expect(height).toBeGreaterThanOrEqual(2 * 24 * 1.22)
    expect(height).toBeLessThan(80)
  })

  it('is named in findings by its placeholder, else by its words', async () => {
    expect(await only("type: text, text: '{fullname}', y: 1, width: 9")).toMatchObject({ name: 'fullname' })
    expect(await only("type: text, text: 'has completed the course {course}', y: 1, width: 9")).toMatchObject({
      name: 'item 1 "has completed the course {cou…"',
    })
  })

  it('keeps the line ends of its own', async () => {
    const { layout } = await read('items:\n  - type: text\n    y: 1\n    width: 9\n    text: |\n      one\n      two\n')
    expect(layout.items[0]).toMatchObject({ text: 'one\ntwo' })
  })

  it('has a family, a weight and a slant', async () => {
    expect(await only(`${text}, font: mono, bold: true, italic: true, spacing: 2`)).toMatchObject({
      font: { family: 'mono', bold: true, italic: true },
      spacing: 2,
    })
  })

  it('shares what is merged into it', async () => {
    const { layout } = await read(
      'items:\n  - &big\n    { type: text, text: a, y: 1, width: 9, size: 30 }\n  - { <<: *big, text: b }\n',
    )
    expect(layout.items).toMatchObject([
      { text: 'a', size: 30 },
      { text: 'b', size: 30 },
    ])
  })
})

describe('other items', () => {
  const picture = 'type: picture, file: logo.png, y: 10'
  it.each([
    ['in its box, as large as its ratio allows', 'x: 0, width: 40, height: 40', [0, 170, 40, 20]],
    ['as wide as it was told', 'x: 5, width: 40', [5, 180, 40, 20]],
    ['as high as it was told', 'x: 5, height: 40', [5, 160, 80, 40]],
    ['in the middle of the page', 'width: 40', [128.5, 180, 40, 20]],
  ])('a picture stands %s', async (_, where, [x = 0, y = 0, width = 0, height = 0]) => {
    expect(await only(`${picture}, ${where}`, { 'logo.png': png(200, 100) })).toMatchObject({
      kind: 'picture',
      x: near(x * mm),
      y: near(y * mm),
      width: near(width * mm),
      height: near(height * mm),
    })
  })

  it('a picture without a size has 96 pixels an inch, and a JPEG is measured too', async () => {
    expect(await only('type: picture, file: a.jpg, y: 10', { 'a.jpg': jpegHead(192, 96) })).toMatchObject({
      picture: { kind: 'jpeg' },
      width: 144,
      height: 72,
    })
  })

  it('a QR code is on white, unless the page shall show through', async () => {
    const qr = 'type: qr, x: 10, y: 10, size: 30'
    const place = { kind: 'qr', x: near(10 * mm), y: near(170 * mm), side: near(30 * mm), colour: '#000000' }
    expect(await only(qr)).toEqual({ ...place, paper: '#ffffff' })
    expect(await only(`${qr}, paper: none`)).toEqual(place)
  })

  it('a line goes from point to point, a rectangle has a fill, a border or both', async () => {
    expect(await only('type: line, from: [10, 20], to: [30, 50]')).toEqual({
      kind: 'line',
      x: near(10 * mm),
      y: near(190 * mm),
      width: near(20 * mm),
      height: near(-30 * mm),
      stroke: '#000000',
      strokeWidth: 1,
    })
    expect(await only('type: rectangle, x: -5, y: 0, width: 400, height: 10, fill: "#123456"')).toEqual({
      kind: 'rectangle',
      x: near(-5 * mm),
      y: near(200 * mm),
      width: near(400 * mm),
      height: near(10 * mm),
      fill: '#123456',
    })
    expect(await only('type: rectangle, y: 0, width: 4, height: 1, color: "#111", thickness: 2')).toMatchObject({
      stroke: '#111111',
      strokeWidth: 2,
    })
  })
})

describe('the templates of a folder', () => {
  const yaml = (words: string) =>
    `background: paper.png\nitems:\n  - { type: text, text: '${words}', y: 1, width: 9, font: sans }\n`

  it('are the built-in default where there is no other of that name, in the language of the locale', async () => {
    const { folder, write } = templateFolder()
    const templates = createTemplates({ folder: join(folder, 'nowhere') })
    expect((await templates.find('default', 'pt-BR')).layoutId).toBe('default:pt')
    expect(templates.names()).toEqual(['default'])
    write('default.yaml', 'items:\n  - { type: line, from: [1, 1], to: [2, 2] }\n')
    const own = createTemplates({ folder })
    expect((await own.find('default', 'pt-BR')).layoutId).toMatch(/^default:[0-9a-f]{32}$/)
  })

  it('list their placeholders: optional where every text that has them is', async () => {
    const { placeholders, title, locale } = await read(
      [
        "title: 'Diploma {course}'",
        'locale: de',
        'items:',
        "  - { type: text, text: '{fullname} {grade} {credits}', y: 1, width: 9, optional: true }",
        "  - { type: text, text: 'of {grade}, {no such} {{', y: 1, width: 9 }",
        '',
      ].join('\n'),
    )
    expect(placeholders).toEqual([
      { name: 'fullname', optional: true },
      { name: 'grade', optional: false },
      { name: 'credits', optional: true },
      { name: 'course', optional: false },
    ])
    expect([title, locale]).toEqual(['Diploma {course}', 'de'])
  })

  it('are read once, and again when the file or one that it names has changed', async () => {
    const { folder, write } = templateFolder({ 'gold.yaml': yaml('one'), 'paper.png': png(3, 3) })
    const templates = createTemplates({ folder })
    const [first, same] = await Promise.all([templates.find('gold', 'en'), templates.find('gold', 'de')])
    expect(same).toBe(first)
    expect(await templates.find('gold', 'en')).toBe(first)

    write('gold.yaml', yaml('two'))
    const second = await templates.find('gold', 'en')
    expect(second.layout.items[0]).toMatchObject({ text: 'two' })
    write('paper.png', png(4, 4))
    const third = await templates.find('gold', 'en')
    expect(new Set([first, second, third].map(({ layoutId }) => layoutId)).size).toBe(3)

    write('gold.yaml', yaml('one'))
    write('paper.png', png(3, 3))
    expect((await templates.find('gold', 'en')).layoutId).toBe(first.layoutId)
  })

  it('are read again where only the time of a change tells', async () => {
    const { folder, write } = templateFolder({ 'gold.yaml': yaml('one'), 'paper.png': png(3, 3) })
    const templates = createTemplates({ folder })
    await templates.find('gold', 'en')
    write('gold.yaml', yaml('six'))
    utimesSync(join(folder, 'gold.yaml'), 1000, 1000)
    expect((await templates.find('gold', 'en')).layout.items[0]).toMatchObject({ text: 'six' })
  })

  it('are mended by mending the file, or by adding the picture that was missing; gone when they are gone', async () => {
    const { folder, write } = templateFolder({ 'gold.yaml': 'items: 3' })
    const templates = createTemplates({ folder })
    await expect(templates.find('gold', 'en')).rejects.toThrow('is broken')
    write('gold.yaml', yaml('one'))
    await expect(templates.find('gold', 'en')).rejects.toThrow('paper.png is not there')
    await expect(templates.find('gold', 'en')).rejects.toThrow('paper.png is not there')
    write('paper.png', png(3, 3))
    expect((await templates.find('gold', 'en')).name).toBe('gold')
    rmSync(join(folder, 'gold.yaml'))
    await expect(templates.find('gold', 'en')).rejects.toThrow('there is no certificate template "gold"')
  })
})
