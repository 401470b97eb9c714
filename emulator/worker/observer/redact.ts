/** A text without the e-mail addresses in it: what others say goes into the journal, which holds none. */
export function withoutAddresses(text: string): string {
  return text.replace(/[^\s<>"'(),:;]{1,64}@[^\s<>"'(),:;]{1,255}/g, '(address)')
}
