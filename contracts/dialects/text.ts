import type { Decoded, Envelope, Json } from '../job.ts'
import { decodeJob } from './decode.ts'
import { scanJson } from './scan.ts'

/**
 * Reads a job message from what came over the wire: UTF-8 without a byte order mark, one JSON object, no name twice in
 * the same object. Evidence is a line and a column, never the content.
 */
export function decodeJobText(bytes: Uint8Array | string, envelope: Envelope = {}): Decoded {
  const size = typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length
  const text = textOf(bytes)
  if (typeof text !== 'string') return refuse(text.reason, text.fix)
  if (text.trim() === '') return refuse('the body is empty', 'send the job as JSON')
  if (text.startsWith('\ufeff')) {
    return refuse('the body begins with a byte order mark (EF BB BF)', 'send UTF-8 without it: JSON must not have one')
  }
  const fault = scanJson(text)
  if (fault !== undefined) {
    const { line, column } = placeOf(text, fault.offset)
    return refuse(`malformed JSON at line ${line}, column ${column}: ${fault.reason}`, fault.fix)
  }
  return decodeJob(JSON.parse(text) as Json, envelope, size)
}

function refuse(reason: string, fix?: string): Decoded {
  return { ok: false, issues: [fix === undefined ? { path: '', reason } : { path: '', reason, fix }] }
}

function textOf(bytes: Uint8Array | string): string | { reason: string; fix: string } {
  if (typeof bytes === 'string') return bytes
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    const offset = firstInvalid(bytes)
    const byte = (bytes[offset] ?? 0).toString(16).padStart(2, '0')
    const utf16 = bytes[0] === 0xff || bytes[0] === 0xfe ? ' (it looks like UTF-16)' : ''
    return {
      reason: `the body is no valid UTF-8: byte ${offset} is 0x${byte}${utf16}`,
      fix: 'convert names to UTF-8 before json_encode (PHP: mb_convert_encoding; its json_encode returns false for such text)',
    }
  }
}

function firstInvalid(bytes: Uint8Array): number {
  // The longest prefix that decodes; `stream` lets a character be cut at its end.
  let low = 0
  let high = bytes.length
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (decodes(bytes.subarray(0, middle))) low = middle
    else high = middle - 1
  }
  // Where the sequence begins that was cut or is wrong.
  while (low > 0 && !decodes(bytes.subarray(0, low), false)) low--
  return Math.min(low, bytes.length - 1)
}

function decodes(bytes: Uint8Array, stream = true): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream })
    return true
  } catch {
    return false
  }
}

function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset)
  const lines = before.split(/\r\n|\r|\n/)
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 }
}
