import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { alteredLinks, expiresIn } from '../../contracts/checks/deployment/links.ts'
import type { LinkAnswer, SeenCertificate } from '../../contracts/checks/deployment/index.ts'
import { sleep, type Clock } from '../kernel/clock.ts'
import { messageOf } from '../kernel/errors.ts'
import type { CertificateLink } from './cloud.ts'

const timeoutMs = 20_000
const largest = 64 * 1024 * 1024
/** A link that ends so soon is opened once more when it has. */
const soonSeconds = 20

export interface Opened {
  readonly status: number | null
  readonly bytes: Uint8Array
  readonly error?: string
}

/** GET, following no redirect. */
export type OpenLink = (url: string) => Promise<Opened>

export function createLinkOpener(clock: Clock): OpenLink {
  return async (url) => {
    const aborter = new AbortController()
    const timer = clock.at(clock.now() + timeoutMs, () =>
      aborter.abort(new Error(`no answer within ${timeoutMs / 1000} s`)),
    )
    try {
      const response = await fetch(url, { redirect: 'manual', signal: aborter.signal })
      const chunks: Uint8Array[] = []
      let length = 0
      const body = (response.body ?? []) as AsyncIterable<Uint8Array>
      for await (const chunk of body) {
        length += chunk.length
        if (length > largest) throw new Error('it has more than 64 MB')
        chunks.push(chunk)
      }
      return { status: response.status, bytes: Buffer.concat(chunks) }
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
      return { status: null, bytes: new Uint8Array(), error: messageOf(cause) }
    } finally {
      timer.cancel()
    }
  }
}

/** Opens the links of a case's certificates, and where asked also what nobody may open. */
export function createCertificates({
  clock,
  open,
  read,
}: {
  clock: Clock
  open: OpenLink
  read: (bytes: Uint8Array) => Promise<SeenCertificate['pdf']>
}) {
  return async (links: readonly CertificateLink[], look: 'open' | 'alter'): Promise<SeenCertificate[]> =>
    await Promise.all(
      links.map(async ({ recipient, url }): Promise<SeenCertificate> => {
        if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : '')) {
          const answers: LinkAnswer[] = [{ how: 'as told', url, status: null, error: 'this is no URL' }]
          return { recipient, url, answers, expiresIn: undefined, pdf: { valid: false, reason: 'it is no URL' } }
        }
        const ends = expiresIn(url, clock.now())
        const told = await open(url)
        const answers = [answerOf('as told', url, told)]
        if (look === 'alter') {
          const other = links.find((link) => link.url !== url)?.url
          for (const altered of alteredLinks(url, other)) {
            answers.push(answerOf(altered.how, altered.url, await open(altered.url)))
          }
          if (ends !== undefined && ends <= soonSeconds) {
            await sleep(clock, (ends + 1) * 1000)
            answers.push(answerOf('after its end', url, await open(url)))
          }
        }
        const pdf: SeenCertificate['pdf'] =
          told.status === 200
            ? await read(told.bytes)
            : { valid: false, reason: `the link answered ${told.status ?? told.error}` }
        return { recipient, url, answers, expiresIn: ends, pdf }
      }),
    )
}

const answerOf = (how: LinkAnswer['how'], url: string, { status, error }: Opened): LinkAnswer => ({
  how,
  url,
  status,
  ...(error === undefined ? {} : { error }),
})

/** Whether these bytes are a PDF, and what it says: by pdftotext where that is installed, else by its title. */
export async function readPdf(bytes: Uint8Array): Promise<SeenCertificate['pdf']> {
  if (!Buffer.from(bytes.subarray(0, 1024)).includes('%PDF-')) {
    return {
      valid: false,
      reason: `it begins with ${JSON.stringify(Buffer.from(bytes.subarray(0, 16)).toString('latin1'))}`,
    }
  }
  const { PDFDocument } = await import('@cantoo/pdf-lib')
  try {
    const document = await PDFDocument.load(bytes, {
      updateMetadata: false,
      ignoreEncryption: true,
      throwOnInvalidObject: true,
    })
    const pages = document.getPageCount()
    if (pages === 0) return { valid: false, reason: 'it has no page' }
    const hash = createHash('sha256').update(bytes).digest('hex')
    const text = await textOf(bytes)
    const title = document.getTitle() ?? ''
    return { valid: true, pages, hash, text: text === undefined ? title || undefined : `${text}\n${title}` }
  } catch (error) {
    return { valid: false, reason: messageOf(error) }
  }
}

function textOf(bytes: Uint8Array): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = execFile(
      'pdftotext',
      ['-', '-'],
      { timeout: timeoutMs, maxBuffer: largest, encoding: 'utf8' },
      (error, stdout) => resolve(error === null ? stdout : undefined),
    )
    child.stdin?.on('error', () => {})
    child.stdin?.end(bytes)
  })
}
