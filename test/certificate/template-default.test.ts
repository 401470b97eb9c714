import { deflateSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { fillText, placeholdersOf } from '../../emulator/worker/certificate/placeholders.ts'
import { defaultTemplate } from '../../emulator/worker/certificate/template/default-layout.ts'
import { languageOf, languages, wordsOf } from '../../emulator/worker/certificate/template/words.ts'

describe('the default certificate', () => {
  it.each(languages)('says everything in %s', (language) => {
    const { layout, placeholders, title } = defaultTemplate(language)
    expect(placeholders.map(({ name }) => name)).toEqual([
      'fullname',
      'course',
      'grade',
      'date',
      'issuer',
      'verification_code',
      'verification_url',
    ])
    expect(placeholders.filter(({ optional }) => optional).map(({ name }) => name)).toEqual(['grade'])
    expect(layout.items.filter(({ kind }) => kind === 'qr')).toHaveLength(1)
    const { before, ...words } = wordsOf(language)
    for (const word of Object.values(words)) expect(word.trim()).not.toBe('')
    expect(placeholdersOf(words.grade)).toEqual(['grade'])
    expect(placeholdersOf(words.course)).toEqual(['id'])
    expect(title).toBe(`${words.title}: {fullname}`)
    expect(before).not.toContain('{')
  })

  it('keeps all its texts on the page, and apart', () => {
    const { layout } = defaultTemplate('en')
    const boxes = layout.items.flatMap((item) => {
      if (item.kind !== 'text') return []
      const middle =
        'middle' in item.y ? item.y.middle : 'baseline' in item.y ? item.y.baseline + item.size / 3 : item.y.top
      return [
        { name: item.name, left: item.x - item.width / 2, right: item.x + item.width / 2, middle, size: item.size },
      ]
    })
    for (const { left, right, middle } of boxes) {
      expect([left > 56, right < layout.page.width - 56, middle > 60]).toEqual([true, true, true])
    }
    for (const [index, one] of boxes.entries()) {
      for (const other of boxes.slice(index + 1)) {
        const beside = one.right <= other.left || other.right <= one.left
        expect([
          one.name,
          other.name,
          beside || Math.abs(one.middle - other.middle) >= (one.size + other.size) / 2,
        ]).toEqual([one.name, other.name, true])
      }
    }
  })

  it('has artwork that is small in a PDF', () => {
    const artwork = defaultTemplate('en').layout.items.flatMap((item) =>
      item.kind === 'artwork' ? [item.operators] : [],
    )
    expect(deflateSync(artwork.join('\n')).length).toBeLessThan(2000)
    expect(artwork.join('\n')).not.toMatch(/NaN|undefined|Infinity|e-/)
  })
})

it.each([
  ['de-AT', 'de'],
  ['pt-BR', 'pt'],
  ['zh-CN', 'zh'],
  ['zh-TW', 'zh-Hant'],
  ['zh-Hant-HK', 'zh-Hant'],
  ['nn-NO', 'nb'],
  ['no', 'nb'],
  ['ka', 'en'],
  ['valueof', 'en'],
])('a locale is spoken in a language of the table: %s in %s', (locale, language) => {
  expect(languageOf(locale)).toBe(language)
})

describe('placeholders', () => {
  it('are names in braces, each once; other braces are braces', () => {
    expect(placeholdersOf('{a} {b.c-d} {a} {} {1} { x } {{y}} {no end')).toEqual(['a', 'b.c-d', 'y'])
  })

  it('are filled; a text whose placeholders are all empty is empty', () => {
    const values = { grade: '92 %', empty: ' ', course: 'A\r\nB $& {grade}' }
    expect(fillText('with {grade}', values)).toBe('with 92 %')
    expect(fillText('with {empty}', values)).toBe('')
    expect(fillText('with {empty}{missing}', values)).toBe('')
    expect(fillText('with {empty}, {grade}', values)).toBe('with  , 92 %')
    expect(fillText('no placeholder {', values)).toBe('no placeholder {')
    expect(fillText('{course}', values)).toBe('A B $& {grade}')
    expect(fillText('{constructor}{__proto__}{toString}', values)).toBe('')
  })
})
