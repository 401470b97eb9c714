import type { JsonObject, Recipient } from '../job.ts'
import { undeliverable } from './address.ts'
import { canonical, sha256, TooDeepError } from './canonical.ts'
import { isObject } from './detect.ts'
import { flowRecipientFields } from './flow.ts'
import type { DialectForm, Person } from './form.ts'
import { kindOf, pathText, reasonOf, valueAt, type Issues } from './issues.ts'

const maxRecipientCharacters = 65_536

export interface RecipientsRead {
  readonly recipients: readonly Recipient[]
  readonly duplicates: number
}

/** Reads the list of recipients: each gets its key; an equal one that comes again is left out and counted. */
export function readRecipients(given: unknown, form: DialectForm, issues: Issues): RecipientsRead {
  const rows = listOf(given, issues)
  const recipients: Recipient[] = []
  const places = new Map<string, { readonly index: number; readonly contentHash: string }>()
  let duplicates = 0
  for (let index = 0; index < rows.length; index++) {
    const recipient = readRecipient(rows[index], `recipients[${index}]`, form, issues)
    if (recipient === undefined) continue
    const known = places.get(recipient.key)
    if (known === undefined) {
      places.set(recipient.key, { index, contentHash: recipient.contentHash })
      recipients.push(recipient)
    } else if (known.contentHash === recipient.contentHash) {
      duplicates++
    } else {
      const name = recipient.userid === undefined ? 'id' : 'userid'
      issues.add(
        `recipients[${index}]`,
        `has the same ${name} as recipients[${known.index}], with other content`,
        'name each recipient once in a job',
      )
    }
  }
  return { recipients, duplicates }
}

function listOf(given: unknown, issues: Issues): readonly unknown[] {
  if (Array.isArray(given)) {
    if (given.length === 0)
      issues.add(
        'recipients',
        'is empty: a job needs at least one recipient',
        'do not submit a job that has nobody to write to',
      )
    return given
  }
  if (given === undefined) issues.add('recipients', 'is missing')
  else if (isObject(given) && Object.keys(given).every((name) => /^\d+$/.test(name))) {
    issues.add(
      'recipients',
      'must be a list, not an object',
      "PHP's json_encode writes an array with gaps as an object: use array_values($recipients)",
    )
  } else issues.add('recipients', `must be a list, not ${kindOf(given)}`)
  return []
}

function readRecipient(row: unknown, path: string, form: DialectForm, issues: Issues): Recipient | undefined {
  if (!isObject(row)) {
    issues.add(
      path,
      `must be an object, not ${kindOf(row)}`,
      typeof row === 'string' ? 'write {"email": "…"} for an address' : undefined,
    )
    return undefined
  }
  const checked = form.recipient.safeParse(row)
  if (!checked.success) {
    for (const issue of checked.error.issues) {
      const value = valueAt(row, issue.path)
      issues.add(
        pathText(issue.path, path),
        reasonOf(issue, value),
        value === undefined ? meantField(row, form) : undefined,
      )
    }
    return undefined
  }
  if (form.dialect !== 'plugin' && row['recipient_data'] !== undefined) {
    issues.add(`${path}.recipient_data`, `is no field of the \`${form.dialect}\` dialect`, meantField(row, form))
    return undefined
  }
  const person = form.person(row, path, issues)
  return person === undefined ? undefined : recipientOf(person, path, issues)
}

function recipientOf(person: Person, path: string, issues: Issues): Recipient | undefined {
  let content: string
  try {
    content = canonical(person.content)
  } catch (error) {
    if (!(error instanceof TooDeepError)) throw error
    issues.add(path, `is ${error.message}`)
    return undefined
  }
  if (content.length > maxRecipientCharacters) {
    issues.add(
      path,
      `holds ${content.length} characters: at most ${maxRecipientCharacters} are taken`,
      'put what all recipients share at the top of the job',
    )
    return undefined
  }
  const contentHash = sha256(content)
  const id = person.userid ?? person.id
  const recipient: { -readonly [Name in keyof Recipient]: Recipient[Name] } = {
    // Two licences to one address are two recipients: without an id the key is what the row says.
    key: id == null ? contentHash.slice(0, 32) : String(id),
    email: person.email,
    data: person.data,
    contentHash,
  }
  if (person.userid != null) recipient.userid = person.userid
  if (person.firstname) recipient.firstname = oneLine(person.firstname)
  if (person.lastname) recipient.lastname = oneLine(person.lastname)
  const fault = undeliverable(person.email)
  if (fault !== undefined) recipient.invalid = fault
  return recipient
}

/** A name without control characters and lone surrogates, which neither a header nor a font can show. */
function oneLine(text: string): string {
  return /[\p{Cc}\p{Cs}]/u.test(text) ? text.replace(/\p{Cc}+/gu, ' ').toWellFormed() : text
}

/** Which field of another dialect, or which other spelling, stands where a field is missing. */
function meantField(row: JsonObject, form: DialectForm): string | undefined {
  if (form.dialect !== 'plugin' && row['recipient_data'] !== undefined) {
    return "`recipient_data` is the `plugin` dialect's: write its fields (firstname, lastname, …) into the recipient itself"
  }
  for (const name of flowRecipientFields) {
    if (form.dialect !== 'flow' && row[name] !== undefined) {
      return `\`${name}\` is the \`flow\` dialect's, whose recipients are {email, ${name}}; this message is read as \`${form.dialect}\``
    }
  }
  const other = ['mail', 'e-mail', 'email_address', 'emailaddress', 'address', 'Email'].find(
    (name) => row[name] !== undefined,
  )
  return other === undefined ? undefined : `write \`email\` for \`${other}\``
}
