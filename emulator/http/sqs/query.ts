import type { Answer } from '../../cloud/queue/operation.ts'
import { invalidMessageContents } from '../../cloud/queue/errors.ts'
import type { WireError } from './errors.ts'
import { element, escapeXml, textElement } from './xml.ts'

/** The Query protocol: forms in, XML out. Its members become those of the JSON protocol, so that both have one input. */

const namespace = 'http://queue.amazonaws.com/doc/2012-11-05/'

type Field = readonly [name: string, value: string]

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    // Bytes that are no UTF-8; URLSearchParams would put U+FFFD there without a word.
    throw invalidMessageContents()
  }
}

export function parseForm(text: string): Field[] {
  return text
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=')
      return equals < 0 ? [decode(pair), ''] : [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))]
    })
}

const integers = new Set([
  'MaxNumberOfMessages',
  'VisibilityTimeout',
  'WaitTimeSeconds',
  'DelaySeconds',
  'MaxResults',
  'MaxNumberOfMessagesPerSecond',
])

/** Members that are written `Name.1`, `Name.2`, …: their JSON name, and for a map the names of its keys and values. */
const repeated: Readonly<Record<string, { readonly as: string; readonly key?: string; readonly value?: string }>> = {
  AttributeName: { as: 'AttributeNames' },
  MessageAttributeName: { as: 'MessageAttributeNames' },
  MessageSystemAttributeName: { as: 'MessageSystemAttributeNames' },
  Attribute: { as: 'Attributes', key: 'Name', value: 'Value' },
  MessageAttribute: { as: 'MessageAttributes', key: 'Name', value: 'Value' },
  MessageSystemAttribute: { as: 'MessageSystemAttributes', key: 'Name', value: 'Value' },
  Tag: { as: 'Tags', key: 'Key', value: 'Value' },
  TagKey: { as: 'TagKeys' },
  SendMessageBatchRequestEntry: { as: 'Entries' },
  DeleteMessageBatchRequestEntry: { as: 'Entries' },
  ChangeMessageVisibilityBatchRequestEntry: { as: 'Entries' },
}

const unnumbered = -1

/** `SendMessageBatchRequestEntry.1.MessageAttribute.2.Value.StringValue=…` → the tree that JSON would have. */
export function readMembers(fields: readonly Field[]): Record<string, unknown> {
  const members: Record<string, unknown> = {}
  const groups = new Map<string, Map<number, Field[]>>()
  for (const [name, value] of fields) {
    const [head = '', ...rest] = name.split('.')
    if (Object.hasOwn(repeated, head)) {
      // The only one may come without its number: `Attribute.Name`, as in AWS's samples.
      const index = /^\d{1,9}$/.test(rest[0] ?? '') ? Number(rest.shift()) : unnumbered
      const group = groups.get(head) ?? new Map<number, Field[]>()
      groups.set(head, group)
      const item = group.get(index) ?? []
      group.set(index, item)
      item.push([rest.join('.'), value])
    } else {
      members[name] = integers.has(name) && /^-?\d{1,15}$/.test(value) ? Number(value) : value
    }
  }
  for (const [head, group] of groups) {
    const rule = repeated[head]
    if (rule === undefined) continue
    if (group.size > 1) group.delete(unnumbered)
    const items = [...group].sort(([a], [b]) => a - b).map(([, item]) => item)
    members[rule.as] =
      rule.key === undefined
        ? items.map(readItem)
        : Object.fromEntries(items.map((item) => readPair(item, rule.key, rule.value)))
  }
  return members
}

const readItem = (item: readonly Field[]): unknown => (item[0]?.[0] === '' ? item[0][1] : readMembers(item))

function readPair(item: readonly Field[], key = '', value = ''): [string, unknown] {
  const name = item.find(([field]) => field === key)?.[1] ?? ''
  const direct = item.find(([field]) => field === value)
  if (direct !== undefined) return [name, direct[1]]
  const nested = item.filter(([field]) => field.startsWith(`${value}.`))
  return [name, Object.fromEntries(nested.map(([field, text]) => [field.slice(value.length + 1), text]))]
}

/** Lists and maps are not wrapped: each item is an element of this name. */
function itemName(member: string, action: string): string {
  switch (member) {
    case 'Successful':
      return `${action}ResultEntry`
    case 'Failed':
      return 'BatchResultErrorEntry'
    case 'Results':
      return `${action}ResultEntry`
    case 'queueUrls':
      return 'QueueUrl'
    default:
      // Messages, QueueUrls, Attributes, MessageAttributes, Tags
      return member.slice(0, -1)
  }
}

function writeMember(name: string, value: unknown, action: string): string {
  if (Array.isArray(value)) {
    const item = itemName(name, action)
    return value
      .map((each) =>
        typeof each === 'object' ? element(item, writeMembers(each as object, action)) : textElement(item, each),
      )
      .join('')
  }
  if (typeof value !== 'object' || value === null) return textElement(name, value)
  const item = itemName(name, action)
  return Object.entries(value)
    .map(([key, entry]) =>
      element(
        item,
        textElement(item === 'Tag' ? 'Key' : 'Name', key) +
          (typeof entry === 'object'
            ? element('Value', writeMembers(entry as object, action))
            : textElement('Value', entry)),
      ),
    )
    .join('')
}

const writeMembers = (members: object, action: string): string =>
  Object.entries(members)
    .map(([name, value]) => writeMember(name, value, action))
    .join('')

export function writeAnswer(action: string, answer: Answer, requestId: string): string {
  const result = answer === undefined ? '' : element(`${action}Result`, writeMembers(answer, action))
  const metadata = element('ResponseMetadata', textElement('RequestId', requestId))
  return `<?xml version="1.0"?><${action}Response xmlns="${namespace}">${result}${metadata}</${action}Response>`
}

export function writeError({ fault, code, message }: WireError, requestId: string): string {
  return (
    `<?xml version="1.0"?><ErrorResponse xmlns="${namespace}"><Error><Type>${fault}</Type><Code>${escapeXml(code)}</Code>` +
    `<Message>${escapeXml(message)}</Message><Detail/></Error><RequestId>${requestId}</RequestId></ErrorResponse>`
  )
}
