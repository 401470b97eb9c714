import type { Dialect } from '../../contracts/job.ts'
import { callbackPaths } from './submission.ts'

/** What the emulator that is running knows about itself. */
export interface SettingsInput {
  /** `http://127.0.0.1:4566`, without a final slash. */
  readonly url: string
  readonly queueUrl: string
  /** host:port of the SMTP server that a worker sends to. */
  readonly smtp: string
  readonly ingestToken: string
  readonly callbackSecret: string
  readonly pluginToken: string
  readonly batchSize: number
  readonly presignedUrlTtl: number
  /** Where jobs that name no callback address are told, where the emulator was told so; else the stand-in. */
  readonly callbackUrl?: string | undefined
}

export interface Setting {
  /** As the plugin names it (in its form, or the column of its table). */
  readonly name: string
  readonly value: string
}

/** Text for a file or a shell. */
export interface Snippet {
  /** Where it goes, such as `config.php` or `shell`. */
  readonly where: string
  readonly text: string
}

export interface SettingsBlock {
  /** Stable, kebab-case: `spec-api`, `php-fpm`, `worker`. */
  readonly id: string
  readonly title: string
  /** What to know about it, in a sentence or two. */
  readonly note?: string
  readonly settings: readonly Setting[]
  readonly snippets: readonly Snippet[]
}

export interface SettingsToCopy {
  /** What goes into the plugin's own settings, by the form of the contract that it speaks. */
  readonly dialects: Readonly<Record<Dialect, readonly SettingsBlock[]>>
  /** What lets Moodle reach the emulator, and the emulator Moodle, by how Moodle runs. */
  readonly moodle: readonly SettingsBlock[]
  /** For a worker of one's own, with `--worker none`. */
  readonly worker: SettingsBlock
}

const region = 'us-east-1'
const bucket = 'manireports-certificates'
// Any credentials do; these are the ones that everybody's examples use.
const accessKey = 'test'
const secretKey = 'test'

/** The exact settings for a Moodle and a worker that use this emulator. */
export function settingsToCopy(input: SettingsInput): SettingsToCopy {
  return { dialects: byDialect(input), moodle: bySetUp(input), worker: forWorker(input) }
}

function byDialect(input: SettingsInput): Record<Dialect, SettingsBlock[]> {
  const { url, queueUrl, ingestToken, callbackSecret, pluginToken } = input
  const common = [
    { name: 'job_batch_size', value: String(input.batchSize) },
    { name: 'email_provider', value: 'ses' },
    { name: 'certificate_generation_mode', value: 'cloud' },
    { name: 'presigned_url_ttl', value: String(input.presignedUrlTtl) },
    { name: 'cloud_callback_secret', value: callbackSecret },
  ]
  return {
    spec: [
      {
        id: 'spec-api',
        title: 'Plugin settings: spec, through API Gateway',
        settings: [
          { name: 'cloud_offload_enabled', value: '1' },
          { name: 'cloud_mode', value: 'api_gateway' },
          { name: 'cloud_endpoint', value: url },
          { name: 'cloud_auth_token', value: ingestToken },
          ...common,
        ],
        snippets: [],
      },
      {
        id: 'spec-sqs',
        title: 'Plugin settings: spec, through SQS',
        note: 'cloud_auth_token holds ACCESS_KEY:SECRET_KEY; any credentials are taken.',
        settings: [
          { name: 'cloud_offload_enabled', value: '1' },
          { name: 'cloud_mode', value: 'sqs' },
          { name: 'aws_region', value: region },
          { name: 'sqs_queue_url', value: queueUrl },
          { name: 'cloud_auth_token', value: `${accessKey}:${secretKey}` },
          ...common,
        ],
        snippets: [],
      },
    ],
    detailed: [
      {
        id: 'detailed-aws',
        title: 'Plugin settings: detailed, Cloud Provider AWS',
        settings: [
          { name: 'Access Key', value: accessKey },
          { name: 'Secret', value: secretKey },
          { name: 'Region', value: region },
          { name: 'SQS URL', value: queueUrl },
          { name: 'S3 Bucket', value: bucket },
        ],
        snippets: [],
      },
      {
        id: 'detailed-cloudflare',
        title: 'Plugin settings: detailed, Cloud Provider Cloudflare',
        settings: [
          { name: 'Account ID', value: '000000000000' },
          { name: 'API Token', value: ingestToken },
          { name: 'Worker URL', value: url },
        ],
        snippets: [],
      },
    ],
    flow: [
      {
        id: 'flow',
        title: 'Plugin settings: flow (manireports_cloud_company_settings)',
        settings: [
          { name: 'aws_key', value: accessKey },
          { name: 'aws_secret', value: secretKey },
          { name: 'sqs_url', value: queueUrl },
        ],
        snippets: [],
      },
    ],
    plugin: [
      {
        id: 'plugin',
        title: "Plugin settings: plugin, the company's cloud settings",
        note: "The plugin compares a callback's token with the company's AWS secret, so the secret must be exactly this.",
        settings: [
          { name: 'AWS access key', value: accessKey },
          { name: 'AWS secret', value: pluginToken },
          { name: 'AWS region', value: region },
          { name: 'SQS queue URL', value: queueUrl },
        ],
        snippets: [],
      },
    ],
  }
}

