import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { assert, asyncProperty, constantFrom, dictionary, oneof, string, jsonValue, array } from 'fast-check'
import { stringify } from 'yaml'
import { describe, expect, it } from 'vitest'
import { problemLine, TemplateError } from '../../emulator/worker/certificate/template/template.ts'
import { createTemplates } from '../../emulator/worker/certificate/template/templates.ts'
import { jpegHead, png, templateFolder } from './template-folder.ts'

async function errorOf(folder: string, name: string): Promise<TemplateError> {
  try {
    await createTemplates({ folder }).find(name, 'en')
  } catch (error) {
    if (error instanceof TemplateError) return error
    throw error
  }
  throw new Error(`${name} is fine`)
}

const problemsOf = async (yaml: string, files: Record<string, string | Uint8Array> = {}) => {
  const { folder } = templateFolder({ ...files, 'gold.yaml': yaml })
  return (await errorOf(folder, 'gold')).problems.map(problemLine)
}

const item = (lines: string) => `items:\n  - type: text\n    text: x\n    y: 1\n    width: 3\n${lines}`

describe('a broken template is told with its line, its column and the fix', () => {
  it.each([
    [
      'a wrong key',
      'orientaton: landscape\n' + item(''),
      'gold.yaml:1:1: "orientaton" is no key of a template. Write orientation',
    ],
    [
      'a wrong key of an item',
      item("    colour: '#000'\n"),
      'gold.yaml:6:5: "colour" is no key of a text. Write color',
    ],
    [
      'a key that is like no other',
      item('    zzzzzzzz: 1\n'),
      /^gold.yaml:6:5: "zzzzzzzz" is no key of a text. Known are type, text, x, /,
    ],
    [
      'a wrong choice',
      item('    align: centre\n'),
      'gold.yaml:6:12: align must be left, center or right, and is "centre"',
    ],
    ['a missing key', 'items:\n  - type: text\n    text: x\n    y: 1\n', 'gold.yaml:2:5: a text must have width'],
    ['no items', 'page: A4\n', 'gold.yaml:1:1: a template must have items'],
    ['an empty list', 'items: []\n', 'gold.yaml:1:8: items must have at least one item, and is []'],
    [
      'an unknown page',
      'page: A44\n' + item(''),
      'gold.yaml:1:7: page must be A3, A4, A5, Letter, Legal, or { width: 297, height: 210 }, and is "A44"',
    ],
    [
      'a text for a number',
      'items:\n  - type: text\n    text: x\n    y: "1"\n    width: 3\n',
      'gold.yaml:4:8: y must be a number, and is "1"',
    ],
    [
      'an unknown type',
      'items:\n  - type: texxt\n',
      'gold.yaml:2:11: there is no item of the type "texxt". Write "type: text"',
    ],
    [
      'no type',
      'items:\n  - file: logo.png\n',
      'gold.yaml:2:5: the item has no type. Write text, picture, qr, line or rectangle',
    ],
    [
      'no map',
      '- a\n- b\n',
      'gold.yaml:1:1: a template is a map of names and values. Begin with "page: A4", then "items:"',
    ],
    ['nothing', '', 'gold.yaml:1:1: a template is a map of names and values. Begin with "page: A4", then "items:"'],
    [
      'a colour that became a comment',
      item('    color: #16263f\n'),
      "gold.yaml:6:5: color has no value. A # begins a comment: put the colour into quotes, color: '#16263f'",
    ],
    [
      'a placeholder that became a map',
      'items:\n  - type: text\n    text: {fullname}\n    y: 1\n    width: 3\n',
      "gold.yaml:3:11: text must be text. Braces without quotes are a map: put the text into quotes, text: '{fullname}'",
    ],
    [
      'placeholders that YAML cannot read',
      'items:\n  - type: text\n    text: {firstname} {lastname}\n',
      "gold.yaml:3:23: it is no YAML: Unexpected flow-map-start at node end. Put the text into quotes: '…'",
    ],
    [
      'a colon in a text',
      'items:\n  - type: text\n    text: Course: {course}\n',
      "gold.yaml:3:11: it is no YAML: Nested mappings are not allowed in compact mappings. Put the text into quotes: '…'",
    ],
    ['a tab', 'items:\n\t- type: text\n', 'gold.yaml:2:1: a tab stands where YAML wants spaces'],
    ['a key twice', 'page: A4\npage: A5\n', 'gold.yaml:2:1: the key is there twice'],
    [
      'an item beyond the page',
      item('    x: 295\n'),
      'gold.yaml:2:5: the item leaves the page, which is 297 mm × 210 mm. Now it reaches from 295 mm, 1 mm to 298 mm, 8.4 mm',
    ],
    [
      'a tiny QR code',
      'items:\n  - type: qr\n    y: 1\n    size: 5\n',
      'gold.yaml:4:11: the QR code is too small to be read: at least 12 mm',
    ],
    [
      'an invisible rectangle',
      'items:\n  - type: rectangle\n    y: 1\n    width: 3\n    height: 3\n',
      'gold.yaml:2:5: the rectangle is invisible. Give it a fill, or a color for its border',
    ],
    [
      'a wrong locale',
      'locale: klingon!\n' + item(''),
      'gold.yaml:1:9: locale must be a language tag such as en or pt-BR, and is "klingon!"',
    ],
    [
      'a font that is none',
      item('    font: Times\n'),
      'gold.yaml:6:11: Times is no font: write serif, sans, mono, or the name of a .ttf or .otf file',
    ],
  ])('%s', async (_, yaml, expected) => {
    const problems = await problemsOf(yaml)
    expect(problems[0]).toEqual(typeof expected === 'string' ? expected : expect.stringMatching(expected))
    expect(problems).toHaveLength(1)
  })

  it('all of them at once', async () => {
    expect(
      await problemsOf("pages: A4\nitems:\n  - type: text\n    text: ''\n    y: 1\n    width: 0\n  - 7\n"),
    ).toEqual([
      'gold.yaml:1:1: "pages" is no key of a template. Write page',
      'gold.yaml:4:11: text must have at least one character, and is ""',
      'gold.yaml:6:12: width must be more than 0, and is 0',
      'gold.yaml:7:5: an item is a map. Begin it with "- type:", which is text, picture, qr, line or rectangle',
    ])
  })

  it('the message names the first and counts the others', async () => {
    const { folder } = templateFolder({ 'gold.yaml': 'page: 7\nunits: cm\nitems: 3\n' })
    expect((await errorOf(folder, 'gold')).message).toMatch(
      /^the certificate template "gold" is broken: gold.yaml:1:7: page must be .* \(and 2 more\)$/,
    )
  })
})

