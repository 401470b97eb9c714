/** What is watched; the first four are the specification's own, the others are what it says must not happen unseen. */
export const alarmNames = [
  'queue-depth',
  'dead-letters',
  'worker-errors',
  'bounce-rate',
  'callback-success',
  'stuck-jobs',
] as const
export type AlarmName = (typeof alarmNames)[number]

/** As CloudWatch names them. */
export const alarmStates = ['OK', 'ALARM', 'INSUFFICIENT_DATA'] as const
export type AlarmState = (typeof alarmStates)[number]
