import { z } from 'zod'
import { EmulatorError } from '../kernel/errors.ts'
import type { JournalEntry } from '../kernel/journal.ts'
import { Failure } from './failure.ts'
import { startLine } from './invocation.ts'

/** A running emulator, as the commands that are not `up` see it: its control API, and its inbox. */
export interface Target {
  readonly url: string
  get<T>(path: string, answer: z.ZodType<T>): Promise<T>
  /** As `get`, but undefined for what is not there (404). */
  find<T>(path: string, answer: z.ZodType<T>): Promise<T | undefined>
  post<T>(path: string, body: unknown, answer: z.ZodType<T>): Promise<T>
  /** With a text as it is, such as YAML. */
  put<T>(path: string, text: string, answer: z.ZodType<T>): Promise<T>
  remove<T>(path: string, answer: z.ZodType<T>): Promise<T>
  /** The journal from now on, or after an entry; ends with the signal, or when the emulator stops. */
  events(options: { after?: number; signal?: AbortSignal }): AsyncGenerator<JournalEntry>
}

const defaultUrl = 'http://127.0.0.1:4566'

const problem = z.looseObject({
  title: z.string().optional(),
  detail: z.string().optional(),
  issues: z.array(z.looseObject({ path: z.string(), reason: z.string(), fix: z.string().optional() })).optional(),
})

/** `--url`, else OFFLOAD_URL, else the default port of this machine. */
export function targetUrl(flag: string | undefined): string {
  const given = flag ?? (process.env['OFFLOAD_URL'] || defaultUrl)
  const name = flag === undefined ? 'OFFLOAD_URL' : '--url'
  if (!/^https?:\/\//.test(given) || !URL.canParse(given)) {
    throw new Failure(2, `${name} ${given}: must be a base URL such as ${defaultUrl}`)
  }
  return given.replace(/\/+$/, '')
}

export function createTarget(flag: string | undefined): Target {
  const url = targetUrl(flag)
  const token = process.env['OFFLOAD_INGEST_TOKEN']
  const headers: Record<string, string> =
    token === undefined || token === '' ? {} : { authorization: `Bearer ${token}` }

  const answerOf = async <T>(path: string, response: Response, schema: z.ZodType<T>): Promise<T> => {
    const text = await response.text()
    const json = jsonOf(text)
    if (!response.ok) throw refusalOf(url, path, response, json)
    const parsed = schema.safeParse(json)
    if (parsed.success) return parsed.data
    throw new Failure(3, `what answers at ${url} is no Offload emulator, or one of another version`, {
      evidence: [`GET ${path} answered ${response.status}: ${text.slice(0, 120)}`],
      fix: [`start one with: ${startLine}`, 'or name it: --url http://127.0.0.1:PORT'],
    })
  }

  return {
    url,
    get: async (path, schema) => answerOf(path, await reach(url, path, { headers }), schema),
    find: async (path, schema) => {
      const response = await reach(url, path, { headers })
      const absent = response.status === 404 && response.headers.get('content-type')?.includes('problem+json') === true
      return absent ? undefined : await answerOf(path, response, schema)
    },
    post: async (path, body, schema) => {
      const init = {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }
      return await answerOf(path, await reach(url, path, init), schema)
    },
    put: async (path, body, schema) => {
      const init = { method: 'PUT', headers: { ...headers, 'content-type': 'application/yaml' }, body }
      return await answerOf(path, await reach(url, path, init), schema)
    },
    remove: async (path, schema) => answerOf(path, await reach(url, path, { method: 'DELETE', headers }), schema),
    async *events({ after, signal }) {
      const path = `/_offload/events${after === undefined ? '' : `?after=${after}`}`
      const response = await reach(url, path, { headers, ...(signal === undefined ? {} : { signal }) })
      if (!response.ok || response.body === null) throw refusalOf(url, path, response, jsonOf(await response.text()))
      let pending = ''
      try {
        for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
          const messages = (pending + chunk).split('\n\n')
          pending = messages.pop() ?? ''
          for (const message of messages) {
            const data = /^data: (.*)$/m.exec(message)?.[1]
            if (data !== undefined) yield JSON.parse(data) as JournalEntry
          }
        }
      } catch (error) {
        if (signal?.aborted !== true) throw gone(url, error)
      }
    },
  }
}

/** fetch, with a Failure (exit 3) that says what to do where nobody answers. */
export async function reach(base: string, path: string, init: RequestInit = {}): Promise<Response> {
  try {
    return await fetch(`${base}${path}`, init)
  } catch (error) {
    if (init.signal?.aborted === true) throw new EmulatorError('aborted', 'aborted')
    throw unreachable(base, error)
  }
}

function unreachable(url: string, error: unknown): Failure {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined
  const why =
    code === 'ECONNREFUSED' ? 'connection refused' : (code ?? (cause instanceof Error ? cause.message : String(cause)))
  return new Failure(3, `nothing answers at ${url} (${why})`, {
    fix: [`start it with: ${startLine}`, 'or name a running one: --url http://127.0.0.1:PORT (or OFFLOAD_URL)'],
  })
}

const gone = (url: string, error: unknown): Failure =>
  new Failure(3, `the emulator at ${url} went away`, {
    evidence: [error instanceof Error ? error.message : String(error)],
  })

function refusalOf(url: string, path: string, response: Response, json: unknown): Failure {
  const { title, detail, issues = [] } = problem.safeParse(json).data ?? {}
  const evidence = issues.map(
    ({ path: at, reason, fix }) => `${at === '' ? 'job' : at}: ${reason}${fix === undefined ? '' : `. ${fix}`}`,
  )
  if (detail === undefined) {
    return new Failure(3, `what answers at ${url} is no Offload emulator`, {
      evidence: [`${path} answered ${response.status}`],
      fix: [`start one with: ${startLine}`],
    })
  }
  if (response.status === 401 || response.status === 403) {
    return new Failure(2, detail, {
      evidence,
      fix: ['export OFFLOAD_INGEST_TOKEN=… with the token that the emulator was started with'],
    })
  }
  if (title === 'nothing-to-retry') return new Failure(1, detail)
  return new Failure(response.status >= 500 ? 1 : 2, detail, { evidence })
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
