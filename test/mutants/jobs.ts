import type { JobMessage } from '../../contracts/checks/job-message.ts'

export const goodJob = {
  job_id: '550e8400-e29b-41d4-a716-446655440000',
  tenant_id: 7,
  type: 'send_reminder',
  recipients: [
    { userid: 1001, email: 'user1@example.com', firstname: 'John' },
    { userid: 1002, email: 'user2@example.com', firstname: 'Jane' },
  ],
  callback_url: 'http://localhost:8000/local/manireports/ui/ajax/cloud_callback.php',
  timestamp: '2025-11-18T12:00:00Z',
}

const from = (changes: object, more: Partial<JobMessage> = {}): JobMessage => ({
  body: Buffer.from(JSON.stringify({ ...goodJob, ...changes })),
  envelope: {},
  ...more,
})
const people = (data: (nth: number) => object) => goodJob.recipients.map((person, nth) => ({ ...person, ...data(nth) }))

/** Job messages that are wrong in one thing. */
export const badJobs: readonly {
  readonly does: string
  /** Of the nineteen. */
  readonly mistake?: number
  readonly message: JobMessage
  readonly finds: string
  readonly at: string
  readonly also?: string
}[] = [
  {
    does: 'names a type that nobody knows',
    mistake: 13,
    message: from({ type: 'send_confetti' }),
    finds: 'job/contract',
    at: 'type',
  },
  {
    does: 'has no type of the contract, but a text of its own',
    mistake: 13,
    message: from({ type: 'confetti', subject: 'Hello', html: '<p>Hello</p>' }),
    finds: 'advice/type-custom',
    at: 'type',
  },
  {
    does: 'sends everybody the html of the first',
    mistake: 14,
    message: from({ subject: 'Hello', html: '<p>Dear John,</p>' }),
    finds: 'advice/html-personalised-for-all',
    at: 'html',
  },
  {
    does: 'has html for the first recipient alone',
    mistake: 14,
    message: from({ recipients: people((nth) => (nth === 0 ? { custom_html: '<p>Hello</p>' } : {})) }),
    finds: 'advice/html-of-first-recipient',
    at: 'recipients[0].custom_html',
  },
  {
    does: 'repeats its html',
    message: from({ recipients: people(() => ({ custom_html: '<p>Hello</p>' })) }),
    finds: 'advice/html-repeated',
    at: 'recipients[0].custom_html',
  },
  {
    does: 'comes without a key for its repetitions',
    mistake: 16,
    message: from({}, { via: 'api' }),
    finds: 'advice/idempotency-key-missing',
    at: '',
  },
  {
    does: 'carries the secret of its callback',
    mistake: 18,
    message: from({ callback_secret: 'hmac_secret_key' }),
    finds: 'advice/secret-in-body',
    at: 'callback_secret',
  },
  {
    does: 'carries passwords',
    mistake: 18,
    message: from({
      recipients: people(() => ({ username: 'jo', password: 'Temp-secret-1' })).map(({ ...person }) => person),
      type: 'send_welcome',
    }),
    finds: 'advice/password-in-message',
    at: 'recipients[0].password',
    also: 'advice/field-of-flow',
  },
  {
    does: 'has an empty secret',
    mistake: 18,
    message: from({ callback_secret: '' }),
    finds: 'job/contract',
    at: 'callback_secret',
  },
  {
    does: 'has nobody to write to',
    mistake: 19,
    message: from({ recipients: [] }),
    finds: 'job/contract',
    at: 'recipients',
  },
  {
    does: 'is what is left of invalid UTF-8',
    mistake: 19,
    message: { body: Buffer.from('0'), envelope: {} },
    finds: 'job/contract',
    at: '',
  },
  {
    does: 'is no valid UTF-8',
    mistake: 19,
    message: { body: Buffer.concat([Buffer.from('{"name":"'), Buffer.from([0xff]), Buffer.from('"}')]), envelope: {} },
    finds: 'job/contract',
    at: '',
  },
  {
    does: 'has no job id',
    message: from({ job_id: undefined, jobId: goodJob.job_id }),
    finds: 'job/contract',
    at: 'job_id',
  },
  {
    does: 'has a number for a UUID',
    mistake: 8,
    message: from({ job_id: 3 }),
    finds: 'advice/job-id-not-uuid',
    at: 'job_id',
  },
  {
    does: 'has no timestamp',
    message: from({ timestamp: undefined }),
    finds: 'advice/timestamp-missing',
    at: 'timestamp',
  },
  { does: 'names no tenant', message: from({ tenant_id: undefined }), finds: 'advice/tenant-missing', at: 'tenant_id' },
  {
    does: 'names an address that no mail can go to',
    message: from({ recipients: [...goodJob.recipients, { userid: 1003, email: 'nobody' }] }),
    finds: 'advice/address-undeliverable',
    at: 'recipients[2].email',
  },
  {
    does: 'names a recipient twice',
    mistake: 11,
    message: from({ recipients: [...goodJob.recipients, goodJob.recipients[0]] }),
    finds: 'advice/recipient-repeated',
    at: 'recipients',
  },
]
