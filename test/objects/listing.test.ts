import { ListObjectsV2Command, paginateListObjectsV2 } from '@aws-sdk/client-s3'
import { array, assert, asyncProperty, constantFrom, integer, oneof, property, stringMatching } from 'fast-check'
import { describe, expect, it } from 'vitest'
import { endOf, listKeys, type ListRequest } from '../../emulator/cloud/objects/listing.ts'
import { ask, bucket, openBucket } from './bucket.ts'

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** What a listing says, by its definition: no cleverness. */
function expected(keys: readonly string[], { prefix, delimiter, after, maximum }: ListRequest) {
  const rolled = keys
    .filter((key) => key.startsWith(prefix))
    .map((key) => {
      const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
      return at < 0 ? { key, shown: key } : { key, shown: key.slice(0, at + delimiter.length), common: true }
    })
    .filter(({ key, shown, common }) => byBytes(key, after) > 0 && !(common && shown === after))
  const shown = [...new Set(rolled.map((entry) => entry.shown))].toSorted(byBytes)
  const common = new Set(rolled.filter((entry) => entry.common).map((entry) => entry.shown))
  const page = shown.slice(0, maximum)
  return {
    items: page.filter((text) => !common.has(text)),
    commonPrefixes: page.filter((text) => common.has(text)),
    next: maximum > 0 && shown.length > maximum ? page.at(-1) : undefined,
  }
}

function listing(keys: readonly string[], request: ListRequest) {
  const sorted = keys.toSorted(byBytes)
  const { items, commonPrefixes, next } = listKeys(request, (from, before, limit) =>
    sorted
      .filter((key) => byBytes(key, from) >= 0 && (before === undefined || byBytes(key, before) < 0))
      .slice(0, limit)
      .map((key) => ({ key })),
  )
  return { items: items.map(({ key }) => key), commonPrefixes, next }
}

const text = oneof(
  stringMatching(/^[ab/]{0,4}$/),
  array(constantFrom('a', '/', '\u{10ffff}', '\ud7ff', '\ue000', 'é', '😀'), { maxLength: 4 }).map((all) =>
    all.join(''),
  ),
)

describe('listing keys', () => {
  it('gives what its definition says, for any keys, prefix, delimiter and marker', () => {
    const keys = array(text, { maxLength: 12 }).map((all) => [...new Set(all)].filter((key) => key !== ''))
    assert(
      property(keys, text, constantFrom('', '/', 'a', '//'), text, integer({ min: 0, max: 6 }), (...input) => {
        const [all, prefix, delimiter, after, maximum] = input
        const request = { prefix, delimiter, after, maximum }
        expect(listing(all, request)).toEqual(expected(all, request))
      }),
      { numRuns: 2000 },
    )
  })

  it('does not read what is under a common prefix', () => {
    const keys = Array.from({ length: 5000 }, (_, index) => `a/${index}`).concat('b/1')
    let read = 0
    const sorted = keys.toSorted(byBytes)
    const found = listKeys({ prefix: '', delimiter: '/', after: '', maximum: 1 }, (from, _before, limit) => {
      const some = sorted.filter((key) => byBytes(key, from) >= 0).slice(0, limit)
      read += some.length
      return some.map((key) => ({ key }))
    })
    expect(found).toEqual({ items: [], commonPrefixes: ['a/'], next: 'a/' })
    expect(read).toBeLessThan(10)
  })

  it('knows what comes after a prefix', () => {
    expect(endOf('')).toBeUndefined()
    expect(endOf('a/')).toBe('a0')
    expect(endOf('a\u{10ffff}')).toBe('b')
    expect(endOf('\u{10ffff}')).toBeUndefined()
    expect(endOf('\ud7ff')).toBe('\ue000')
  })
})

describe('ListObjectsV2', () => {
  it('pages through any keys exactly once, in their order, by the SDK', async () => {
    await using at = await openBucket()
    await assert(
      asyncProperty(
        array(text, { minLength: 1, maxLength: 8 }),
        integer({ min: 1, max: 3 }),
        async (some, pageSize) => {
          at.objects.reset()
          const keys = [...new Set(some)].filter((key) => key !== '')
          await at.objects.put(keys.map((key) => ({ key, contentType: 'a/b', pieces: [new Uint8Array()] })))
          const found: (string | undefined)[] = []
          for await (const page of paginateListObjectsV2({ client: at.s3, pageSize }, { Bucket: bucket })) {
            found.push(...(page.Contents ?? []).map(({ Key }) => Key))
          }
          expect(found).toEqual(keys.toSorted(byBytes))
        },
      ),
      { numRuns: 25 },
    )
  })

  it('says what it was asked, encodes where it is asked to, and starts after a key', async () => {
    await using at = await openBucket()
    const keys = ['a b+&/1', 'a b+&/2', 'c']
    await at.objects.put(keys.map((key) => ({ key, contentType: 'a/b', pieces: [Buffer.from('12345')] })))
    const page = await at.s3.send(
      new ListObjectsV2Command({ Bucket: bucket, StartAfter: 'a b+&/1', FetchOwner: true, MaxKeys: 5 }),
    )
    expect(page).toMatchObject({ KeyCount: 2, IsTruncated: false, StartAfter: 'a b+&/1', MaxKeys: 5, Name: bucket })
    expect(page.Contents?.[0]).toMatchObject({ Key: 'a b+&/2', Size: 5, StorageClass: 'STANDARD' })
    expect(page.Contents?.[0]?.Owner?.DisplayName).toBe('offload')
    const raw = await ask(`${at.url}/${bucket}?list-type=2&encoding-type=url&delimiter=/`)
    expect(raw.text).toContain('<CommonPrefixes><Prefix>a+b%2B%26/</Prefix></CommonPrefixes>')
    expect(raw.text).toContain('<EncodingType>url</EncodingType>')
  })

  it.each([
    ['max-keys=x', 'InvalidArgument'],
    ['max-keys=-1', 'InvalidArgument'],
    ['max-keys=99999999999', 'InvalidArgument'],
    ['encoding-type=x', 'InvalidArgument'],
    ['continuation-token=x', 'InvalidArgument'],
    ['continuation-token=', 'InvalidArgument'],
  ])('refuses %s', async (query, code) => {
    await using at = await openBucket()
    expect(await ask(`${at.url}/${bucket}?list-type=2&${query}`)).toMatchObject({ status: 400, code })
  })
})
