import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { jsonSchema } from './schema.ts'

// For editors: run after schema.ts was changed.
writeFileSync(join(import.meta.dirname, 'scenario.schema.json'), `${JSON.stringify(jsonSchema(), null, 2)}\n`)
