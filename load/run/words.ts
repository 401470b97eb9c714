/** `1,234`. */
export const number = (value: number, digits = 0): string =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })

/** `1 recipient`, `2,000 recipients`. */
export const count = (value: number, thing: string, things = `${thing}s`): string =>
  `${number(value)} ${value === 1 ? thing : things}`

/** `840 ms`, `12.4 s`, `59.5 min`, `3.2 h`. */
export function time(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${number(ms / 1000, 1)} s`
  return ms < 90 * 60_000 ? `${number(ms / 60_000, 1)} min` : `${number(ms / 3_600_000, 1)} h`
}

/** `98.97 %`; never rounded up to what it is not. */
export function percent(share: number): string {
  const floor = Math.floor(share * 10_000) / 100
  return `${Number.isInteger(floor) ? floor : floor.toFixed(2)} %`
}
