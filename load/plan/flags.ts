/** Every setting of a model that has a flag: its place in the model, the flag, and what it is. */
export const settings = [
  ['recipients', '--recipients <n>', 'how many recipients (default 50000)'],
  ['budget', '--budget <time>', 'in how much time, from the first submission to the last callback (default 30m)'],
  ['mail.rate', '--mail-rate <n>', 'mails a second that the provider takes'],
  ['mail.daily_quota', '--daily-quota <n>', 'mails in 24 hours that the provider takes'],
  ['mail.sent_today', '--sent-today <n>', 'of these, already sent'],
  ['mail.latency', '--mail-latency <d>', 'of one call to the provider'],
  ['mail.error_rate', '--error-rate <share>', 'attempts that fail for a passing reason'],
  ['mail.bounce_rate', '--bounce-rate <share>', 'mails that come back'],
  ['workers.count', '--workers <n>', 'messages worked on at once: tasks, concurrent invocations (default 4)'],
  ['workers.at_once', '--at-once <n>', 'recipients that one worker renders, stores and mails at once (default 1)'],
  ['workers.start_up', '--start-up <d>', "before a worker's first message: a cold start"],
  ['workers.timeout', '--worker-timeout <time>', "the function's timeout"],
  ['workers.messages', '--messages <n>', "messages in one invocation: the event source's batch size (default 1)"],
  ['ingest.batch', '--batch <n>', 'recipients in a message (default 200)'],
  ['ingest.latency', '--ingest-latency <d>', 'of one submission; they go one after the other'],
  ['ingest.rate', '--submit-rate <n>', 'recipients submitted a second, where they are paced'],
  ['queue.receive', '--receive-latency <d>', 'from the queue to the worker'],
  ['queue.visibility', '--visibility <time>', "the queue's visibility timeout"],
  ['certificate.render', '--render-latency <d>', 'of one certificate'],
  ['certificate.store', '--store-latency <d>', 'of storing it'],
  ['callback.latency', '--callback-latency <d>', "until Moodle's answer"],
  ['callback.delay', '--callback-delay <time>', 'from an outcome to its callback'],
  ['callback.at_once', '--callbacks-at-once <n>', 'callbacks on their way at once (default 4)'],
  ['callback.error_rate', '--callback-error-rate <share>', 'callbacks that Moodle answers with 503'],
] as const

/** `--mail-rate` for `mail.rate`. */
export const flagOf = (setting: string): string | undefined =>
  settings.find(([path]) => path === setting)?.[1].split(' ')[0]
