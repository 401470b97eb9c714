import type { Recipient, JobFields } from '../../contracts/job.ts'
import { messageOf } from '../kernel/errors.ts'
import type { Ids } from '../kernel/ids.ts'
import { createBatches, type Wanted } from './certificate/batches.ts'
import { certificateCode } from './certificate/code.ts'
import { certificateKey } from './certificate/key.ts'
import { TemplateError } from './certificate/template/template.ts'
import type { Templates } from './certificate/template/templates.ts'
import type { Certificate, Leased, Outcome, PassNotes, PassResult } from './ledger/passes.ts'
import type { JobRow } from './ledger/tables.ts'
import { composeMail } from './message/compose.ts'
import type { CertificatePort, MailPort, ObjectsPort } from './ports.ts'

/** What may differ from tenant to tenant while certificates and mails are made. */
export interface DeliverySettings {
  readonly presignedUrlTtlSeconds: number
  /** Whether a mail links to its certificate or carries it. */
  readonly certificateDelivery: 'link' | 'attach'
  readonly locale: string
  readonly issuer: string
}

export interface AttemptDeps {
  readonly ids: Ids
  readonly objects: ObjectsPort
  readonly certificates: CertificatePort
  readonly templates: Pick<Templates, 'find'>
  readonly mail: MailPort
  readonly settingsOf: (tenant: number) => DeliverySettings
  readonly stage: <T>(name: 'certificate' | 'objects' | 'mail', run: () => Promise<T>) => Promise<T>
  /**
   * Mails in flight of one pass; the transport has its own, smaller pool of connections. Default 128, or 32 with the
   * certificate in them: each is copied some times on its way, and this is what bounds the memory.
   */
  readonly mailsAtOnce?: number
}

type Certified = Map<string, Certificate | { error: string; permanent: boolean }>

/**
 * Tries everything that is still to be done for these recipients of one job: render, store, mail.
 * Never throws; each recipient gets its outcome, and nothing is written here but objects and mails.
 */
