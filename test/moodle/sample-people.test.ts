import { expect, it } from 'vitest'
import { jobTypes } from '../../contracts/job.ts'
import { sampleRecipients } from '../../emulator/moodle/sample-people.ts'

it('the seed’s import has 500 people with accounts, of whom two bounce', async () => {
  const { type, recipients } = await sampleRecipients({ count: 500, kind: 'csv_import', seed: 's', bounces: 2 })
  expect(type).toBe('csv_import')
  expect(recipients).toHaveLength(500)
  const bounces = recipients.filter(({ email }) => /^bounce\+\d+@simulator\.amazonses\.com$/.test(email))
  expect(bounces).toHaveLength(2)
  expect(recipients.filter(({ email }) => /^[a-z0-9.]+@example\.com$/.test(email))).toHaveLength(498)
  expect(new Set(recipients.map(({ email }) => email)).size).toBe(500)
  expect(new Set(recipients.map(({ userid }) => userid)).size).toBe(500)
  expect(recipients[0]?.data).toEqual({
    username: expect.stringContaining('.1') as string,
    password: expect.stringMatching(/^Temp-\w{10}$/) as string,
    loginurl: 'https://moodle.test/login/index.php',
  })
  const names = recipients.map(({ firstname, lastname }) => `${firstname} ${lastname}`).join()
  for (const script of [/[ąćęłńóśżěščřžığşữạ]/i, /\p{Script=Greek}/u, /\p{Script=Cyrillic}/u])
    expect(names).toMatch(script)
})

it('the same seed gives the same people, another gives others', async () => {
  const sample = async (seed: string) => JSON.stringify(await sampleRecipients({ count: 20, kind: 'licence', seed }))
  expect(await sample('a')).toBe(await sample('a'))
  expect(await sample('b')).not.toBe(await sample('a'))
})

it.each([...jobTypes, 'license_allocation', 'EMAIL_WELCOME_STD'])('there is a sample of type %s', async (kind) => {
  const sample = await sampleRecipients({ count: 3, kind, seed: 's', bounces: 9 })
  expect(sample.recipients.every(({ email }) => email.startsWith('bounce+'))).toBe(true)
  expect(sample.subject === undefined).toBe(kind !== 'custom')
})

it('an unknown type is refused with the list', async () => {
  await expect(sampleRecipients({ count: 1, kind: 'toString', seed: 's' })).rejects.toThrow(
    /no job type "toString": take one of reminder, /,
  )
})
