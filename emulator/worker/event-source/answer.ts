/**
 * What came of an invocation. `answered`: what the function returned, as JSON text. `failed`: it threw, or its answer
 * says so; `timed-out`: it was broken off; `unreachable`: nobody has seen the event; `stopped`: we broke it off ourselves.
 */
export type Invocation =
  | { readonly outcome: 'answered'; readonly payload: string }
  | { readonly outcome: 'failed' | 'timed-out' | 'unreachable' | 'stopped'; readonly error: string }

/** Which messages of the batch were not processed: all where `error` is there. */
export type BatchResult =
  | { readonly failed: ReadonlySet<string> }
  | { readonly error: string; readonly kind: 'failed' | 'timed-out' | 'unreachable' | 'stopped' }

/**
 * Reads a function's answer as an event source mapping with `ReportBatchItemFailures` does. Nothing, null, an empty list
 * and an answer without `batchItemFailures` are a success; an answer that is no JSON, an item identifier that is missing,
 * empty or not of this batch fails the whole batch.
 * Source: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
export function readAnswer(invocation: Invocation, messageIds: readonly string[]): BatchResult {
  if (invocation.outcome !== 'answered') return { error: invocation.error, kind: invocation.outcome }
  const { payload } = invocation
  if (payload.trim() === '') return { failed: new Set() }
  let answer: unknown
  try {
    answer = JSON.parse(payload)
  } catch {
    // The Runtime Interface Emulator tells of a timeout with status 200 and this sentence.
    const late = /^Task timed out after [\d.]+ seconds/.test(payload)
    return late
      ? { error: payload.trim(), kind: 'timed-out' }
      : invalid(`the answer is no JSON: ${JSON.stringify(payload.slice(0, 80))}`)
  }
  if (typeof answer !== 'object' || answer === null) return { failed: new Set() }
  if ('errorMessage' in answer && typeof answer.errorMessage === 'string') {
    const type = 'errorType' in answer && typeof answer.errorType === 'string' ? `${answer.errorType}: ` : ''
    const late = / timed out after [\d.]+ seconds/.test(answer.errorMessage)
    return { error: `${type}${answer.errorMessage}`, kind: late ? 'timed-out' : 'failed' }
  }
  const failures = 'batchItemFailures' in answer ? answer.batchItemFailures : undefined
  if (failures === undefined || failures === null) return { failed: new Set() }
  if (!Array.isArray(failures)) return invalid('batchItemFailures is no list')
  const failed = new Set<string>()
  for (const failure of failures as readonly unknown[]) {
    const id = typeof failure === 'object' && failure !== null && 'itemIdentifier' in failure && failure.itemIdentifier
    if (typeof id !== 'string' || id === '') return invalid('an entry of batchItemFailures has no itemIdentifier')
    if (!messageIds.includes(id)) return invalid(`batchItemFailures names ${id.slice(0, 80)}, no message of this batch`)
    failed.add(id)
  }
  return { failed }
}

const invalid = (error: string): BatchResult => ({ error, kind: 'failed' })
