import { describe, expect, it } from 'vitest'
import { compareContracts } from '../../contracts/diff/index.ts'
import type { Json, JsonObject } from '../../contracts/json.ts'
import { documents, inWords, push, remove, said, set, type Edit } from './edits.ts'

type Case = readonly [title: string, edits: readonly Edit[], said: string]

it('nothing has changed between a version and itself', () => {
  expect(compareContracts(documents(), documents())).toEqual([])
})

describe('a job is sent by the plugin', () => {
  const breaks = 'breaking for the plugin'
  const cases: readonly Case[] = [
    [
      'a new required field',
      [set('properties region', { type: 'string' }), push('required', 'region')],
      `${breaks}: region: a new required field`,
    ],
    ['a new optional field', [set('properties region', { type: 'string' })], 'additive: region: a new optional field'],
    [
      'a field that is required now',
      [push('required', 'tenant_id')],
      `${breaks}: tenant_id: the field is required now`,
    ],
    [
      'a field that is optional now',
      [set('required', ['job_id', 'recipients'])],
      'additive: type: the field is optional now',
    ],
    [
      'an optional field that is gone',
      [remove('properties courseid')],
      'advisory for the plugin: courseid: the field is gone',
    ],
    [
      'a type that is no longer known',
      [remove('$defs known_type enum 0')],
      `${breaks}: type: the value "CERTIFICATE" is gone`,
    ],
    ['a new type', [push('$defs known_type enum', 'digest')], 'additive: type: a new value "digest"'],
    [
      'a shorter address',
      [set('$defs recipient properties email maxLength', 254)],
      `${breaks}: recipients[].email: maxLength is 254, was 320`,
    ],
    [
      'a longer address',
      [set('$defs recipient properties email maxLength', 998)],
      'additive: recipients[].email: maxLength is 998, was 320',
    ],
    [
      'ids that are texts alone',
      [remove('properties job_id anyOf 0')],
      `${breaks}: job_id: integer is no longer possible`,
    ],
    [
      'null that is no longer absent',
      [remove('properties courseid anyOf 2')],
      `${breaks}: courseid: null is no longer possible`,
    ],
    ['a pattern', [set('properties type pattern', '^[a-z_]+$')], `${breaks}: type: must fit "^[a-z_]+$" now`],
    ['unknown fields refused', [set('additionalProperties', false)], `${breaks}: : unknown fields are refused`],
    [
      'a new rule',
      [push('allOf', { description: 'no parties.', not: { required: ['party'] } })],
      `${breaks}: : a new rule: no parties.`,
    ],
    [
      'more recipients wanted',
      [set('properties recipients minItems', 2)],
      `${breaks}: recipients: minItems is 2, was 1`,
    ],
    [
      'fewer recipients allowed',
      [set('properties recipients maxItems', 200)],
      `${breaks}: recipients: maxItems is 200`,
    ],
  ]
  it.each(cases)('%s', (_, edits, expected) => {
    expect(said('spec.job.schema.json', edits)).toEqual([expected])
  })
})

describe('a callback is sent by the cloud', () => {
  const breaks = 'breaking for the callback receiver'
  const items = 'properties recipient_updates anyOf 0 items'
  const at = 'recipient_updates[]'
  const cases: readonly Case[] = [
    [
      'a new required field is safe',
      [set(`${items} properties opened`, { type: 'boolean' }), push(`${items} required`, 'opened')],
      `additive: ${at}.opened: a new required field`,
    ],
    [
      'a new optional field is safe',
      [set(`${items} properties opened`, { type: 'boolean' })],
      `additive: ${at}.opened: a new optional field`,
    ],
    [
      'a required field that is gone',
      [remove(`${items} properties userid`), set(`${items} required`, ['status'])],
      `${breaks}: ${at}.userid: the required field is gone`,
    ],
    [
      'an optional field that is gone',
      [remove(`${items} properties timesent`)],
      `${breaks}: ${at}.timesent: the field is gone`,
    ],
    ['a field that is optional now', [set('required', ['job_id'])], `${breaks}: timestamp: the field is optional now`],
    ['a field that always comes now', [push('required', 'status')], 'additive: status: the field is required now'],
    [
      'a new status',
      [push(`${items} properties status enum`, 'bounced')],
      `${breaks}: ${at}.status: a new value "bounced"`,
    ],
    [
      'a status that does not come any more',
      [remove(`${items} properties status enum 0`)],
      `additive: ${at}.status: the value "pending" is gone`,
    ],
    [
      'a longer message',
      [set(`${items} properties error_message anyOf 0 maxLength`, 1e6)],
      `${breaks}: ${at}.error_message: maxLength is 1000000, was 65536`,
    ],
    [
      'null where there was none',
      [push('properties job_id anyOf', { type: 'null' })],
      `${breaks}: job_id: null is possible too`,
    ],
    [
      'numbers with a fraction',
      [set(`${items} properties attempts anyOf 0 type`, 'number')],
      `${breaks}: ${at}.attempts: number is possible too`,
    ],
  ]
  it.each(cases)('%s', (_, edits, expected) => {
    expect(said('spec.callback.schema.json', edits)).toEqual([expected])
  })
})

