import * as fc from 'fast-check'
import type { JobToSend, RecipientToSend } from '../../contracts/dialects/index.ts'
import { jobTypes, type ActionType, type Decoded, type Issue, type Job, type JsonObject } from '../../contracts/job.ts'

export const uuid = '550e8400-e29b-41d4-a716-446655440000'

/** The least that `spec` wants. */
export const smallest: JsonObject = {
  job_id: uuid,
  tenant_id: 1,
  type: 'send_reminder',
  recipients: [{ userid: 1001, email: 'u1@example.com' }],
  timestamp: '2025-11-18T12:00:00Z',
}

export function accepted(decoded: Decoded): Job {
  if (!decoded.ok) throw new Error(`refused: ${JSON.stringify(decoded.issues)}`)
  return decoded.job
}

export function refused(decoded: Decoded): readonly Issue[] {
  if (decoded.ok) throw new Error('the job was accepted')
  return decoded.issues
}

/** `path: reason → fix`, as a developer reads it. */
export function inWords(issues: readonly Issue[]): string[] {
  return issues.map(({ path, reason, fix }) => `${path}: ${reason}${fix === undefined ? '' : ` → ${fix}`}`)
}

const text = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .filter((given) => !/[\p{Cc}\p{Cs}]/u.test(given))

const data = fc.dictionary(
  fc.constantFrom('password', 'license_code', 'course', 'username', 'grade'),
  fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), fc.array(text, { maxLength: 2 })),
  { maxKeys: 3 },
)

const recipient: fc.Arbitrary<RecipientToSend> = fc.record(
  {
    userid: fc.integer({ min: 1, max: 1_000_000 }),
    email: fc.oneof(fc.emailAddress(), text),
    firstname: text,
    lastname: text,
    data,
  },
  { requiredKeys: ['userid', 'email'] },
)

const actionTypes: readonly ActionType[] = ['email', 'certificate', 'both']

/** Jobs as the plugin's side may mean them, each recipient once. */
export const anyJob: fc.Arbitrary<JobToSend> = fc.record(
  {
    jobId: fc.oneof(fc.uuid(), fc.integer({ min: 1 })),
    tenant: fc.integer({ min: 0, max: 100_000 }),
    type: fc.constantFrom(...jobTypes),
    recipients: fc.uniqueArray(recipient, { minLength: 1, maxLength: 8, selector: ({ userid }) => userid }),
    templateId: text,
    templateData: fc.dictionary(text, text, { maxKeys: 3 }),
    courseId: fc.nat(),
    createdBy: fc.nat(),
    actionType: fc.constantFrom(...actionTypes),
    generateCertificate: fc.boolean(),
    certificateTemplate: text,
    subject: text,
    html: text,
    callbackUrl: fc.webUrl({ size: 'small' }),
    callbackSecret: text,
    parentJobId: fc.oneof(fc.uuid(), fc.integer({ min: 1 })),
    timestamp: fc.constant('2025-11-18T12:00:00Z'),
  },
  { requiredKeys: ['jobId', 'tenant', 'type', 'recipients', 'timestamp', 'subject', 'html'] },
)
