// k6 has no kernel of ours: here alone its time is read.

/** Epoch milliseconds. */
// oxlint-disable-next-line offload/monopoly
export const now = (): number => Date.now()

export const isoNow = (): string => new Date(now()).toISOString()
