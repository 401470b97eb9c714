import { z } from 'zod'
import type { JsonObject } from '../../../contracts/json.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Store } from '../../kernel/store.ts'
import { checkTemplate, render, TemplateError } from '../mail/handlebars.ts'
import { parseBody, refuse, refuseFields } from './refusal.ts'

/** A version of a dynamic template, as SendGrid's API shows it. */
export interface SendgridVersion {
  readonly id: string
  readonly template_id: string
  /** One version of a template is sent. */
  readonly active: 0 | 1
  readonly name: string
  readonly subject: string
  readonly html_content: string
  readonly plain_content: string
  readonly generate_plain_content: boolean
  readonly editor: string
  readonly updated_at: string
}

export interface SendgridTemplate {
  /** `d-` and 32 hex digits. */
  readonly id: string
  readonly name: string
  readonly generation: 'dynamic'
  readonly updated_at: string
  readonly versions: readonly SendgridVersion[]
}

export interface RenderedTemplate {
  readonly subject: string
  readonly text: string | undefined
  readonly html: string | undefined
}

/**
 * SendGrid's dynamic templates. Throws `invalid` and `not-found`.
 * Source: https://www.twilio.com/docs/sendgrid/api-reference/transactional-templates
 */
export interface SendgridTemplates {
  create(body: unknown): SendgridTemplate
  list(limit: number): SendgridTemplate[]
  get(id: string): SendgridTemplate
  update(id: string, body: unknown): SendgridTemplate
  remove(id: string): void
  addVersion(template: string, body: unknown): SendgridVersion
  getVersion(template: string, id: string): SendgridVersion
  updateVersion(template: string, id: string, body: unknown): SendgridVersion
  activate(template: string, id: string): SendgridVersion
  removeVersion(template: string, id: string): void
  /** The active version with its data; refused where there is none. */
  render(id: string, data: JsonObject): RenderedTemplate
  reset(): void
}

const nameOf = z.string({ error: 'The template name is required.' }).min(1).max(100)
const created = z.object({
  name: nameOf,
  generation: z.literal('dynamic', {
    error: 'Offload keeps dynamic templates alone: send "generation": "dynamic".',
  }),
})
/** 1 MB is what SendGrid keeps. */
const content = z.string().max(1024 * 1024)
const version = z.object({
  name: z.string().min(1).max(100),
  subject: z.string().max(255).default(''),
  html_content: content.default(''),
  plain_content: content.default(''),
  generate_plain_content: z.boolean().default(true),
  active: z.union([z.literal(0), z.literal(1)]).optional(),
  editor: z.enum(['code', 'design']).default('code'),
})
type Given = z.output<typeof version>

const mostTemplates = 300
const mostVersions = 300

interface TemplateRow {
  id: string
  name: string
  updated_at: number
}
interface VersionRow {
  id: string
  template_id: string
  active: 0 | 1
  content: string
  updated_at: number
}

const time = (at: number) => new Date(at).toISOString().slice(0, 19).replace('T', ' ')

const versionOf = ({ id, template_id, active, content: json, updated_at }: VersionRow): SendgridVersion => ({
  id,
  template_id,
  active,
  ...(JSON.parse(json) as Omit<Given, 'active'>),
  updated_at: time(updated_at),
})

