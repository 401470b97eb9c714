import type { LinkAnswer } from './case.ts'

/** A link changed in one way. */
export interface AlteredLink {
  readonly how: LinkAnswer['how']
  readonly url: string
}

const endNames = /^(x-amz-expires|expires|expiry|exp|e)$/i
const signatureNames = /^(x-amz-signature|x-goog-signature|signature|sig|s|hmac|token)$/i
const aDay = 86_400

/** How long a link is good for, in seconds, as it says itself: SigV4, SigV2, or a parameter with its end. */
export function expiresIn(url: string, now: number): number | undefined {
  const { searchParams } = new URL(url)
  for (const [name, value] of searchParams) {
    if (!endNames.test(name) || !/^\d+$/.test(value)) continue
    const number = Number(value)
    // An end in epoch seconds, or a duration.
    return number > 1_000_000_000 ? number - Math.floor(now / 1000) : number
  }
  return undefined
}

/** What nobody may open: the link without its signature, and with each part of what is signed changed. */
export function alteredLinks(url: string, other: string | undefined): AlteredLink[] {
  const altered: AlteredLink[] = []
  const change = (how: AlteredLink['how'], by: (copy: URL) => void) => {
    const copy = new URL(url)
    by(copy)
    if (copy.href !== new URL(url).href) altered.push({ how, url: copy.href })
  }
  const named = (names: RegExp) =>
    [...new URL(url).searchParams].find(([name, value]) => names.test(name) && value !== '')
  change('without its query', (copy) => {
    copy.search = ''
  })
  const [signature, end] = [named(signatureNames), named(endNames)]
  if (signature === undefined) return altered
  if (other !== undefined) {
    change('with another file', (copy) => {
      copy.pathname = new URL(other).pathname
    })
  }
  if (end !== undefined && /^\d+$/.test(end[1])) {
    const later = Number(end[1]) > 1_000_000_000 ? Number(end[1]) + aDay : Number(end[1]) === aDay ? aDay + 1 : aDay
    change('with a later end', (copy) => copy.searchParams.set(end[0], String(later)))
  }
  change('with another signature', (copy) => {
    const [name, value] = signature
    copy.searchParams.set(name, `${value.slice(0, -1)}${value.endsWith('0') ? '1' : '0'}`)
  })
  return altered
}
