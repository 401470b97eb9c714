/** What a Moodle says of itself, and how it reached the emulator. */
export interface MoodleSettingsFound {
  readonly wwwroot: string
  readonly release: string | null
  /** `$CFG->curlsecurityblockedhosts` and `$CFG->curlsecurityallowedport`, a line each. */
  readonly blockedHosts: string
  readonly allowedPorts: string
  /** The plugin's settings; null where they are not set. */
  readonly mode: string | null
  readonly queueUrl: string | null
  /** The version of the AWS SDK for PHP, where there is one. */
  readonly sdk: string | null
  /** `AWS_ENDPOINT_URL_SQS`, else `AWS_ENDPOINT_URL`, as PHP sees it. */
  readonly endpoint: string | null
  /** What Moodle's own curl class got from the emulator's `/health`; absent where none runs. */
  readonly reached?: { readonly status: number; readonly words: string }
}

export interface SettingsFinding {
  readonly id: string
  readonly verdict: 'pass' | 'fail' | 'skip'
  readonly words: string
  readonly fix?: string
}

const callbackPath = '/local/manireports/ui/ajax/cloud_callback.php'

/** What of a Moodle keeps it and the emulator at `url` apart, and the line that mends it. */
export function judgeMoodleSettings(found: MoodleSettingsFound, url: string): SettingsFinding[] {
  return [wwwroot(found), curlSecurity(found, url), sdk(found, url)]
}

function wwwroot({ wwwroot: root, release }: MoodleSettingsFound): SettingsFinding {
  const id = 'moodle-wwwroot'
  if (!URL.canParse(root)) {
    return {
      id,
      verdict: 'fail',
      words: `wwwroot "${root}" is no URL`,
      fix: "$CFG->wwwroot = 'http://localhost:8000';",
    }
  }
  const version = release === null ? 'Moodle' : `Moodle ${release}`
  return {
    id,
    verdict: 'pass',
    words: `${version}; wwwroot is ${root}: a callback to any other name or port is answered with 303`,
    fix: `jobs that name no callback_url: offload up --callback-url ${root.replace(/\/+$/, '')}${callbackPath}`,
  }
}

function curlSecurity(
  { mode, blockedHosts, allowedPorts, reached }: MoodleSettingsFound,
  url: string,
): SettingsFinding {
  const id = 'moodle-curl'
  const port = new URL(url).port || '80'
  const fix = `config.php: $CFG->curlsecurityblockedhosts = ''; $CFG->curlsecurityallowedport = "443\\n80\\n${port}";`
  if (reached?.status === 200) return { id, verdict: 'pass', words: `Moodle's curl reaches ${url}` }
  if (mode === 'sqs') {
    return {
      id,
      verdict: 'skip',
      words: "Moodle's curl is not asked in SQS mode: the AWS SDK does not heed its security",
    }
  }
  if (reached !== undefined) {
    const why = reached.words === '' ? `status ${reached.status}` : reached.words
    return { id, verdict: 'fail', words: `Moodle's curl does not reach ${url} (${why})`, fix }
  }
  const ports = lines(allowedPorts)
  const closed = ports.length > 0 && !ports.includes(port)
  const hosts = lines(blockedHosts)
  if (!closed && hosts.length === 0) return { id, verdict: 'pass', words: "Moodle's curl blocks nothing" }
  const what = [
    ...(hosts.length > 0 ? [`blocks ${hosts.join(', ')}`] : []),
    ...(closed ? [`allows the ports ${ports.join(', ')} alone`] : []),
  ]
  return {
    id,
    verdict: 'fail',
    words: `Moodle's curl ${what.join(' and ')}: POST /jobs to this machine may not get out`,
    fix,
  }
}

// The last version for which the queue URL's host decides where a message goes.
const lastByQueueUrl = [3, 276]

function sdk({ mode, sdk: version, endpoint, queueUrl }: MoodleSettingsFound, url: string): SettingsFinding {
  const id = 'moodle-sdk'
  if (version === null) {
    return mode === 'sqs'
      ? {
          id,
          verdict: 'fail',
          words: 'cloud_mode is sqs, and there is no AWS SDK for PHP',
          fix: 'Moodle 4.4 brings it; before: composer require aws/aws-sdk-php',
        }
      : { id, verdict: 'skip', words: 'no AWS SDK for PHP: only SQS mode needs it' }
  }
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const byQueueUrl =
    major < (lastByQueueUrl[0] ?? 0) || (major === lastByQueueUrl[0] && minor <= (lastByQueueUrl[1] ?? 0))
  const goesTo = byQueueUrl ? queueUrl : endpoint
  const rule = byQueueUrl ? 'sqs_queue_url' : 'AWS_ENDPOINT_URL_SQS'
  const words = `AWS SDK for PHP ${version}: ${rule} decides where messages go`
  if (goesTo !== null && isLocal(goesTo)) return { id, verdict: 'pass', words: `${words}, and is ${goesTo}` }
  if (mode !== 'sqs') return { id, verdict: 'skip', words: `${words} in SQS mode` }
  return {
    id,
    verdict: 'fail',
    words: `${words}, and is ${goesTo ?? 'not set'}: messages go to AWS`,
    fix: byQueueUrl
      ? `sqs_queue_url = ${url}/000000000000/manireports-jobs`
      : `config.php: putenv('AWS_ENDPOINT_URL_SQS=${url}'); (what PHP sees on the command line php-fpm may not: clear_env = no)`,
  }
}

const lines = (text: string): string[] => text.split(/[\s,]+/).filter((line) => line !== '')

const isLocal = (address: string): boolean =>
  URL.canParse(address) && !new URL(address).hostname.endsWith('.amazonaws.com')
