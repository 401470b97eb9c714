import { expect, it } from 'vitest'
import { readAnswer, type BatchResult } from '../../emulator/worker/event-source/answer.ts'

const batch = ['a', 'b']
const answered = (payload: string): BatchResult => readAnswer({ outcome: 'answered', payload }, batch)
const failedIds = (result: BatchResult) => ('failed' in result ? [...result.failed] : 'the whole batch')

it.each([
  ['nothing', ''],
  ['null', 'null'],
  ['an empty object', '{}'],
  ['an empty list of failures', '{"batchItemFailures":[]}'],
  ['no list of failures', '{"batchItemFailures":null}'],
  ['an answer for an API', '{"statusCode":200,"body":"ok"}'],
  ['a word', '"done"'],
])('takes %s for success', (_, payload) => expect(failedIds(answered(payload))).toEqual([]))

it('reads which messages failed', () => {
  expect(failedIds(answered('{"batchItemFailures":[{"itemIdentifier":"b"}]}'))).toEqual(['b'])
})

it.each([
  ['what is no JSON', 'oops'],
  ['an empty identifier', '{"batchItemFailures":[{"itemIdentifier":""}]}'],
  ['no identifier', '{"batchItemFailures":[{"itemIdentifier":null}]}'],
  ['another key', '{"batchItemFailures":[{"messageId":"a"}]}'],
  ['a message of no batch', '{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"z"}]}'],
  ['no list', '{"batchItemFailures":"a"}'],
  ['an exception', '{"errorMessage":"boom","errorType":"ValueError"}'],
])('fails the whole batch for %s', (_, payload) => expect(failedIds(answered(payload))).toBe('the whole batch'))

it.each(['Task timed out after 3.00 seconds', '{"errorMessage":"2026-01-01 x Task timed out after 3.00 seconds"}'])(
  'knows a timeout from an exception: %s',
  (payload) => expect(answered(payload)).toMatchObject({ kind: 'timed-out' }),
)

it('keeps what went wrong before there was an answer', () => {
  expect(readAnswer({ outcome: 'unreachable', error: 'nobody listens' }, batch)).toEqual({
    kind: 'unreachable',
    error: 'nobody listens',
  })
})
