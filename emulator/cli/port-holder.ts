import { execFile } from 'node:child_process'
import { readdir, readFile, readlink } from 'node:fs/promises'
import { createServer } from 'node:net'
import { promisify } from 'node:util'

export interface PortHolder {
  readonly pid: number
  readonly command: string
}

/** Whether a TCP port can be listened on; port 0 always can. */
export function portIsFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
}

/** Who listens on a TCP port of this machine: from /proc on Linux, else from lsof; undefined where neither tells. */
export async function portHolder(port: number): Promise<PortHolder | undefined> {
  return (await fromProc(port)) ?? (await fromLsof(port))
}

async function fromProc(port: number): Promise<PortHolder | undefined> {
  const sockets = new Set<string>()
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '')
    for (const line of text.split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/)
      // 0A is LISTEN.
      if (state === '0A' && inode !== undefined && parseInt(local.split(':')[1] ?? '', 16) === port) {
        sockets.add(`socket:[${inode}]`)
      }
    }
  }
  if (sockets.size === 0) return undefined
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(pid)) continue
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => [])
    for (const descriptor of descriptors) {
      const link = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '')
      if (sockets.has(link)) return { pid: Number(pid), command: await commandOf(pid) }
    }
  }
  return undefined
}

async function commandOf(pid: string): Promise<string> {
  const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''))
    .split('\0')
    .filter((word) => word !== '')
  return short(words.join(' ')) || 'unknown'
}

async function fromLsof(port: number): Promise<PortHolder | undefined> {
  const { stdout } = await promisify(execFile)('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fpc']).catch(() => ({
    stdout: '',
  }))
  const pid = /^p(\d+)$/m.exec(stdout)?.[1]
  const command = /^c(.+)$/m.exec(stdout)?.[1]
  return pid === undefined ? undefined : { pid: Number(pid), command: short(command ?? '') || 'unknown' }
}

const short = (text: string): string => (text.length > 80 ? `${text.slice(0, 79)}…` : text)
