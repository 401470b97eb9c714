/** An address as it may be shown: without the credentials in it. */
export function shownUrl(address: string): string {
  if (!URL.canParse(address)) return address
  const url = new URL(address)
  url.username = ''
  url.password = ''
  return url.href
}
