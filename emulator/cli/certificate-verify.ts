import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { z } from 'zod'
import { normalCode } from '../worker/certificate/verification.ts'
import { Failure } from './failure.ts'
import { startLine } from './invocation.ts'
import type { TargetOptions } from './options.ts'
import { reach, targetUrl } from './target.ts'
import { createTerminal, type Terminal } from './terminal.ts'

const largestFile = 64 * 1024 * 1024

const answer = z.union([
  z.object({
    valid: z.literal(true),
    code: z.string(),
    name: z.string(),
    course: z.string(),
    date: z.string(),
    issuer: z.string(),
    sha256: z.string().optional(),
  }),
  z.object({ valid: z.literal(false), code: z.string() }),
])
type Answer = z.output<typeof answer>

/** What was asked about: a code, and for a file its hash. */
interface Asked {
  readonly code: string
  readonly file?: string
  readonly sha256?: string
  /** The emulator that an address names. */
  readonly url?: string
}

interface Verdict {
  readonly verdict: 'pass' | 'fail'
  readonly id: 'certificate'
  readonly reason: 'valid' | 'unknown' | 'altered' | 'no-code' | 'gone'
  readonly words: string
}

export async function verify(what: string, { url, json }: TargetOptions): Promise<void> {
  const terminal = createTerminal({ json })
  const asked = await askedOf(what)
  const base = targetUrl(url ?? asked.url)
  const known = asked.code === '' ? undefined : await ask(base, asked.code)
  const verdict = judge(asked, known, base)
  terminal.record({ ...verdict, ...asked, url: base, ...(known?.valid === true ? { certificate: known } : {}) })
  if (json !== true) show(terminal, verdict, known)
  if (verdict.verdict === 'fail') process.exitCode = 1
}

async function askedOf(what: string): Promise<Asked> {
  const [, url, inUrl] = /^(https?:\/\/[^?#]+)\/verify\/([^/?#]+)$/.exec(what) ?? []
  if (url !== undefined && inUrl !== undefined) return { url, code: normalCode(decodeURIComponent(inUrl)) }
  if (existsSync(what)) return await readCertificate(what)
  const code = normalCode(what)
  if (/^[0-9A-F]{16}$/.test(code)) return { code }
  throw new Failure(2, `${what} is no file that is there, and no verification code`, {
    evidence: ['a code is 16 letters and digits from 0 to F, and stands below the QR code'],
  })
}

/** A file's hash, and the code in its metadata: empty where there is none. */
async function readCertificate(file: string): Promise<Asked> {
  const handle = await open(file, 'r')
  let bytes: Buffer
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) throw new Failure(2, `${file} is no file`)
    if (stat.size > largestFile) throw new Failure(2, `${file} is no certificate: it has more than 64 MB`)
    bytes = await handle.readFile()
  } finally {
    await handle.close()
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const { PDFDocument } = await import('@cantoo/pdf-lib')
  try {
    const document = await PDFDocument.load(bytes, { updateMetadata: false, ignoreEncryption: true })
    const code = normalCode(document.getKeywords() ?? '')
    return { file, sha256, code: /^[0-9A-Z]{1,64}$/.test(code) ? code : '' }
  } catch {
    return { file, sha256, code: '' }
  }
}

async function ask(base: string, code: string): Promise<Answer> {
  const response = await reach(base, `/verify/${encodeURIComponent(code)}`, { headers: { accept: 'application/json' } })
  const json: unknown = await response.json().catch(() => undefined)
  const parsed = answer.safeParse(json)
  if (parsed.success) return parsed.data
  throw new Failure(3, `what answers at ${base} is no Offload emulator, or one of another version`, {
    evidence: [`GET /verify/${code} answered ${response.status}`],
    fix: [`start one with: ${startLine}`, 'or name it: --url http://127.0.0.1:PORT'],
  })
}

function judge({ code, file, sha256 }: Asked, known: Answer | undefined, base: string): Verdict {
  const fail = (reason: Verdict['reason'], words: string): Verdict => ({
    verdict: 'fail',
    id: 'certificate',
    reason,
    words,
  })
  if (known === undefined) return fail('no-code', `${file} is not one of ours: no verification code is in it`)
  if (!known.valid) {
    const what = file === undefined ? `the code ${code}` : `${file}, with the code ${code},`
    return fail('unknown', `${what} is not one of ours: the emulator at ${base} knows no such certificate`)
  }
  if (file === undefined) return { verdict: 'pass', id: 'certificate', reason: 'valid', words: `${code} is valid` }
  if (known.sha256 === undefined) {
    return fail('gone', `the code ${code} is one of ours; its file is stored no longer, so ${file} cannot be compared`)
  }
  if (known.sha256 !== sha256) {
    return fail('altered', `${file} was altered: the code ${code} is one of ours, and the file is not what was issued`)
  }
  return { verdict: 'pass', id: 'certificate', reason: 'valid', words: `${file} is valid, as it was issued` }
}

function show({ say, style }: Terminal, { verdict, words, reason }: Verdict, known: Answer | undefined): void {
  say(`${verdict === 'pass' ? style('green', '✓') : style('red', '✗')} ${words}`)
  if (known?.valid !== true) return
  if (reason === 'altered') say('  What was issued:')
  for (const [term, fact] of [
    ['name', known.name],
    ['course', known.course],
    ['date', known.date],
    ['issued by', known.issuer],
  ] as const) {
    if (fact !== '') say(`  ${term.padEnd(10)} ${fact}`)
  }
}
