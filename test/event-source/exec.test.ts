import { spawnSync } from 'node:child_process'
import { expect, it, onTestFinished } from 'vitest'
import { systemClock, virtualClock, type Clock } from '../../emulator/kernel/clock.ts'
import { createExecSlot } from '../../emulator/worker/event-source/exec.ts'

const going = new AbortController().signal

/** A handler in JavaScript, run by the shell; `body` sees each event as `event` and answers with `answer(value)`. */
function handler(
  body: string,
  { clock = systemClock(), environment = {} }: { clock?: Clock; environment?: Record<string, string> } = {},
) {
  const log: string[] = []
  const heard: (() => void)[] = []
  const code = `
    const answer = (value) => console.log(JSON.stringify(value))
    require("readline").createInterface({ input: process.stdin }).on("line", (line) => {
      const event = JSON.parse(line)
      ${body}
    })`
  const slot = createExecSlot({
    clock,
    command: `exec "$NODE" -e "$CODE"`,
    environment: { ...environment, NODE: process.execPath, CODE: code },
    timeoutMs: 30_000,
    log(line) {
      log.push(line)
      for (const hear of heard.splice(0)) hear()
    },
  })
  onTestFinished(() => slot.stop())
  return {
    slot,
    log,
    /** Until a line of the log fits. */
    async logged(pattern: RegExp) {
      while (!log.some((line) => pattern.test(line))) await new Promise<void>((resolve) => heard.push(resolve))
    },
  }
}

it('gives an event on stdin and takes the answer from stdout, one after the other', async () => {
  const { slot } = handler('answer({ seen: event.n, pid: process.pid })')
  const first = await slot.invoke('{"n":1}', going)
  const second = await slot.invoke('{"n":2}', going)
  const read = (invocation: typeof first) => JSON.parse('payload' in invocation ? invocation.payload : '') as object
  expect(read(first)).toMatchObject({ seen: 1 })
  expect({ ...read(second), seen: 1 }).toEqual(read(first))
})

it('hands on the environment, and none of what would lead to an account of somebody', async () => {
  process.env['AWS_PROFILE'] = 'production'
  onTestFinished(() => void delete process.env['AWS_PROFILE'])
  const { slot } = handler('answer({ url: process.env.AWS_ENDPOINT_URL, profile: process.env.AWS_PROFILE ?? null })', {
    environment: { AWS_ENDPOINT_URL: 'http://127.0.0.1:4566' },
  })
  expect(await slot.invoke('{}', going)).toEqual({
    outcome: 'answered',
    payload: '{"url":"http://127.0.0.1:4566","profile":null}',
  })
})

it('takes what a handler prints for its log, as in Lambda', async () => {
  const { slot, log } = handler(
    'console.log("working on it"); console.log(42); console.error("a warning"); answer(null)',
  )
  expect(await slot.invoke('{}', going)).toEqual({ outcome: 'answered', payload: 'null' })
  expect(log).toEqual(expect.arrayContaining(['working on it', '42']))
})

it.each([
  ['Powertools', { level: 'INFO', location: 'handler:12', message: 'starting', service: 'mailer' }],
  ['pino', { level: 30, time: 1795406777000, msg: 'starting' }],
  ['python-json-logger', { levelname: 'INFO', message: 'starting' }],
])(
  'takes a record of a structured logger (%s) for the log, and the answer after it for the answer',
  async (_, record) => {
    const { slot, log } = handler(`answer(${JSON.stringify(record)}); answer({ batchItemFailures: [] })`)
    const answered = { outcome: 'answered', payload: '{"batchItemFailures":[]}' }
    expect(await slot.invoke('{}', going)).toEqual(answered)
    expect(await slot.invoke('{}', going), 'nothing was left of the first').toEqual(answered)
    expect(log).toContain(JSON.stringify(record))
  },
)

it('takes the answer of a handler that returns a text, as Lambda does', async () => {
  const { slot } = handler('answer("OK")')
  expect(await slot.invoke('{}', going)).toEqual({ outcome: 'answered', payload: '"OK"' })
})

it('starts a handler again that ended, a little later each time', async () => {
  const clock = virtualClock()
  const { slot, log, logged } = handler('if (event.crash) process.exit(3); answer({})', { clock })
  expect(await slot.invoke('{"crash":true}', going)).toEqual({ outcome: 'failed', error: 'the handler ended (exit 3)' })
  await logged(/exit 3\): it is started again/)
  let ready = false
  const waiting = slot.ready(going).then(() => (ready = true))
  await clock.advance(499)
  expect(ready).toBe(false)
  await clock.advance(1)
  await waiting
  expect(await slot.invoke('{}', going)).toEqual({ outcome: 'answered', payload: '{}' })
  expect(log).toHaveLength(1)
})

it('ends a handler that takes longer than the timeout', async () => {
  const clock = virtualClock()
  const { slot, logged } = handler('console.error("begun")', { clock })
  const invocation = slot.invoke('{}', going)
  await logged(/begun/)
  await clock.advance(30_000)
  expect(await invocation).toMatchObject({ outcome: 'timed-out' })
})

it('ends a handler that writes a line without an end', async () => {
  const { slot, log } = handler('process.stdout.write("{" + "x".repeat(7 * 1024 * 1024))')
  expect(await slot.invoke('{}', going)).toMatchObject({ outcome: 'failed' })
  expect(log[0]).toMatch(/more than 6291456 bytes/)
})

it('says when the command does not exist', async () => {
  const log: string[] = []
  const slot = createExecSlot({
    clock: systemClock(),
    command: 'no-such-handler --at-all',
    environment: {},
    timeoutMs: 30_000,
    log: (line) => void log.push(line),
  })
  expect(await slot.invoke('{}', going)).toEqual({ outcome: 'failed', error: 'the handler ended (exit 127)' })
  expect(log.join()).toContain('no-such-handler')
  await slot.stop()
})

it('ends what the shell has started when it is stopped', async () => {
  const log: string[] = []
  const slot = createExecSlot({
    clock: systemClock(),
    // The shell stays, and waits for its child.
    command: `"$NODE" -e 'console.error("pid " + process.pid); setInterval(() => {}, 1000)'; true`,
    environment: { NODE: process.execPath },
    timeoutMs: 30_000,
    log: (line) => {
      log.push(line)
      stopping.abort()
    },
  })
  const stopping = new AbortController()
  expect(await slot.invoke('{}', stopping.signal)).toMatchObject({ outcome: 'stopped' })
  await slot.stop()
  const pid = Number(/pid (\d+)/.exec(log.join())?.[1])
  // Where nobody collects the dead, its entry stays, as a zombie.
  const state = () =>
    spawnSync('ps', ['-o', 'stat=', '-p', String(pid)])
      .stdout.toString()
      .trim()
  await expect.poll(state).toMatch(/^(Z.*)?$/)
})
