import { execFile, execFileSync } from 'node:child_process'
import { promisify } from 'node:util'
import { join } from 'node:path'
import PostalMime from 'postal-mime'
import { expect, test } from 'vitest'
import { sesServer } from './ses-server.ts'

// Debian's package belongs to the system's Python.
const python = '/usr/bin/python3'

function hasBoto3(): boolean {
  try {
    execFileSync(python, ['-c', 'import boto3'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

test('boto3 sends, is refused, and reads what it did', async ({ skip }) => {
  if (!hasBoto3()) skip('boto3 is not installed (Debian: python3-boto3)')
  const server = await sesServer({ settings: { rate: 8 } })
  const script = join(import.meta.dirname, 'boto3-client.py')
  const { stdout } = await promisify(execFile)(python, [script, server.url], { timeout: 60_000 })
  expect(stdout).toBe('ok\n')
  expect(server.delivered.map(({ envelope }) => envelope.to.join())).toEqual([
    'a@example.com,b@example.com',
    'a@example.com',
    'c@example.com',
    'a@example.com',
    'd@example.com',
    'a@example.com',
    'a@example.com',
  ])
  const { subject, attachments } = await PostalMime.parse(server.delivered[1]?.raw ?? '')
  expect(subject).toBe('Zertifikat für Zoë')
  expect(attachments).toMatchObject([{ filename: 'certificate.pdf', mimeType: 'application/pdf' }])
})
