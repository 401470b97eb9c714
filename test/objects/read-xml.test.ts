import { array, assert, constantFrom, property, string } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { S3Error } from '../../emulator/http/s3/errors.ts'
import { readDocument } from '../../emulator/http/s3/read-xml.ts'
import { document } from '../../emulator/http/s3/xml.ts'

const read = (text: string) => readDocument(new TextEncoder().encode(text), 'Delete')
const keysOf = (text: string) =>
  read(text)
    .all('Key')
    .map((key) => key.name)

describe('a document', () => {
  it('reads back as it was written, whatever its texts', () => {
    const text = string({ unit: 'binary' }).map((value) =>
      value.replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, ''),
    )
    assert(
      property(array(text), (keys) => {
        const xml = document(
          'Delete',
          keys.map((key) => ['Object', [['Key', key]]] as const),
        )
        expect(
          read(xml)
            .all('Object')
            .map((object) => object.text('Key')),
        ).toEqual(keys)
      }),
    )
  })

  it('may have attributes, prefixes, comments, instructions and unparsed text', () => {
    const xml =
      '\uFEFF<?xml version="1.0"?><!-- a <b> - c --><s3:Delete xmlns:s3="x" a = \'>\'>\r\n<s3:Key>a<![CDATA[&<]]>&#x62;&#99;\r\n</s3:Key><Empty /></s3:Delete >\n'
    expect(read(xml).text('Key')).toBe('a&<bc\n')
    expect(read(xml).text('Empty')).toBe('')
    expect(read(xml).text('None')).toBeUndefined()
    expect(keysOf(xml)).toEqual(['Key'])
  })

  it.each([
    '',
    'x',
    '<Delete>',
    '<Delete/>x',
    '<Delete/><Delete/>',
    '<Other/>',
    '</Delete>',
    '<Delete></Other>',
    '<Delete><a></Delete></a>',
    '<Delete>&</Delete>',
    '<Delete>&amp</Delete>',
    '<Delete>&b;</Delete>',
    '<Delete>&#0;</Delete>',
    '<Delete>&#xD800;</Delete>',
    '<Delete>&#x110000;</Delete>',
    '<Delete>\u0001</Delete>',
    '<Delete a=b/>',
    '<Delete a="<"/>',
    '<!DOCTYPE Delete><Delete/>',
    `${'<Delete>'.repeat(9)}${'</Delete>'.repeat(9)}`,
    `<Delete>${'<a/>'.repeat(100_001)}</Delete>`,
    `<Delete>${' '.repeat(8 << 20)}</Delete>`,
  ])('is refused where it is none: %.40s', (xml) => {
    expect(() => read(xml)).toThrow(S3Error)
  })

  it('is read or refused, whatever it is', () => {
    const piece = constantFrom(
      '<',
      '>',
      '/',
      'Delete',
      '<Delete>',
      '</Delete>',
      '&',
      ';',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
    )
    const other = constantFrom('"', "'", '=', ' ', 'a', '<?', '?>', '\u0000', '#x', '😀', '\ud800')
    assert(
      property(
        array(
          constantFrom(0, 1).chain((kind) => (kind === 0 ? piece : other)),
          { maxLength: 20 },
        ),
        (pieces) => {
          try {
            read(pieces.join(''))
          } catch (error) {
            expect(error).toBeInstanceOf(S3Error)
          }
        },
      ),
      { numRuns: 2000 },
    )
    expect(() => readDocument(Buffer.from('<Delete>\xff</Delete>', 'latin1'), 'Delete')).toThrow(/UTF-8/)
  })
})
