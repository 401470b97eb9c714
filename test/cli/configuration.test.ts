import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readConfiguration, type Sources } from '../../emulator/cli/configuration.ts'
import { Failure } from '../../emulator/cli/failure.ts'
import { emptyFolder } from './offload.ts'

function folderWith(yaml: string): string {
  const folder = emptyFolder()
  writeFileSync(join(folder, 'offload.config.yaml'), yaml)
  return folder
}

async function refused(sources: Sources): Promise<string[]> {
  const error: unknown = await readConfiguration(sources).then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof Failure)) throw new Error('it was not refused')
  expect(error.exit).toBe(2)
  return error.evidence.length > 0 ? [...error.evidence] : [error.message]
}

describe('the configuration', () => {
  it('takes flags over the environment, the environment over the file, and the file over the defaults', async () => {
    const directory = folderWith('port: 1\nsmtp_port: 2\ninbox_port: 3\njob_batch_size: 50\n')
    const { config, file } = await readConfiguration({
      directory,
      flags: { port: '11' },
      environment: { OFFLOAD_PORT: '21', OFFLOAD_SMTP_PORT: '22' },
    })
    expect(file).toBe('offload.config.yaml')
    expect(config).toMatchObject({
      port: 11,
      smtp_port: 22,
      inbox_port: 3,
      job_batch_size: 50,
      presigned_url_ttl: 3600,
    })
  })

  it('reads booleans, lists, durations and secrets from the environment as they are meant', async () => {
    const { config } = await readConfiguration({
      directory: emptyFolder(),
      environment: {
        OFFLOAD_EPHEMERAL: 'false',
        OFFLOAD_VERIFY_SIGNATURES: '1',
        OFFLOAD_HOST: '127.0.0.1, 172.17.0.1',
        OFFLOAD_CLOUD_RETRY_POLICY: '1s 2m',
        OFFLOAD_CALLBACK_SECRET: 'of the environment',
        OFFLOAD_PORT: '',
      },
    })
    expect(config).toMatchObject({
      ephemeral: false,
      verify_signatures: true,
      host: ['127.0.0.1', '172.17.0.1'],
      cloud_retry_policy: [1000, 120_000],
      cloud_callback_secret: 'of the environment',
      port: 4566,
    })
  })

  it('gives a callback URL to everybody or to one tenant, beside what the file says of that tenant', async () => {
    const directory = folderWith(
      'tenants:\n  7:\n    cloud_callback_secret: seven\n    callback_url: http://localhost:1/\n',
    )
    const { config } = await readConfiguration({
      directory,
      flags: { callback_url: ['http://localhost:8000/a', '7=http://localhost:8007/b'] },
    })
    expect(config.callback_url).toBe('http://localhost:8000/a')
    expect(config.tenants['7']).toEqual({ cloud_callback_secret: 'seven', callback_url: 'http://localhost:8007/b' })
  })

  it('names where each wrong value came from', async () => {
    const directory = folderWith('host: 127.0.0.1\nport: many\nsmtp_port:\ntenants:\n  7:\n    callback_url: nowhere\n')
    const lines = await refused({
      directory,
      flags: { worker: 'lambda', callback_url: ['3=nowhere'] },
      environment: { OFFLOAD_INBOX_PORT: '99999' },
    })
    expect(lines.toSorted()).toEqual([
      '--callback-url 3=nowhere: must be an http:// or https:// URL',
      '--worker lambda: must be builtin, none, lambda:URL or exec:COMMAND',
      'OFFLOAD_INBOX_PORT 99999: must be at most 65535',
      'offload.config.yaml:2 port many: must be a number',
      'offload.config.yaml:3 smtp_port has no value: give one, or take the line out',
      'offload.config.yaml:6 tenants.7.callback_url nowhere: must be an http:// or https:// URL',
    ])
  })

  it('refuses a name that is no setting with the one that was meant, also inside a tenant', async () => {
    const directory = folderWith('calback_delay: 3s\ntenants:\n  7:\n    presigned_ttl: 60\n')
    expect(await refused({ directory })).toEqual(
      expect.arrayContaining([
        'offload.config.yaml:1 calback_delay is no setting: callback_delay was meant?',
        'offload.config.yaml:4 tenants.7.presigned_ttl is no setting: presigned_url_ttl was meant?',
      ]),
    )
    const { warnings } = await readConfiguration({ directory: emptyFolder(), environment: { OFFLOAD_PROT: '1' } })
    expect(warnings).toEqual(['OFFLOAD_PROT is no setting and is ignored: OFFLOAD_PORT was meant?'])
  })

  it('names the line within a list, and the names that are possible there', async () => {
    const directory = folderWith(`alarms: { queue_dpth: 5 }
check:
  moodle:
    - url: nowhere
    - stand_in: true
      rubish: false
  cloud: { patience: soon }
  scenarios: { run: some, skipped: { csv-import: '' } }
`)
    expect(await refused({ directory })).toEqual([
      'offload.config.yaml:1 alarms.queue_dpth is no setting: queue_depth was meant?',
      'offload.config.yaml:4 check.moodle[0].url nowhere: must be an http:// or https:// URL',
      'offload.config.yaml:6 check.moodle[1].rubish is no setting: rubbish was meant?',
      'offload.config.yaml:7 check.cloud.patience: "soon" is no duration: write 500ms, 5s, 2m or 1h',
      'offload.config.yaml:8 check.scenarios.run some: must be all, or a list of names and files',
      'offload.config.yaml:8 check.scenarios.skipped.csv-import : must not be empty',
    ])
  })

  it('never shows the value of a secret', async () => {
    const directory = folderWith(
      'ingest_token: 4711471147\ntenants:\n  7:\n    plugin_token: 815815815\ncheck:\n  moodle: { previous_secret: 4711 }\n',
    )
    const lines = await refused({ directory })
    expect(lines).toHaveLength(3)
    expect(lines.join()).not.toMatch(/4711|815/)
  })

  it('refuses a file that is not there, and one that is no YAML with the line', async () => {
    expect(await refused({ directory: emptyFolder(), file: 'other.yaml' })).toEqual([
      expect.stringContaining('other.yaml'),
    ])
    expect(await refused({ directory: folderWith('port: 1\nhost: [a') })).toEqual([
      expect.stringMatching(/^offload\.config\.yaml:\d is no YAML: /),
    ])
  })
})
