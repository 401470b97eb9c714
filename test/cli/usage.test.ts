import { describe, expect, it, vi } from 'vitest'
import { offload } from './offload.ts'

// Each test starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 })

const pretend = (version: string) => [
  '--import',
  `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'${version}'}})`,
]

describe('the command line', () => {
  it('refuses a Node that is too old with one line and exit 2', async () => {
    const [old, almost] = await Promise.all([
      offload(['up'], { node: pretend('18.20.4') }),
      offload(['--version'], { node: pretend('22.12.0') }),
    ])
    expect(old).toMatchObject({ code: 2, stdout: '' })
    expect(old.stderr).toMatch(/^offload needs Node 22\.13 or newer, and this is Node 18\.20\.4: .*\n$/)
    expect(almost.code).toBe(2)
  })

  it('takes the oldest Node that it names', async () => {
    expect(await offload(['--version'], { node: pretend('22.13.0') })).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
      stderr: '',
    })
  })

  it('exits 2 on wrong usage, with the command or flag that was meant', async () => {
    const [command, flag, value] = await Promise.all([
      offload(['sned']),
      offload(['send', '--recipents', '3']),
      offload(['send', '--recipients', 'many']),
    ])
    expect(command).toMatchObject({ code: 2, stdout: '' })
    expect(command.stderr).toMatch(/unknown command 'sned'[^]*Did you mean send/)
    expect(flag.code).toBe(2)
    expect(flag.stderr).toContain('Did you mean --recipients')
    expect(value.code).toBe(2)
    expect(value.stderr).toContain('must be a whole number')
  })

  it('shows its help on stdout with exit 0, with examples for each command', async () => {
    const [general, send] = await Promise.all([offload([]), offload(['send', '--help'])])
    expect(general).toMatchObject({ code: 0, stderr: '' })
    for (const name of ['up', 'demo', 'send', 'jobs', 'job', 'mails', 'logs', 'reset', 'dlq', 'doctor']) {
      expect(general.stdout).toMatch(new RegExp(`^ {2}${name} `, 'm'))
    }
    expect(send.code).toBe(0)
    expect(send.stdout).toMatch(/Examples:\n {2}offload send/)
  })

  it('exits 3 where no emulator answers, with the line that starts one', async () => {
    const ran = await offload(['jobs'], { env: { OFFLOAD_URL: 'http://127.0.0.1:1' } })
    expect(ran).toMatchObject({ code: 3, stdout: '' })
    expect(ran.stderr).toMatch(/nothing answers at http:\/\/127\.0\.0\.1:1 [^]*start it with: npm start/)
  })
})