function bySetUp({ url, queueUrl }: SettingsInput): SettingsBlock[] {
  const port = new URL(url).port || '80'
  const curlSecurity: Snippet = {
    where: 'config.php',
    text: `$CFG->curlsecurityblockedhosts = '';\n$CFG->curlsecurityallowedport = "443\\n80\\n${port}";`,
  }
  const callback = (path: string) => `offload up --callback-url http://localhost:8000${path}`
  const fromDocker = `http://host.docker.internal:${port}`
  const inDocker = (address: string) => address.replace(new URL(url).origin, fromDocker)
  return [
    {
      id: 'local',
      title: 'Moodle on this machine (php -S, Apache)',
      note:
        "Moodle's curl blocks localhost, private addresses and every port but 80 and 443 (API Gateway mode). The AWS SDK for " +
        "PHP takes the endpoint from the queue URL up to 3.276 and from the variable after it: set both (SQS mode). A job's " +
        'callback must go to the host and port of $CFG->wwwroot, or Moodle answers 303.',
      settings: [],
      snippets: [
        curlSecurity,
        { where: 'shell that starts php -S', text: `export AWS_ENDPOINT_URL_SQS=${url}` },
        { where: 'Apache (mod_php)', text: `SetEnv AWS_ENDPOINT_URL_SQS ${url}` },
        { where: 'jobs that name no callback_url', text: callback(callbackPaths.spec) },
        { where: 'the same, plugin dialect', text: callback(callbackPaths.plugin) },
      ],
    },
    {
      id: 'php-fpm',
      title: 'Moodle under php-fpm',
      note: 'php-fpm empties the environment unless told not to; putenv() in config.php does as well.',
      settings: [],
      snippets: [
        curlSecurity,
        { where: 'pool.d/www.conf', text: `clear_env = no\nenv[AWS_ENDPOINT_URL_SQS] = ${url}` },
        { where: 'or config.php', text: `putenv('AWS_ENDPOINT_URL_SQS=${url}');` },
      ],
    },
    {
      id: 'moodle-docker',
      title: 'Moodle in moodle-docker',
      note:
        `Inside the container the emulator is ${fromDocker}. On Linux it must listen on the bridge too (--host 172.17.0.1). ` +
        "Callbacks go to moodle-docker's wwwroot, http://localhost:8000.",
      settings: [
        { name: 'cloud_endpoint', value: fromDocker },
        { name: 'sqs_queue_url', value: inDocker(queueUrl) },
      ],
      snippets: [
        {
          where: 'moodle-docker/local.yml',
          text: [
            'services:',
            '  webserver:',
            '    extra_hosts: ["host.docker.internal:host-gateway"]',
            '    environment:',
            `      AWS_ENDPOINT_URL_SQS: "${fromDocker}"`,
          ].join('\n'),
        },
        { ...curlSecurity },
        {
          where: 'shell',
          text: `offload up --host 127.0.0.1 --host 172.17.0.1 --public-url ${fromDocker} --callback-url http://localhost:8000${callbackPaths.spec}`,
        },
      ],
    },
  ]
}

/** The environment of a worker of one's own: what `up` prints, and what `--worker exec:` starts a handler with. */
export function workerEnvironment({ url, queueUrl, smtp, ...input }: SettingsInput): Record<string, string> {
  const callback = (path: string) => input.callbackUrl ?? `${url}${path}`
  return {
    AWS_ENDPOINT_URL: url,
    // SDKs that know the services' own variables prefer them, also to ones that are set for something else.
    AWS_ENDPOINT_URL_SQS: url,
    AWS_ENDPOINT_URL_S3: url,
    AWS_ENDPOINT_URL_SES: url,
    AWS_ENDPOINT_URL_SESV2: url,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: accessKey,
    AWS_SECRET_ACCESS_KEY: secretKey,
    SQS_QUEUE_URL: queueUrl,
    S3_BUCKET: bucket,
    CALLBACK_URL: callback(callbackPaths.spec),
    CALLBACK_SECRET: input.callbackSecret,
    PLUGIN_CALLBACK_URL: callback(callbackPaths.plugin),
    PLUGIN_CALLBACK_TOKEN: input.pluginToken,
    SMTP_HOST: smtp.replace(/:\d+$/, ''),
    SMTP_PORT: smtp.replace(/^.*:/, ''),
  }
}

/** A value that a POSIX shell, and what reads `.env` files, take for one word. */
const quoted = (value: string) => (/^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`)

function forWorker(input: SettingsInput): SettingsBlock {
  const variables = Object.entries(workerEnvironment(input)).map(([name, value]) => `${name}=${quoted(value)}`)
  return {
    id: 'worker',
    title: 'A worker of your own (offload up --worker none, lambda:URL or exec:COMMAND)',
    note:
      'boto3 before 1.28 and the AWS SDK for PHP before 3.285 do not know AWS_ENDPOINT_URL: pass it as the endpoint. A worker ' +
      'that exec: starts finds all of these in its environment.',
    settings: [],
    snippets: [
      { where: 'shell', text: variables.map((line) => `export ${line}`).join('\n') },
      { where: '.env', text: variables.join('\n') },
    ],
  }
}
