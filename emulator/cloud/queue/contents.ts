import { hash } from 'node:crypto'
import { z } from 'zod'
import { isBase64 } from '../../../contracts/base64.ts'
import { invalidMessageContents, invalidParameter } from './errors.ts'

/** A message attribute as it is kept; the value of a `Binary` type is base64. */
export interface MessageAttribute {
  readonly dataType: string
  readonly value: string
}
export type MessageAttributes = Readonly<Record<string, MessageAttribute>>

/** The wire's form, in both protocols. */
export const messageAttributesInput = z.record(
  z.string(),
  z.object({ DataType: z.string().optional(), StringValue: z.string().optional(), BinaryValue: z.string().optional() }),
)

const controls = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/

/** `#x9 | #xA | #xD | #x20-#xD7FF | #xE000-#xFFFD | #x10000-#x10FFFF`: no other controls, no lone surrogates. */
export function checkCharacters(text: string): void {
  if (controls.test(text) || !text.isWellFormed()) throw invalidMessageContents()
}

const isBinary = (dataType: string) => dataType === 'Binary' || dataType.startsWith('Binary.')
const attributeName = /^(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)$/
const number = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/

function readAttribute(name: string, value: z.output<typeof messageAttributesInput>[string]): MessageAttribute {
  if (!attributeName.test(name)) {
    throw invalidParameter(
      `Message attribute name "${name.slice(0, 256)}" is invalid. It can contain A-Z, a-z, 0-9, underscore, hyphen and period, ` +
        'must not begin or end with a period or have periods in succession, and can be 1 to 256 characters long.',
    )
  }
  if (/^(aws|amazon)\./i.test(name)) {
    throw invalidParameter(
      "You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are reserved for internal use.",
    )
  }
  const { DataType: dataType = '', StringValue: text, BinaryValue: binary } = value
  if (dataType === '') {
    throw invalidParameter(`The message attribute '${name}' must contain non-empty message attribute type.`)
  }
  checkCharacters(dataType)
  if (!/^(String|Number|Binary)(\..+)?$/s.test(dataType) || dataType.length > 256) {
    throw invalidParameter(
      `The message attribute '${name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.`,
    )
  }
  const [field, given] = isBinary(dataType) ? ['BinaryValue', binary] : ['StringValue', text]
  if (given === undefined && (text ?? binary) !== undefined) {
    throw invalidParameter(`The message attribute '${name}' with type '${dataType}' must use field '${field}'.`)
  }
  if (given === undefined || given === '') {
    throw invalidParameter(
      `The message attribute '${name}' must contain non-empty message attribute value for message attribute type '${dataType}'.`,
    )
  }
  if (isBinary(dataType)) {
    if (!isBase64(given)) {
      throw invalidParameter(`The message attribute '${name}' holds a BinaryValue that is no base64.`)
    }
  } else {
    checkCharacters(given)
    if (!dataType.startsWith('String') && !number.test(given)) {
      throw invalidParameter(`Can't cast the value of message (user) attribute '${name}' to a number.`)
    }
  }
  return { dataType, value: given }
}

export function readMessageAttributes(input: z.output<typeof messageAttributesInput>): MessageAttributes | undefined {
  const entries = Object.entries(input)
  if (entries.length === 0) return undefined
  if (entries.length > 10) {
    throw invalidParameter(`Number of message attributes [${entries.length}] exceeds the allowed maximum [10].`)
  }
  return Object.fromEntries(entries.map(([name, value]) => [name, readAttribute(name, value)]))
}

export function readSystemAttributes(input: z.output<typeof messageAttributesInput>): MessageAttributes | undefined {
  const entries = Object.entries(input)
  if (entries.length === 0) return undefined
  return Object.fromEntries(
    entries.map(([name, { DataType: type, StringValue: value = '' }]) => {
      if (name !== 'AWSTraceHeader' || type !== 'String') {
        throw invalidParameter(
          `Message system attribute name '${name.slice(0, 256)}' is invalid: only AWSTraceHeader of type String can be sent.`,
        )
      }
      if (value === '') {
        throw invalidParameter(
          `The message system attribute '${name}' must contain non-empty message attribute value for message attribute type '${type}'.`,
        )
      }
      checkCharacters(value)
      return [name, { dataType: type, value }]
    }),
  )
}

/** The wire's form of attributes that were kept. */
export function writeMessageAttributes(attributes: MessageAttributes): Record<string, Record<string, string>> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { dataType, value }]) => [
      name,
      isBinary(dataType) ? { BinaryValue: value, DataType: dataType } : { StringValue: value, DataType: dataType },
    ]),
  )
}

const valueBytes = ({ dataType, value }: MessageAttribute) => Buffer.from(value, isBinary(dataType) ? 'base64' : 'utf8')

/** What counts against the size limits: names, types and values in bytes. */
export function attributesSize(attributes: MessageAttributes | undefined): number {
  if (attributes === undefined) return 0
  return Object.entries(attributes).reduce(
    (sum, [name, attribute]) =>
      sum + Buffer.byteLength(name) + Buffer.byteLength(attribute.dataType) + valueBytes(attribute).length,
    0,
  )
}

export const md5 = (content: string | Buffer): string => hash('md5', content)

/**
 * AWS's digest: names sorted by bytes, each as length-prefixed name, full data type, a byte for the kind of value
 * (1 text, 2 binary) and the length-prefixed value. Undefined for none: the MD5 of nothing breaks the PHP SDK.
 */
export function attributesMd5(attributes: MessageAttributes | undefined): string | undefined {
  if (attributes === undefined) return undefined
  const sized = (bytes: Buffer) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    return [length, bytes]
  }
  const parts = Object.entries(attributes)
    .map(([name, attribute]) => ({ name: Buffer.from(name), attribute }))
    .sort((a, b) => Buffer.compare(a.name, b.name))
    .flatMap(({ name, attribute }) => [
      ...sized(name),
      ...sized(Buffer.from(attribute.dataType)),
      Buffer.of(isBinary(attribute.dataType) ? 2 : 1),
      ...sized(valueBytes(attribute)),
    ])
  return parts.length === 0 ? undefined : md5(Buffer.concat(parts))
}
