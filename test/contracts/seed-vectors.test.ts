import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { CallbackContent } from '../../contracts/callback.ts'
import { decodeCallback, decodeJobText, encodeCallback } from '../../contracts/dialects/index.ts'
import type { Job } from '../../contracts/job.ts'
import { accepted } from './jobs.ts'

function vector(name: string): Uint8Array {
  return readFileSync(new URL(`vectors/${name}.json`, import.meta.url))
}

function parsed(name: string): unknown {
  return JSON.parse(Buffer.from(vector(name)).toString())
}

describe("the documents' own examples of a job", () => {
  const expected: [string, Partial<Job>, Partial<Job['recipients'][number]>][] = [
    [
      'spec-job',
      {
        dialect: 'spec',
        jobId: '550e8400-e29b-41d4-a716-446655440000',
        tenant: 123,
        type: 'reminder',
        typeName: 'send_reminder',
        action: 'both',
        courseId: 101,
        createdBy: 50,
        templateId: 'course_completion_reminder',
        certificateTemplate: 'default',
        callbackUrl: 'https://yourmoodle.com/local/manireports/ui/ajax/cloud_callback.php',
        callbackSecret: 'hmac_secret_key',
        timestamp: '2025-11-18T12:00:00Z',
        templateData: {
          course_name: 'Introduction to PHP',
          course_url: 'https://yourmoodle.com/course/view.php?id=101',
          due_date: '2025-12-31',
          completion_percentage: 45,
        },
      },
      { key: '1001', userid: 1001, email: 'user1@example.com', firstname: 'John', lastname: 'Doe' },
    ],
    [
      'spec-specification-job',
      { dialect: 'spec', jobId: 'UUIDv4', tenant: 123, templateId: 'reminder_v1', action: 'both' },
      { key: '1001', email: 'u1@example.com' },
    ],
    [
      'flow-csv-import-job',
      {
        dialect: 'flow',
        jobId: 12345,
        tenant: 1,
        type: 'csv_import',
        action: 'email',
        timestamp: '2024-11-22 10:30:00',
      },
      { email: 'user1@example.com', data: { password: 'TempPass123' } },
    ],
    [
      'flow-license-allocation-job',
      { dialect: 'flow', jobId: 12346, tenant: 5, type: 'licence' },
      { email: 'manager1@company.com', data: { license_code: 'LIC-001' } },
    ],
    [
      'flow-reengagement-job',
      { dialect: 'flow', jobId: 12347, tenant: 1, type: 'reengagement' },
      { email: 'student1@example.com', data: { course: 'Math 101' } },
    ],
    [
      'detailed-certificate-job',
      { dialect: 'detailed', tenant: 9, type: 'certificate', action: 'certificate', subject: 'Your certificate' },
      { key: '11', userid: 11, data: { course: 'Compliance 2025', grade: '92 %' } },
    ],
  ]
  it.each(expected)('%s', (name, job, first) => {
    const read = accepted(decodeJobText(vector(name)))
    expect(read).toMatchObject(job)
    expect(read.recipients[0]).toMatchObject(first)
  })

  it('plugin-user-created-job: rows, ids as strings, the tenant beside the body', () => {
    const read = accepted(decodeJobText(vector('plugin-user-created-job'), { tenant: 42, jobType: 'user_created' }))
    expect(read).toMatchObject({
      dialect: 'plugin',
      jobId: 77,
      tenant: 42,
      type: 'welcome',
      subject: 'Your new account',
      html: '<p>Welcome to the academy.</p>',
    })
    expect(read.recipients[1]).toMatchObject({
      key: '902',
      firstname: 'Bo',
      lastname: 'Li',
      data: { username: 'bo', password: 'TempPass456', loginurl: 'https://yourmoodle.com/login/index.php' },
    })
    expect(read.recipients[1]?.userid).toBeUndefined()
  })
})

describe("the documents' own examples of a callback", () => {
  const content: CallbackContent = {
    dialect: 'spec',
    jobId: '550e8400-e29b-41d4-a716-446655440000',
    tenant: 123,
    status: 'completed',
    sent: 1,
    failed: 1,
    updates: [
      {
        key: '1001',
        userid: 1001,
        email: 'user1@example.com',
        status: 'sent',
        certificateUrl: 'https://s3.amazonaws.com/bucket/cert-1001.pdf?presigned',
        timeSent: 1700308800,
        attempts: 1,
      },
      {
        key: '1002',
        userid: 1002,
        email: 'user2@example.com',
        status: 'failed',
        error: 'Email bounce: Invalid address',
        attempts: 3,
      },
    ],
  }

  it('spec: what we write is the example, field for field and in its order', () => {
    const { body } = encodeCallback(content, { secret: 's', token: 't', now: 1700308900_000 })
    expect(body).toBe(JSON.stringify(parsed('spec-callback')))
  })

  it('flow: counts and the addresses that failed', () => {
    const updates = ['invalid_email@example.com', 'bounced_user@example.com'].map((email) => ({
      key: email,
      email,
      status: 'failed' as const,
      attempts: 1,
    }))
    const { body } = encodeCallback(
      { ...content, dialect: 'flow', jobId: 12345, sent: 498, failed: 2, updates },
      { secret: 's', token: 't', now: 0 },
    )
    expect(JSON.parse(body)).toEqual(parsed('flow-completed-callback'))
  })

  it.each(['flow-completed-callback', 'flow-partial-callback'])('%s is read', (name) => {
    expect(decodeCallback(parsed(name), 'flow')).toMatchObject({ ok: true, callback: { jobId: 12345 } })
  })
})
