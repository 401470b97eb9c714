import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import type { JobFields, Recipient } from '../../contracts/job.ts'
import { messageOf } from '../kernel/errors.ts'
import { createBatches, type PreparedBatches } from '../worker/certificate/batches.ts'
import { canonicalLocale } from '../worker/certificate/formats.ts'
import { createPress } from '../worker/certificate/press.ts'
import { problemLine, TemplateError } from '../worker/certificate/template/template.ts'
import { createTemplates, type Templates } from '../worker/certificate/template/templates.ts'
import { readConfiguration } from './configuration.ts'
import { Failure } from './failure.ts'
import { createTerminal } from './terminal.ts'

export interface PreviewOptions {
  readonly template: string
  readonly data?: string
  readonly locale?: string
  readonly png?: boolean
  readonly out?: string
  readonly config?: string
  readonly json?: boolean
}

const sample = {
  course: 'Introduction to Data Protection',
  grade: '92 %',
}
const sampleDate = Date.UTC(2026, 2, 14)
/** No certificate has it: codes are hexadecimal. */
const code = 'SAMPLE-PREVIEW'

const given = z.record(z.string(), z.json())
const sampleJob: JobFields = {
  dialect: 'spec',
  jobId: 'preview',
  tenant: 0,
  type: 'certificate',
  typeName: 'certificate',
  action: 'certificate',
  templateData: {},
}

export async function preview(options: PreviewOptions): Promise<void> {
  const terminal = createTerminal(options)
  const { config } = await readConfiguration({ environment: process.env, file: options.config })
  const { recipient, fields } = personOf(await dataOf(options.data))
  const locale = options.locale === undefined ? config.locale : canonicalLocale(options.locale)
  if (locale === undefined) {
    throw new Failure(2, `--locale ${options.locale}: must be a language tag such as en or pt-BR`)
  }
  // What is asked for comes before what the values say.
  const asked = options.locale === undefined ? recipient : { ...recipient, data: { ...recipient.data, lang: locale } }

  const { name, templates } = templatesFor(options.template, resolve(config.certificate_templates))
  const url = `${config.public_url?.replace(/\/+$/, '') ?? `http://127.0.0.1:${config.port}`}/verify/${code}`
  const prepared = await createBatches({ templates })(
    { id: 'preview', fields: { ...fields, certificateTemplate: name }, acceptedAt: sampleDate },
    [{ key: recipient.key, recipient: asked, code, url }],
    { locale, issuer: config.issuer },
  ).catch((error: unknown) => {
    throw error instanceof TemplateError ? refusal(options.template, error) : error
  })
  const { pdf, findings } = await render(prepared)
  const file = options.out ?? `certificate-${name}.${options.png === true ? 'png' : 'pdf'}`
  await write(file, options.png === true ? await picture(pdf) : pdf)

  const told = [...prepared.findings.map(({ text }) => text), ...findings]
  terminal.record({ file: resolve(file), template: name, bytes: pdf.byteLength, findings: told })
  if (options.json === true) return
  terminal.say(`${file}: template ${name}, a PDF of ${pdf.byteLength} bytes`)
  for (const text of told) terminal.say(terminal.style('yellow', `  ! ${text}`))
}

/** `gold` is one of the folder; `drafts/gold.yaml` a file, whose folder is that of its pictures. */
function templatesFor(asked: string, folder: string): { name: string; templates: Templates } {
  const path = /^(.+)\.ya?ml$/.exec(asked)?.[1]
  if (path === undefined) return { name: asked, templates: createTemplates({ folder }) }
  return { name: basename(path), templates: createTemplates({ folder: resolve(dirname(path)) }) }
}

function refusal(asked: string, { message, problems }: TemplateError): Failure {
  if (problems.length === 0) return new Failure(2, message)
  const count = problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`
  return new Failure(2, `the certificate template ${asked} has ${count}`, { evidence: problems.map(problemLine) })
}

async function render({ batches }: PreparedBatches): Promise<{ pdf: Uint8Array; findings: readonly string[] }> {
  const [one] = batches
  const renderer = createPress()
  const [rendered] = one === undefined ? [] : await renderer.render(one.batch, one.inputs)
  if (rendered !== undefined && 'pieces' in rendered) {
    return { pdf: Buffer.concat(rendered.pieces), findings: rendered.findings }
  }
  throw new Failure(1, rendered?.error ?? 'nothing was rendered')
}

async function dataOf(text: string | undefined): Promise<z.output<typeof given>> {
  if (text === undefined) return {}
  const file = text.startsWith('@') ? text.slice(1) : undefined
  const json =
    file === undefined
      ? text
      : await readFile(file, 'utf8').catch((error: unknown) => {
          throw new Failure(2, `--data @${file} cannot be read`, { evidence: [messageOf(error)] })
        })
  try {
    return given.parse(JSON.parse(json))
  } catch (error) {
    throw new Failure(2, '--data must be a JSON object', {
      evidence: [error instanceof SyntaxError ? error.message : `it is ${json.trim().slice(0, 60)}`],
      fix: [`such as '{"fullname": "Ada Lovelace", "grade": "92 %"}', or @FILE`],
    })
  }
}

/** Values as a job has them: names of their own, everything else data. What is not given is a sample. */
function personOf(values: z.output<typeof given>): { recipient: Recipient; fields: JobFields } {
  const { template_data: templateData, firstname, lastname, email, ...data } = values
  const names = ['fullname', 'name', 'username', 'firstname', 'lastname']
  const named = names.some((name) => name in values)
  const job = given.safeParse(templateData)
  return {
    recipient: {
      key: '1',
      email: typeof email === 'string' ? email : 'ada@example.com',
      ...(named ? {} : { firstname: 'Ada', lastname: 'Lovelace' }),
      ...(typeof firstname === 'string' ? { firstname } : {}),
      ...(typeof lastname === 'string' ? { lastname } : {}),
      data,
      contentHash: '',
    },
    fields: { ...sampleJob, templateData: { ...sample, ...job.data } },
  }
}

async function write(file: string, bytes: Uint8Array): Promise<void> {
  await writeFile(file, bytes).catch((error: unknown) => {
    throw new Failure(2, `${file} cannot be written`, {
      evidence: [messageOf(error)],
      fix: ['name another: --out FILE'],
    })
  })
}

/** The first page as a PNG. */
async function picture(pdf: Uint8Array): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'offload-preview-'))
  try {
    const file = join(folder, 'page')
    await writeFile(`${file}.pdf`, pdf)
    await promisify(execFile)('pdftoppm', ['-r', '110', '-png', '-singlefile', `${file}.pdf`, file])
    return await readFile(`${file}.png`)
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    if (!missing) throw error
    throw new Failure(2, '--png needs pdftoppm, which is not installed', {
      fix: ['apt install poppler-utils, or brew install poppler', 'or leave out --png: the PDF needs nothing'],
    })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
