import type { Json, Recipient, JobFields } from '../../../contracts/job.ts'
import type { CertificateInput } from './renderer.ts'

type Fields = Pick<CertificateInput, 'name' | 'course' | 'date' | 'grade'> & {
  /** What a certificate should say and the job does not. */
  readonly findings: readonly string[]
}

const courseNames = ['course_name', 'coursename', 'course', 'course_fullname']
const dateNames = ['completion_date', 'completiondate', 'date', 'timecompleted', 'completed_at']
const gradeNames = ['grade', 'final_grade', 'finalgrade']

/** What a certificate says, from the recipient first, then from the job's `template_data`. */
export function certificateFields(job: JobFields, recipient: Recipient, acceptedAt: number): Fields {
  const findings: string[] = []
  const find = (names: readonly string[]): string | number | undefined => {
    for (const source of [recipient.data, job.templateData]) {
      for (const name of names) {
        const value: Json | undefined = source[name]
        if ((typeof value === 'string' && value.trim() !== '') || typeof value === 'number') return value
      }
    }
    return undefined
  }
  const fullName = [recipient.firstname, recipient.lastname].filter((part) => part !== undefined && part.trim() !== '')
  const name =
    fullName.length > 0 ? fullName.join(' ') : String(find(['fullname', 'name', 'username']) ?? recipient.email)

  let course = find(courseNames)
  if (course === undefined) {
    course = job.courseId === undefined ? '' : `Course ${job.courseId}`
    findings.push('The certificate has no course title: send `template_data.course_name`.')
  }
  const date = dateOf(find(dateNames)) ?? dateOf(job.timestamp) ?? acceptedAt
  const grade = find(gradeNames)
  return { name, course: String(course), date, ...(grade === undefined ? {} : { grade: String(grade) }), findings }
}

/** Epoch seconds, epoch milliseconds or anything that ISO 8601 allows → epoch milliseconds. */
function dateOf(value: string | number | undefined): number | undefined {
  if (value === undefined) return undefined
  const number = Number(value)
  if (Number.isFinite(number)) return number > 0 && number < 1e14 ? (number < 1e11 ? number * 1000 : number) : undefined
  const parsed = Date.parse(String(value))
  return Number.isNaN(parsed) ? undefined : parsed
}
