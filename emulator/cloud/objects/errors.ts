import { EmulatorError } from '../../kernel/errors.ts'

/** What the bucket service and its signatures refuse; `emulator/http/s3/errors.ts` says how each looks on the wire. */
export type ObjectsErrorCode =
  | 'no-such-bucket'
  | 'no-such-key'
  | 'key-too-long'
  | 'presign-parameters'
  | 'request-expired'
  | 'request-not-yet-valid'
  | 'headers-not-signed'
  | 'unknown-access-key'
  | 'signature-mismatch'
  | 'malformed-uri'

export class ObjectsError extends EmulatorError<ObjectsErrorCode> {}
