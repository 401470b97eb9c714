import type { DeploymentCase, Observation, SeenCertificate } from './case.ts'
import { accepted, everybodyTold, fail, first, pass, unobserved, whole, type Look } from './judge.ts'
import { nameOf } from './seen.ts'

/** Beyond seven days AWS signs no link. */
const longestLink = 604_800

const except: DeploymentCase['except'] = {
  flow: 'its callback names no certificate',
  plugin: 'its callback names no certificate',
}

function certificates(
  given: Pick<DeploymentCase, 'id' | 'title' | 'fix'>,
  look: 'open' | 'alter',
  judge: (observation: Observation) => ReturnType<DeploymentCase['judge']>,
): DeploymentCase {
  return {
    ...given,
    level: 'required',
    needs: [],
    except,
    plan(context) {
      const job = context.invent(['success', 'success'], { type: 'certificate', certificate: true })
      return { jobs: [job], steps: [{ send: [job.message()], until: whole(job) }], certificates: look }
    },
    judge: first(accepted, everybodyTold, everybodyHas, judge),
  }
}

/** Each of the two has a link. */
const everybodyHas: Look = ({ plan, certificates: seen }) => {
  const [job] = plan.jobs
  const missing = job?.people.find((person) => !seen.some(({ recipient }) => recipient === nameOf(job.dialect, person)))
  return missing === undefined ? undefined : fail(`the callbacks name no certificate for ${missing.email}`)
}

const opened = ({ answers }: SeenCertificate) => answers.find(({ how }) => how === 'as told')

export const certificateCases: readonly DeploymentCase[] = [
  certificates(
    {
      id: 'certificate/pdf',
      title: 'the link to a certificate opens, and it is a PDF',
      fix: "store the document before its link is told; presign GET for the key that was written, in the bucket's own region",
    },
    'open',
    ({ certificates: seen }) => {
      for (const one of seen) {
        const answer = opened(one)
        if (answer?.status !== 200) return fail(`${one.url} answered ${answer?.status ?? answer?.error ?? 'nothing'}`)
        if (!one.pdf.valid) return fail(`${one.url} is no valid PDF: ${one.pdf.reason}`)
      }
      return pass(`${seen.length} open, each a valid PDF`)
    },
  ),
  certificates(
    {
      id: 'certificate/right-name',
      title: 'a certificate bears the name of its recipient',
      fix: 'render one document for each recipient, under a key of its own (tenant, job, recipient)',
    },
    'open',
    ({ certificates: seen, plan }) => {
      const [job] = plan.jobs
      for (const one of seen) {
        const person = job?.people.find((each) => nameOf(job.dialect, each) === one.recipient)
        // What is no PDF is the matter of certificate/pdf.
        if (!one.pdf.valid) return unobserved(`no PDF to read: ${one.pdf.reason}`)
        const { text, hash } = one.pdf
        const twin = seen.find((other) => other !== one && other.pdf.valid && other.pdf.hash === hash)
        if (twin !== undefined) return fail('two recipients have the same document')
        if (text === undefined)
          return unobserved('what a PDF says is read by pdftotext (poppler-utils), which is not installed')
        if (!plain(text).includes(plain(`${person?.firstname}${person?.lastname}`))) {
          return fail(`the certificate of ${person?.firstname} ${person?.lastname} does not bear this name`)
        }
      }
      return pass('each bears its own')
    },
  ),
  certificates(
    {
      id: 'certificate/link-expires',
      title: 'a link ends, and opens nothing without its signature',
      fix: 'a private bucket and presigned links (presigned_url_ttl, 3600 s; at most 7 days), no public objects',
    },
    'alter',
    ({ certificates: seen }) => {
      for (const one of seen) {
        const bare = one.answers.find(({ how }) => how === 'without its query')
        if (bare?.status != null && bare.status < 400) {
          return fail(`without its query the link opens too (${bare.status}): the object is public, and for ever`)
        }
        const late = one.answers.find(({ how }) => how === 'after its end')
        if (late?.status != null && late.status < 400)
          return fail(`after its end the link still opens (${late.status})`)
        if (one.expiresIn === undefined) return unobserved('the link does not say when it ends')
        if (one.expiresIn > longestLink) return fail(`the link is good for ${one.expiresIn} s, more than 7 days`)
      }
      const late = seen.some(({ answers }) => answers.some(({ how }) => how === 'after its end'))
      return pass(`good for ${seen[0]?.expiresIn} s${late ? ', and refused afterwards' : ', as it says itself'}`)
    },
  ),
  certificates(
    {
      id: 'certificate/link-cannot-be-altered',
      title: 'a link that was altered opens nothing: another file, a later end, another signature',
      fix: 'let S3 (or R2) sign and verify the link; a handler of your own must verify the path and the end together with the signature',
    },
    'alter',
    ({ certificates: seen }) => {
      const altered = seen.flatMap(({ answers }) =>
        answers.filter(({ how }) => how !== 'as told' && how !== 'without its query' && how !== 'after its end'),
      )
      const open = altered.find(({ status }) => status !== null && status < 400)
      if (open !== undefined) return fail(`${open.how} it opens (${open.status}): ${open.url}`)
      const broken = altered.find(({ status }) => status !== null && status >= 500)
      if (broken !== undefined) return fail(`${broken.how} it answers ${broken.status}`)
      if (altered.length === 0) return unobserved('the link has nothing to alter: no signature is in it')
      return pass(`refused ${altered.length} times`)
    },
  ),
]

/** Letters alone: lines, spaces and the way in which accents are written are the layout's. */
const plain = (text: string): string =>
  text
    .normalize('NFKD')
    .replace(/[^\p{L}\p{N}]/gu, '')
    .toLowerCase()
