/** Recipients a second, before and after a spike: what 50,000 in half an hour are. */
const baseRate = 28
const spikeFactor = 10

/** A stretch of a spike run: its messages, and how they arrive. */
export interface Phase {
  readonly name: 'before' | 'spike' | 'after'
  readonly startMs: number
  readonly durationMs: number
  /** Recipients a second. */
  readonly rate: number
  readonly firstMessage: number
  readonly messages: number
}

/** A third of the time as usual, a third ten times as much, a third as usual. */
export function spikePhases({ durationMs, batch }: { readonly durationMs: number; readonly batch: number }): Phase[] {
  const third = Math.floor(durationMs / 3)
  let firstMessage = 0
  return (['before', 'spike', 'after'] as const).map((name, index) => {
    const rate = name === 'spike' ? baseRate * spikeFactor : baseRate
    const messages = Math.max(1, Math.floor((rate * third) / 1000 / batch))
    const phase = { name, startMs: index * third, durationMs: third, rate, firstMessage, messages }
    firstMessage += messages
    return phase
  })
}

/** Of all phases together. */
export function spikeRecipients({
  durationMs,
  batch,
}: {
  readonly durationMs: number
  readonly batch: number
}): number {
  const size = Math.min(batch, 20)
  return spikePhases({ durationMs, batch: size }).reduce((sum, { messages }) => sum + messages * size, 0)
}
