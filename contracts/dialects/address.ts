const atomCharacters = /^[^\s"(),:;<>@[\\\]]+$/
const domainLabel = /^[\p{L}\p{N}_](?:[\p{L}\p{N}_-]*[\p{L}\p{N}_])?$/u

// What nearly every address looks like; whatever else comes is looked at closely.
const plain =
  /^[A-Za-z0-9_%+'-]+(?:\.[A-Za-z0-9_%+'-]+)*@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*$/

/**
 * Why no mail can go to this address, in the words of SES (`InvalidParameterValue`), or `undefined` where it can.
 * One address alone: no display name, no list. Domains may be international.
 */
export function undeliverable(email: string): string | undefined {
  if (email.length <= 64 && plain.test(email)) return undefined
  if (email.trim() === '') return 'Missing address'
  if (!email.isWellFormed()) return 'Address contains a lone surrogate'
  if (/[\r\n]/.test(email)) return 'Address contains a line break'
  if (/[\u0000-\u001f\u007f-\u009f]/.test(email)) return 'Address contains a control character'
  if (/\s/.test(email)) return 'Local address contains illegal characters: white space'
  const at = email.lastIndexOf('@')
  if (at === -1) return "Missing final '@domain'"
  const local = email.slice(0, at)
  const domain = email.slice(at + 1)
  if (local === '') return 'Missing local name'
  if (domain === '') return 'Missing domain'
  return localFault(local) ?? domainFault(domain)
}

function localFault(local: string): string | undefined {
  if (Buffer.byteLength(local) > 64) return 'Local address is longer than 64 bytes'
  if (/^"(?:[^"\\]|\\.)*"$/.test(local)) return undefined
  if (local.includes('@')) return "Extra '@'"
  if (!atomCharacters.test(local)) return 'Local address contains illegal characters'
  if (local.startsWith('.')) return 'Local address starts with dot'
  if (local.endsWith('.')) return 'Local address ends with dot'
  if (local.includes('..')) return 'Local address contains dot-dot'
  return undefined
}

function domainFault(domain: string): string | undefined {
  if (domain.length > 253) return 'Domain is longer than 253 characters'
  if (/^\[[0-9A-Fa-f:.]+\]$/.test(domain)) return undefined
  if (domain.startsWith('.')) return 'Domain starts with dot'
  if (domain.endsWith('.')) return 'Domain ends with dot'
  if (domain.includes('..')) return 'Domain contains dot-dot'
  const labels = domain.split('.')
  if (labels.some((label) => label.length > 63)) return 'Domain contains a part longer than 63 characters'
  if (!labels.every((label) => domainLabel.test(label))) return 'Domain contains illegal character'
  return undefined
}
