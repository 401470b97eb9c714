import { readFileSync } from 'node:fs'
import { PDFDocument } from '@cantoo/pdf-lib'
import { expect, it } from 'vitest'
import { itemSchemas, layoutSchema } from '../../emulator/worker/certificate/template/schema.ts'
import { createTemplates } from '../../emulator/worker/certificate/template/templates.ts'
import { png, templateFolder } from './template-folder.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

it('the example in the README is a template', async () => {
  const example = /```yaml\n(# certificate-templates\/gold\.yaml\n[^]*?)```/.exec(read('README.md'))?.[1]
  const paper = await PDFDocument.create()
  paper.addPage([842, 595])
  const { folder } = templateFolder({
    'gold.yaml': example ?? '',
    'logo.png': png(40, 20),
    'paper.pdf': await paper.save(),
  })
  const { layout, placeholders } = await createTemplates({ folder }).find('gold', 'en')
  expect(layout.items.map(({ kind }) => kind)).toEqual(['picture', 'text', 'line', 'text', 'qr'])
  expect(placeholders.map(({ name }) => name)).toEqual(['fullname', 'course', 'date', 'grade'])
})

it('every key of a template is in the reference', () => {
  const reference = read('emulator/worker/certificate/template/README.md')
  const rowOf = (key: string) => reference.split('\n').find((line) => line.startsWith(`| \`${key}\` |`)) ?? ''
  for (const key of Object.keys(layoutSchema.shape)) expect([key, rowOf(key)]).not.toEqual([key, ''])
  for (const [type, { shape }] of Object.entries(itemSchemas)) {
    const keys = Object.keys(shape).filter((key) => !['type', 'x', 'y'].includes(key))
    for (const key of keys) expect([type, rowOf(type)]).toEqual([type, expect.stringContaining(`\`${key}\``)])
  }
})