export function createSendgridTemplates({
  store,
  clock,
  ids,
}: {
  store: Store
  clock: Clock
  ids: Ids
}): SendgridTemplates {
  store.define(`
    CREATE TABLE IF NOT EXISTS sendgrid_templates (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL,
      updated_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sendgrid_template_versions (
      id TEXT PRIMARY KEY,
      template_id TEXT NOT NULL,
      active INTEGER NOT NULL,
      content TEXT NOT NULL,
      updated_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS sendgrid_versions_of ON sendgrid_template_versions (template_id);
  `)
  const versionsOf = (template: string) =>
    store
      .all<VersionRow>(
        'SELECT * FROM sendgrid_template_versions WHERE template_id = ? ORDER BY updated_at, id',
        template,
      )
      .map(versionOf)
  const templateOf = ({ id, name, updated_at }: TemplateRow): SendgridTemplate => ({
    id,
    name,
    generation: 'dynamic',
    updated_at: time(updated_at),
    versions: versionsOf(id),
  })
  const get = (id: string) => {
    const row = store.get<TemplateRow>('SELECT * FROM sendgrid_templates WHERE id = ?', id)
    if (row === undefined) throw refuse('not-found', `There is no template ${id.slice(0, 80)}.`)
    return templateOf(row)
  }
  const getVersion = (template: string, id: string) => {
    const found = get(template).versions.find((one) => one.id === id)
    if (found === undefined) throw refuse('not-found', `There is no version ${id.slice(0, 80)} of this template.`)
    return found
  }
  const activate = (template: string, id: string) =>
    store.tx(() => {
      store.run('UPDATE sendgrid_template_versions SET active = (id = ?) WHERE template_id = ?', id, template)
      return getVersion(template, id)
    })
  const read = (body: unknown, known: object = {}): Given => {
    const given = parseBody(version, typeof body === 'object' && body !== null ? { ...known, ...body } : body)
    for (const field of ['subject', 'html_content', 'plain_content'] as const) {
      try {
        checkTemplate(given[field])
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error
        throw refuseFields([{ field, message: error.message }])
      }
    }
    return given
  }
  const write = (template: string, id: string, { active, ...kept }: Given, wasActive: boolean) =>
    store.tx(() => {
      store.run(
        'INSERT OR REPLACE INTO sendgrid_template_versions VALUES (?, ?, ?, ?, ?)',
        id,
        template,
        wasActive ? 1 : 0,
        JSON.stringify(kept),
        clock.now(),
      )
      return active === 1 ? activate(template, id) : getVersion(template, id)
    })

  return {
    create(body) {
      const { name } = parseBody(created, body)
      const held = store.get<{ held: number }>('SELECT count(*) AS held FROM sendgrid_templates')?.held ?? 0
      if (held >= mostTemplates) {
        throw refuse('invalid', `There are ${mostTemplates} templates already, as many as SendGrid keeps.`)
      }
      const id = `d-${ids.next('sendgrid-template').replaceAll('-', '')}`
      store.run('INSERT INTO sendgrid_templates VALUES (?, ?, ?)', id, name, clock.now())
      return get(id)
    },
    list: (limit) =>
      store.all<TemplateRow>('SELECT * FROM sendgrid_templates ORDER BY updated_at, id LIMIT ?', limit).map(templateOf),
    get,
    update(id, body) {
      const { name } = parseBody(z.object({ name: nameOf }), body)
      get(id)
      store.run('UPDATE sendgrid_templates SET name = ?, updated_at = ? WHERE id = ?', name, clock.now(), id)
      return get(id)
    },
    remove(id) {
      get(id)
      store.tx(() => {
        store.run('DELETE FROM sendgrid_templates WHERE id = ?', id)
        store.run('DELETE FROM sendgrid_template_versions WHERE template_id = ?', id)
      })
    },
    addVersion(template, body) {
      const { versions } = get(template)
      if (versions.length >= mostVersions) {
        throw refuse('invalid', `This template has ${mostVersions} versions already, as many as SendGrid keeps.`)
      }
      const given = read(body)
      // The first one is the one that is sent.
      return write(template, ids.next('sendgrid-version'), given, versions.length === 0)
    },
    getVersion,
    updateVersion(template, id, body) {
      const { id: _id, template_id: _template, updated_at: _at, active, ...known } = getVersion(template, id)
      return write(template, id, read(body, known), active === 1)
    },
    activate(template, id) {
      getVersion(template, id)
      return activate(template, id)
    },
    removeVersion(template, id) {
      getVersion(template, id)
      store.run('DELETE FROM sendgrid_template_versions WHERE id = ?', id)
    },
    render(id, data) {
      const shown = JSON.stringify(id.slice(0, 80))
      const row = store.get<TemplateRow>('SELECT * FROM sendgrid_templates WHERE id = ?', id)
      if (row === undefined) {
        throw refuseFields([
          {
            field: 'template_id',
            message: `There is no template ${shown}. Create it by POST /v3/templates and POST /v3/templates/ID/versions.`,
          },
        ])
      }
      const found = versionsOf(id).find(({ active }) => active === 1)
      if (found === undefined) {
        throw refuseFields([{ field: 'template_id', message: `The template ${shown} has no active version.` }])
      }
      const options = { missing: 'empty' } as const
      try {
        return {
          subject: render(found.subject, data, { ...options, escapes: false }),
          text:
            found.plain_content === '' ? undefined : render(found.plain_content, data, { ...options, escapes: false }),
          html: found.html_content === '' ? undefined : render(found.html_content, data, { ...options, escapes: true }),
        }
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error
        throw refuseFields([{ field: 'template_id', message: error.message }])
      }
    },
    reset() {
      store.run('DELETE FROM sendgrid_templates')
      store.run('DELETE FROM sendgrid_template_versions')
    },
  }
}
