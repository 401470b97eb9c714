import { join } from 'node:path'
import { createSqsClient, explainAws } from '../../emulator/deployment/aws.ts'
import { EmulatorError } from '../../emulator/kernel/errors.ts'
import { createControl } from './deployment-view.ts'
import type { MailsBy } from './mail-count.ts'
import { startOwnEmulator, type OwnEmulator } from './own-emulator.ts'
import type { LoadPlan } from './plan.ts'
import type { RunFolder } from './run-folder.ts'
import type { Reached } from './k6-variables.ts'

/** Secrets, which no plan keeps. */
export interface Secrets {
  readonly token: string
  readonly callbackSecret: string
  readonly pluginToken: string
}

/** An emulator takes any. */
const anybody = { accessKeyId: 'test', secretAccessKey: 'test' } as const

/** As the AWS SDK finds them: environment, profile, SSO, the machine's role. Throws EmulatorError `no-credentials`. */
async function credentialsFor(queueUrl: string, region: string | undefined): Promise<Reached['aws']> {
  const client = await createSqsClient(queueUrl, { region })
  try {
    const { accessKeyId, secretAccessKey, sessionToken } = await client.config.credentials()
    return { accessKeyId, secretAccessKey, sessionToken }
  } catch (error) {
    throw new EmulatorError('no-credentials', explainAws(error))
  } finally {
    client.destroy()
  }
}

/** The target of a run: an emulator that is started for it, or what was named. */
export async function reach(
  plan: LoadPlan,
  secrets: Secrets,
  folder: RunFolder,
): Promise<{ reached: Reached; own: OwnEmulator | undefined }> {
  const { token, callbackSecret: secret, pluginToken } = secrets
  const common = { token, secret, pluginToken }
  const { target } = plan
  if (target.kind === 'given') {
    const { url, queueUrl = '', region } = target
    const emulator = url === '' || plan.mailsBy !== undefined ? undefined : await createControl(url, token).emulator()
    const mailsBy: MailsBy =
      plan.mailsBy ?? (emulator === undefined ? { kind: 'none' } : { kind: 'mailpit', url: emulator.inbox })
    const aws = plan.way === 'sqs' ? await credentialsFor(queueUrl, region) : anybody
    return {
      reached: { ...common, aws, url, queueUrl, ...(region === undefined ? {} : { region }), mailsBy },
      own: undefined,
    }
  }
  const own = await startOwnEmulator({
    data_dir: join(folder.path, 'state'),
    callback_delay: 0,
    ingest_token: token,
    cloud_callback_secret: secret,
    plugin_token: pluginToken,
    ...target.settings,
  })
  const { url, queueUrl, inbox } = own
  return { reached: { ...common, aws: anybody, url, queueUrl, mailsBy: { kind: 'mailpit', url: inbox } }, own }
}