describe('files of a template', () => {
  const picture = (file: string) => `items:\n  - type: picture\n    file: ${file}\n    y: 1\n`
  it.each([
    ['is missing', 'nowhere.png', /^gold.yaml:3:11: nowhere.png is not there/],
    ['is above the folder', '../logo.png', /must be inside the folder/],
    ['is above it by a way around', 'a/../../logo.png', /must be inside the folder/],
    ['is absolute', '/etc/passwd', /must be inside the folder/],
    ['is absolute on Windows', 'C:\\logo.png', /must be inside the folder/],
    ['leads outside by a link', 'link.png', /must be inside the folder/],
    ['is the folder', '.', /must be inside the folder/],
    ['is a folder', 'sub', /sub is no file/],
    ['is another format', 'a.gif', /a.gif is a GIF: save it as PNG or JPEG/],
    ['is a drawing', 'a.svg', /a.svg is an SVG: save it as PNG or JPEG/],
    ['is cut off', 'cut.png', /cut.png is a PNG that was cut off, or is broken/],
    ['is a cut-off JPEG', 'cut.jpg', /cut.jpg is a JPEG that was cut off, or is broken/],
    ['is a JPEG that no PDF can hold', 'lossless.jpg', /is a lossless or arithmetic JPEG/],
    ['has too many pixels', 'huge.jpg', /has 20000 × 20000 pixels: at most 40 million/],
    ['is too large', 'large.png', /has 10.5 MB: at most 10 are taken/],
  ])('a picture that %s', async (_, file, expected) => {
    const { folder } = templateFolder({
      'gold.yaml': picture(file),
      'a.gif': 'GIF89a',
      'a.svg': '<svg xmlns="http://www.w3.org/2000/svg"/>',
      'cut.png': png(10, 10).subarray(0, 40),
      'cut.jpg': jpegHead(3, 3).subarray(0, 12),
      'lossless.jpg': jpegHead(3, 3, 0xc3),
      'huge.jpg': jpegHead(20_000, 20_000),
      'large.png': Buffer.concat([png(10, 10), Buffer.alloc(10_500_000)]),
      'sub/inner.png': png(10, 10),
    })
    const outside = templateFolder({ 'outside.png': png(10, 10) })
    symlinkSync(join(outside.folder, 'outside.png'), join(folder, 'link.png'))
    const { problems } = await errorOf(folder, 'gold')
    expect(problems.map(problemLine)).toEqual([expect.stringMatching(expected)])
  })

  it.each([
    ['a collection', 'ttcf0000', /is a collection of fonts/],
    ['a web font', 'wOF20000', /is a web font/],
    ['no font', 'hello world', /is no TrueType or OpenType font/],
    ['cut off', Buffer.from('\0\u0001\0\0\0\u0005', 'latin1'), /is a font that was cut off/],
    ['without letters', Buffer.from('\0\u0001\0\0\0\0\0\0\0\0\0\0', 'latin1'), /is a font without the table cmap, /],
  ])('a font that is %s', async (_, bytes, expected) => {
    const problems = await problemsOf(item('    font: own.ttf\n'), { 'own.ttf': bytes })
    expect(problems).toEqual([expect.stringMatching(expected)])
  })

  it('a background that is no PDF inside', async () => {
    const problems = await problemsOf(`background: a.pdf\n${item('')}`, { 'a.pdf': '%PDF-1.7\nhello' })
    expect(problems).toEqual(['gold.yaml:1:13: a.pdf is a PDF that cannot be read'])
  })

  it('bold of a font of their own, which has one weight', async () => {
    expect(await problemsOf(item('    font: own.ttf\n    bold: true\n'))).toContain(
      'gold.yaml:7:5: bold has no effect on a font of your own. Name its bold file as the font',
    )
  })

  it('a template that is itself too large, or no file', async () => {
    const { folder, write } = templateFolder({ 'gold.yaml': `# ${'x'.repeat(3_000_000)}` })
    expect((await errorOf(folder, 'gold')).message).toContain('the file has 3 MB: at most 0.3 are taken')
    write('sub.yaml/x', '')
    expect((await errorOf(folder, 'sub')).message).toContain('the file is no file')
  })
})