export function createAttempt(deps: AttemptDeps) {
  const { ids, objects, certificates, mail, settingsOf } = deps
  const prepare = createBatches({ templates: deps.templates })

  const certify = async (
    job: JobRow,
    fields: JobFields,
    leased: readonly Leased[],
    notes: PassNotes,
  ): Promise<Certified> => {
    const settings = settingsOf(job.tenant)
    const all = leased.map(({ row, recipient }) => ({
      row,
      recipient,
      key: certificateKey({ tenant: job.tenant, job: job.job, recipient: row.key }),
      code: certificateCode(ids, { tenant: job.tenant, job: job.job, recipient: row.key, row: row.id }),
    }))
    const done: Certified = new Map()
    const finish = async ({ row, key, code }: (typeof all)[number]) => {
      const url = objects.presign(key, settings.presignedUrlTtlSeconds)
      done.set(row.key, { key, code, url: typeof url === 'string' ? url : await url })
    }

    // A retry uses the stored object: never a second version.
    const stored = await objects.existing(all.map(({ key }) => key))
    const missing = all.filter(({ key }) => !stored.has(key))
    for (const one of all) if (stored.has(one.key)) await finish(one)
    if (missing.length === 0) return done

    const wanted = missing.map(({ row, recipient, code }): Wanted => ({
      key: row.key,
      recipient,
      code,
      url: `${job.verify_base}/verify/${code}`,
    }))
    const of = { id: job.job, fields, acceptedAt: job.created_at }
    const prepared = await prepare(of, wanted, settings).catch((error: unknown) => {
      if (error instanceof TemplateError) return error
      throw error
    })
    if (prepared instanceof TemplateError) {
      for (const { row } of missing) {
        done.set(row.key, { error: `Certificate: ${prepared.message}`, permanent: true })
      }
      return done
    }
    notes.findings.push(...prepared.findings)
    const rendered = await deps.stage('certificate', async () => {
      const batches = prepared.batches.map(({ batch, inputs }) => certificates.render(batch, inputs))
      return (await Promise.all(batches)).flat()
    })
    const byRecipient = new Map(missing.map((one) => [one.row.key, one]))
    const good: { one: (typeof all)[number]; pieces: readonly Uint8Array[]; sha256: string; md5: string }[] = []
    for (const result of rendered) {
      const one = byRecipient.get(result.recipient)!
      const { row } = one
      if ('error' in result) {
        done.set(row.key, { error: `Certificate: ${result.error}`, permanent: result.temporary !== true })
        continue
      }
      for (const text of result.findings) notes.findings.push({ recipient: row.key, text })
      good.push({ one, pieces: result.pieces, sha256: result.sha256, md5: result.md5 })
    }
    await deps.stage('objects', () =>
      objects.put(good.map(({ one, pieces, md5 }) => ({ key: one.key, contentType: 'application/pdf', pieces, md5 }))),
    )
    for (const { one, pieces, sha256 } of good) {
      await finish(one)
      const bytes = pieces.reduce((sum, piece) => sum + piece.length, 0)
      notes.stored.push({ recipient: one.row.key, key: one.key, bytes, sha256 })
    }
    return done
  }

  const mailOne = async (
    job: JobRow,
    fields: JobFields,
    leased: Leased,
    certificate?: Certificate,
  ): Promise<Outcome | undefined> => {
    const { row, recipient } = leased
    // Recipients that follow each other have neighbouring ids: an index of them is written page by page.
    const order = row.id.toString(36).padStart(8, '0')
    const messageId = `${order}${ids.stable(24, 'mail', job.tenant, job.job, row.key)}@manireports.test`
    const found = row.interrupted === 1 ? await mail.find(messageId) : 'absent'
    const common = {
      leased,
      absent: found === 'absent',
      ...(found === 'unknown' ? { again: messageId } : {}),
      ...(certificate === undefined ? {} : { certificate }),
    }
    if (found === 'sent') return { result: 'sent', ...common, messageId, found: true }

    const attached = settingsOf(job.tenant).certificateDelivery === 'attach'
    const content = attached && certificate !== undefined ? await objects.get(certificate.key) : undefined
    const result = await mail.send({
      tenant: job.tenant,
      job: job.job,
      recipient: row.key,
      messageId,
      to: { ...named(recipient), address: row.email },
      ...composeMail({
        job: fields,
        recipient,
        ...(certificate === undefined ? {} : { certificateUrl: certificate.url, certificateAttached: attached }),
      }),
      ...(content === undefined
        ? {}
        : { attachments: [{ filename: 'certificate.pdf', contentType: 'application/pdf', content }] }),
    })
    switch (result.outcome) {
      case 'accepted':
        return {
          result: 'sent',
          ...common,
          messageId,
          ...(result.feedback === undefined ? {} : { feedback: result.feedback }),
        }
      case 'rejected':
        return { result: 'failed', ...common, permanent: true, error: result.error }
      case 'deferred':
        return { result: 'deferred', ...common, error: result.error, ambiguous: result.ambiguous }
      case 'untried':
        return undefined
    }
  }

  const one = async (
    job: JobRow,
    fields: JobFields,
    leased: Leased,
    certified: Certified,
  ): Promise<Outcome | undefined> => {
    const { row } = leased
    if (row.invalid !== null && job.action !== 'certificate') {
      return { result: 'failed', leased, permanent: true, error: `Invalid address: ${row.invalid}` }
    }
    const certificate = certified.get(row.key)
    if (job.action !== 'email' && certificate === undefined) {
      return { result: 'deferred', leased, error: 'Certificate: the renderer gave no result', ambiguous: false }
    }
    if (certificate !== undefined && 'error' in certificate) {
      const { error, permanent } = certificate
      return permanent
        ? { result: 'failed', leased, permanent, error }
        : { result: 'deferred', leased, error, ambiguous: false }
    }
    if (job.action === 'certificate')
      return { result: 'sent', leased, ...(certificate === undefined ? {} : { certificate }) }
    return await mailOne(job, fields, leased, certificate)
  }

  return async function attempt(job: JobRow, leased: readonly Leased[]): Promise<PassResult> {
    const notes: PassNotes = { findings: [], stored: [] }
    const fields = JSON.parse(job.fields) as JobFields
    const certified: Certified = new Map()
    if (job.action !== 'email') {
      const wanted = leased.filter(({ row }) => row.invalid === null || job.action === 'certificate')
      try {
        for (const [key, value] of await certify(job, fields, wanted, notes)) certified.set(key, value)
      } catch (error) {
        for (const { row } of wanted)
          certified.set(row.key, { error: `Certificate: ${messageOf(error)}`, permanent: false })
      }
    }
    const outcomes: (Outcome | undefined)[] = []
    let next = 0
    const lane = async () => {
      while (next < leased.length) {
        const at = next++
        const current = leased[at]!
        try {
          outcomes[at] = await one(job, fields, current, certified)
        } catch (error) {
          outcomes[at] = { result: 'deferred', leased: current, error: messageOf(error), ambiguous: true }
        }
      }
    }
    const isLarge = job.action !== 'email' && settingsOf(job.tenant).certificateDelivery === 'attach'
    const lanes = Math.min(deps.mailsAtOnce ?? (isLarge ? 32 : 128), leased.length)
    await deps.stage('mail', async () => {
      await Promise.all(Array.from({ length: lanes }, lane))
    })
    const untried = leased.filter((_, at) => outcomes[at] === undefined)
    return { outcomes: outcomes.filter((outcome) => outcome !== undefined), untried, ...notes }
  }
}

export type Attempt = ReturnType<typeof createAttempt>

function named({ firstname, lastname }: Recipient): { name?: string } {
  const name = [firstname, lastname].filter((part) => part !== undefined && part !== '').join(' ')
  return name === '' ? {} : { name }
}
