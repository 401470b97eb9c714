/** The providers' faces, by the prefix under which they are mounted (`/@sendgrid`). */
export const providerFaceNames = [
  'sendgrid',
  'mailgun',
  'mailchannels',
  'cloudflare-email',
  'cloudflare-queues',
] as const
export type ProviderFaceName = (typeof providerFaceNames)[number]

/** First match wins. What is no call that we know goes to a face too: its 404 has the provider's form. */
const routes: readonly (readonly [ProviderFaceName, RegExp])[] = [
  ['mailgun', /^\/v3\/(?!mail\/send\/?$)[^/]+\/messages(\.mime)?\/?$/],
  ['mailgun', /^\/v3\/(?!templates\/)[^/]+\/templates(\/|$)/],
  // No bucket can have names as short as `v3` and `tx`.
  ['sendgrid', /^\/v3\//],
  ['mailchannels', /^\/tx\/v1\//],
  ['cloudflare-queues', /^(\/client\/v4)?\/accounts\/[^/]+\/queues\/[^/]+\/messages(\/|$)/],
  ['cloudflare-email', /^(\/client\/v4)?\/accounts\/[^/]+\/email\/sending\//],
  ['cloudflare-email', /^\/client\/v4\//],
]

/** Which provider a path is for; the paths are the providers' own, so that only their base URL is exchanged. */
export function providerOf(path: string): ProviderFaceName | undefined {
  return routes.find(([, pattern]) => pattern.test(path))?.[0]
}