describe('a name', () => {
  it('that is unknown is told with those that there are', async () => {
    const { folder } = templateFolder({ 'gold.yaml': '', 'silver.yml': '', 'logo.png': '' })
    expect((await errorOf(folder, 'glod')).message).toBe(
      `there is no certificate template "glod": was gold meant? (known: default, gold, silver). A new one is glod.yaml in ${folder}.`,
    )
    expect((await errorOf(join(folder, 'nowhere'), 'x y')).message).toContain('(known: default)')
  })

  it.each(['../gold', 'a/b', 'a\\b', '', '.', '..', 'gold\0', '\n', 'x'.repeat(101)])(
    'cannot lead out of the folder: %j',
    async (name) => {
      const { folder } = templateFolder({ 'gold.yaml': '' })
      const { message } = await errorOf(join(folder, 'sub'), name)
      expect(message).toContain('there is no certificate template')
      expect(message).not.toContain('A new one')
    },
  )
})

it.each([
  ['nested without end', '['.repeat(20_000)],
  ['braces without end', '{a: '.repeat(10_000)],
  [
    'aliases of aliases',
    `a: &a [x, x, x, x, x, x, x, x, x]\n${Array.from('bcdefghi', (name, index) => {
      const before = 'abcdefgh'[index]
      return `${name}: &${name} [${Array<string>(9).fill(`*${before}`).join(', ')}]\n`
    }).join('')}`,
  ],
  ['not UTF-8', Buffer.from([0xff, 0xfe, 0x00, 0x80])],
])('a hostile file is a list of problems, soon: %s', async (_, text) => {
  const { folder } = templateFolder({ 'gold.yaml': text })
  const began = process.cpuUsage()
  expect((await errorOf(folder, 'gold')).problems).not.toEqual([])
  const { user, system } = process.cpuUsage(began)
  expect((user + system) / 1e6).toBeLessThan(5)
})

it('any file at all is a template or a list of problems in it', async () => {
  const key = oneof(
    constantFrom('page', 'items', 'units', 'background', 'type', 'text', 'x', 'y', 'from', 'size'),
    string(),
  )
  const value = oneof(
    jsonValue(),
    array(dictionary(key, jsonValue())),
    array(constantFrom({ type: 'text', text: 'a', y: 1, width: 9 })),
  )
  const yaml = oneof(
    dictionary(key, value).map((layout) => stringify(layout)),
    string(),
    string({ unit: 'binary' }),
  )
  const { folder, write } = templateFolder()
  await assert(
    asyncProperty(yaml, async (text) => {
      write('any.yaml', text)
      try {
        await createTemplates({ folder }).find('any', 'en')
      } catch (error) {
        expect(error).toBeInstanceOf(TemplateError)
        for (const { line, column, reason } of (error as TemplateError).problems) {
          expect([line >= 1, column >= 1, reason.length > 0]).toEqual([true, true, true])
          expect(line).toBeLessThanOrEqual(text.split(/\r\n|[\r\n]/).length)
        }
      }
    }),
    { numRuns: 100 },
  )
})
