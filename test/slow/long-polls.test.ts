import { request, Agent } from 'node:http'
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it, onTestFinished } from 'vitest'
import { sleep, systemClock } from '../../emulator/kernel/clock.ts'
import { startEmulator } from '../emulator-process.ts'

/** CPU time of a process over all its threads, in milliseconds. */
function cpuMilliseconds(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`)
  const spent = threads.map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  )
  return spent.reduce((sum, nanoseconds) => sum + nanoseconds, 0) / 1e6
}

function poll(url: string, agent: Agent, seconds: number): Promise<number> {
  const body = JSON.stringify({ QueueUrl: `${url}/000000000000/idle`, WaitTimeSeconds: seconds })
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.ReceiveMessage' }
    request(url, { method: 'POST', agent, headers }, (answer) => {
      answer.resume()
      answer.once('end', () => resolve(answer.statusCode ?? 0))
    })
      .once('error', reject)
      .end(body)
  })
}

it.runIf(process.platform === 'linux')(
  '100 receivers in a long poll of 20 s use under 50 ms of CPU more than none',
  async () => {
    const clock = systemClock()
    const emulator = await startEmulator(['--ephemeral'])
    onTestFinished(() => emulator.kill())
    const agent = new Agent({ keepAlive: true, maxSockets: 100 })
    onTestFinished(() => agent.destroy())
    await fetch(emulator.url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amz-target': 'AmazonSQS.CreateQueue' },
      body: JSON.stringify({ QueueName: 'idle' }),
    })
    const receive = (seconds: number) =>
      Promise.all(Array.from({ length: 100 }, () => poll(emulator.url, agent, seconds)))
    // What a new process does once, such as compiling its code, should not count for either side.
    for (let round = 0; round < 10; round++) await receive(0)
    await sleep(clock, 3000)

    const measure = async (during: Promise<unknown>) => {
      const before = cpuMilliseconds(emulator.pid)
      await during
      return cpuMilliseconds(emulator.pid) - before
    }
    const none = await measure(sleep(clock, 20_500))
    const polls = receive(20)
    const hundred = await measure(polls)
    expect(new Set(await polls)).toEqual(new Set([200]))
    console.log(`CPU in 20 s: ${none.toFixed(1)} ms with no receiver, ${hundred.toFixed(1)} ms with 100`)
    expect(hundred - none).toBeLessThan(50)
  },
)
