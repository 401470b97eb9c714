/** What the documents say about a field, by its name; the same name means the same in every dialect. */
const fieldWords: Readonly<Record<string, string>> = {
  action_type: 'Mail, a certificate, or both.',
  artifact_url: 'Link to the certificate.',
  attempts: 'How often the recipient was tried.',
  callback_secret: "Signs this job's callbacks. Advised against: keep it in the settings of both sides.",
  callback_url: 'Where the callbacks of this job go; the settings decide where there is none.',
  certificate_template: 'Name of the certificate template.',
  certificate_url: 'Link to the certificate; it expires.',
  companyid: 'Company (tenant).',
  company_id: 'Company (tenant).',
  courseid: 'Moodle course id.',
  created_at: 'When the job was made, ISO 8601.',
  created_by: "Moodle user id of the job's author.",
  custom_html: "The mail's html, in place of the template's.",
  custom_subject: "The mail's subject, in place of the template's.",
  email: 'One address. One that no mail can go to fails its recipient, not the job.',
  emails_failed: 'Recipients of the whole job that failed.',
  emails_sent: 'Recipients of the whole job whose mail was sent.',
  error: 'Why the recipient failed.',
  error_message: 'Why the recipient failed.',
  errors: 'What failed, one text a recipient.',
  external_id: "The mail's Message-ID.",
  failed_records: 'Recipients of the whole job that failed.',
  generate_certificate: 'Make a certificate for each recipient.',
  html: "The mail's html, in place of the template's.",
  id: "The recipient's row id: its key where there is no userid.",
  job_id: 'Comes back in the callback exactly as it was sent, number or string.',
  job_uuid: 'Comes back in the callback exactly as it was sent, number or string.',
  message_id: "The mail's Message-ID.",
  parent_job_id: 'The job whose failed recipients this one retries.',
  payload_summary: 'Subject and template, as an object or as JSON in a string.',
  processed_records: 'Recipients of the whole job whose mail was sent.',
  recipient_data: "The recipient's data as JSON in a string: firstname, lastname, username, password, …",
  recipient_updates: 'Recipients whose outcome is new; others may follow in a later callback.',
  subject: "The mail's subject, in place of the template's.",
  template_data: 'Values for the template; PHP writes an empty one as [].',
  template_id: 'Name of the mail template.',
  tenant_id: 'Company (tenant); without it the SQS message attribute CompanyId, else the header x-tenant-id, else 0.',
  timesent: 'When the mail was sent, epoch seconds.',
  token: "Equal to the company's secret; compare it in constant time.",
  userid: "Moodle user id: the recipient's key in its job.",
}

/** Where a name means something else in a callback. */
export const callbackWords: Readonly<Record<string, string>> = {
  ...fieldWords,
  email: "The recipient's address, as the job had it.",
  job_id: "The job's id, exactly as it was submitted.",
  job_uuid: "The job's id, exactly as it was submitted.",
  timestamp: 'When this attempt was signed, epoch seconds; more than 300 s from the clock is refused with 401.',
}

export const jobWords: Readonly<Record<string, string>> = {
  ...fieldWords,
  timestamp: 'When the job was made, ISO 8601.',
}

/** Rules of a job message that JSON Schema cannot say; the reader holds them. */
export const unsayable =
  'Beyond this schema a job is refused where one userid (or row id) has two contents, where JSON nests deeper than 64 ' +
  'levels or has a name twice in an object, where a recipient is longer than 65,536 characters, where a string ' +
  'that should hold JSON holds none or lacks what is needed, or where callback_url is no URL. Lengths are counted in UTF-16 units by the reader. On SQS the type may also come as the message ' +
  'attribute JobType.'