describe('the vectors', () => {
  const receiver = 'for the callback receiver: vectors'
  const again = { name: 'again', title: 'once more', verdict: 'accept' }
  const cases: readonly Case[] = [
    [
      'another verdict',
      [set('vectors 0 verdict', 'refuse')],
      `breaking ${receiver}.as-sent: is to be refused now, was accepted`,
    ],
    [
      'other bytes',
      [set('vectors 0 body_base64', 'e30=')],
      `advisory ${receiver}.as-sent: body_base64 changed; the verdict is the same`,
    ],
    [
      'one that is gone',
      [remove('vectors 0')],
      `advisory ${receiver}.as-sent: the vector is gone: as Offload sends it, accepted`,
    ],
    ['a new one', [push('vectors', again)], 'additive: vectors.again: a new vector: once more, accepted'],
  ]
  it.each(cases)('%s', (_, edits, expected) => {
    expect(said('vectors.json', edits)).toEqual([expected])
  })
})

it('a message that is no longer spoken breaks whoever speaks it', () => {
  const [before, after] = [documents(), documents()]
  after.delete('plugin.callback.schema.json')
  const gone = ['breaking for the callback receiver: : the document is gone']
  expect(compareContracts(before, after).map(inWords)).toEqual(gone)
  expect(compareContracts(after, before).map(inWords)).toEqual(['additive: : a new document'])
})

it('words for people are no change, and neither is the order of fields, values and alternatives', () => {
  const turned = (given: Json): Json => {
    if (Array.isArray(given)) return given.map(turned).toReversed()
    if (typeof given !== 'object' || given === null) return given
    const entries = Object.entries(given).map(([name, inner]): [string, Json] => {
      return [name, name === 'description' && typeof inner === 'string' ? 'other words' : turned(inner)]
    })
    return Object.fromEntries(entries.toReversed())
  }
  const before = documents()
  before.delete('vectors.json')
  const after = new Map([...before].map(([file, document]) => [file, turned(document) as JsonObject]))
  expect(compareContracts(before, after)).toEqual([])
})

it('whatever is taken out of a schema is told, and is not additive both there and back', () => {
  const all = documents()
  let places = 0
  for (const [file, document] of all) {
    if (!file.endsWith('.schema.json')) continue
    const before = new Map([[file, document]])
    for (const place of constraints(document, [])) {
      const after = structuredClone(before)
      remove(place)(after.get(file) ?? {})
      const [there, back] = [compareContracts(before, after), compareContracts(after, before)]
      expect(there, place).not.toEqual([])
      expect(back, place).not.toEqual([])
      expect([...there, ...back].some(({ kind }) => kind !== 'additive')).toBe(true)
      places++
    }
  }
  expect(places).toBeGreaterThan(200)
})

const keywords = ['enum', 'maxLength', 'minLength', 'pattern', 'minimum', 'minItems', 'required', 'allOf']

/** The places of what constrains a message. */
function constraints(given: Json | undefined, path: string[]): string[] {
  if (typeof given !== 'object' || given === null) return []
  const ofFields = path.at(-1) === 'properties'
  return Object.entries(given).flatMap(([name, inner]) => {
    const place = [...path, name]
    const own = ofFields || keywords.includes(name) ? [place.join(' ')] : []
    return name === 'allOf' || name === 'contentSchema' ? own : [...own, ...constraints(inner, place)]
  })
}
