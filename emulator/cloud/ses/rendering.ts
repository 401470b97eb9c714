import type { JsonObject } from '../../../contracts/json.ts'
import * as handlebars from '../mail/handlebars.ts'
import { attributeMissing, renderingDataInvalid, templateInvalid } from './errors.ts'

/** Throws `template-invalid`. */
export const checkTemplate = (template: string): void => inSesWords(() => handlebars.checkTemplate(template))

/**
 * Nothing is escaped, in html neither. Throws `rendering-attribute-missing` where the data lacks what the template
 * names, `template-invalid`. Source: https://docs.aws.amazon.com/ses/latest/dg/send-personalized-email-advanced.html
 */
export const render = (template: string, data: JsonObject): string =>
  inSesWords(() => handlebars.render(template, data, { escapes: false, missing: 'refused' }))

function inSesWords<Result>(run: () => Result): Result {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof handlebars.TemplateError)) throw error
    throw error.code === 'template-data-missing'
      ? attributeMissing(String(error.details['name']))
      : templateInvalid(error.message)
  }
}

/** TemplateData, a JSON object as text; several are laid over each other. Throws `rendering-data-invalid`. */
export function readTemplateData(...texts: readonly (string | undefined)[]): JsonObject {
  return Object.assign(
    {},
    ...texts.map((text) => {
      if (text === undefined || text === '') return {}
      let value: unknown
      try {
        value = JSON.parse(text)
      } catch {
        throw renderingDataInvalid()
      }
      if (typeof value !== 'object' || value === null || Array.isArray(value)) throw renderingDataInvalid()
      return value
    }),
  ) as JsonObject
}
