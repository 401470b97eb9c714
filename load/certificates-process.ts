import type { Faker } from '@faker-js/faker'
import { faker as german } from '@faker-js/faker/locale/de'
import { faker as english } from '@faker-js/faker/locale/en_GB'
import { faker as spanish } from '@faker-js/faker/locale/es'
import { faker as french } from '@faker-js/faker/locale/fr'
import { faker as japanese } from '@faker-js/faker/locale/ja'
import { faker as polish } from '@faker-js/faker/locale/pl'
import { createCertificateRenderer } from '../emulator/worker/certificate/render-pool.ts'
import type { CertificateInput } from '../emulator/worker/certificate/renderer.ts'
import { defaultTemplate } from '../emulator/worker/certificate/template/default-layout.ts'
import { renderNaively } from './naive-certificate.ts'

export type Rendering = 'latin' | 'japanese' | 'naive'

export interface Measured {
  /** Microseconds of CPU time a certificate. */
  readonly cpu: number
  readonly bytes: number
  readonly largest: number
  /** Bytes resident at the end. */
  readonly memory: number
}

const [kind = 'latin', count = '10000', size = '200'] = process.argv.slice(2)
const isJapanese = kind === 'japanese'
const people: readonly Faker[] = isJapanese ? [japanese] : [english, german, french, spanish, polish]
for (const [index, faker] of people.entries()) faker.seed(index)

const fixed = isJapanese
  ? { course: '情報保護入門', date: '2026年3月14日', issuer: '東京情報大学' }
  : { course: 'Introduction to Data Protection', date: 'March 14, 2026', issuer: 'ManiReports Academy' }

function inputOf(index: number): CertificateInput {
  const { person, string } = people[index % people.length] ?? english
  const [first, last] = [person.firstName(), person.lastName()]
  const fullname = isJapanese ? `${last} ${first}` : `${first} ${last}`
  const verificationCode = string.hexadecimal({ length: 16, casing: 'upper', prefix: '' })
  const verificationUrl = `http://127.0.0.1:4566/verify/${verificationCode}`
  const own = { fullname, grade: `${50 + (index % 50)} %` }
  return {
    recipient: String(index),
    values: { ...fixed, ...own, verification_code: verificationCode, verification_url: verificationUrl },
    title: `Certificate: ${fullname}`,
    job: 'job_8fa31bc2',
    date: Date.UTC(2026, 2, 14),
    verificationCode,
    verificationUrl,
  }
}

const language = isJapanese ? 'ja' : 'en'
const { layout, layoutId } = defaultTemplate(language)
const batch = { layout, layoutId, locale: language, issuer: fixed.issuer }
const renderer = createCertificateRenderer({ threads: 0 })

async function render(inputs: readonly CertificateInput[]): Promise<readonly number[]> {
  if (kind === 'naive') {
    const sizes: number[] = []
    for (const input of inputs) sizes.push((await renderNaively(input)).byteLength)
    return sizes
  }
  return (await renderer.render(batch, inputs)).map((one) => {
    if ('error' in one) throw new Error(one.error)
    return one.pieces[0].byteLength + one.pieces[1].byteLength
  })
}

const total = kind === 'naive' ? Math.ceil(Number(count) / 50) : Number(count)
const perBatch = Number(size)
let made = 0
const next = () => Array.from({ length: Math.min(perBatch, total - made) }, () => inputOf(made++))

// What is loaded and compiled once is not what a certificate costs.
const warming = kind === 'naive' ? 5 : 4000
for (let index = 0; index < warming; index += perBatch) {
  await render(Array.from({ length: Math.min(perBatch, warming - index) }, (_, at) => inputOf(index + at)))
}

let cpu = 0
let bytes = 0
let largest = 0
while (made < total) {
  const inputs = next()
  const before = process.cpuUsage()
  const sizes = await render(inputs)
  const { user, system } = process.cpuUsage(before)
  cpu += user + system
  for (const one of sizes) {
    bytes += one
    largest = Math.max(largest, one)
  }
}
const result: Measured = { cpu: cpu / total, bytes: bytes / total, largest, memory: process.memoryUsage.rss() }
console.log(JSON.stringify(result))
