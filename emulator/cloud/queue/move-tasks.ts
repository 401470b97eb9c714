import type { Clock, Timer } from '../../kernel/clock.ts'
import type { Ids } from '../../kernel/ids.ts'
import type { Store } from '../../kernel/store.ts'
import { messageOf } from '../../kernel/errors.ts'
import { invalidParameter, resourceNotFound, unsupportedOperation } from './errors.ts'
import type { Messages } from './messages.ts'
import type { Queue, Registry } from './registry.ts'

export type MoveTaskStatus = 'RUNNING' | 'COMPLETED' | 'CANCELLED' | 'FAILED'

export interface MoveTask {
  readonly handle: string
  readonly status: MoveTaskStatus
  readonly sourceArn: string
  readonly destinationArn: string | undefined
  /** Messages a second; undefined: as fast as it goes. */
  readonly rate: number | undefined
  readonly moved: number
  readonly toMove: number
  readonly failure: string | undefined
  /** Epoch milliseconds. */
  readonly startedAt: number
}

/** Dead letters on their way back, as StartMessageMoveTask wants it. A task that runs goes on after a restart. */
export interface MoveTasks {
  start(source: Queue, destination: Queue | undefined, rate: number | undefined): string
  /** The newest first. */
  list(source: Queue, most: number): MoveTask[]
  /** Answers how many were moved. */
  cancel(handle: string): number
  /** Goes on with what was running when the process before ended. */
  resume(): void
  close(): void
}

interface Row {
  id: string
  source: string
  destination: string | null
  rate: number | null
  status: MoveTaskStatus
  moved: number
  stuck: number
  to_move: number
  failure: string | null
  started_at: number
}

/** In one transaction where no rate is asked for. */
const batch = 500

const writeHandle = ({ id, source }: Pick<Row, 'id' | 'source'>) =>
  Buffer.from(JSON.stringify({ taskId: id, sourceArn: source })).toString('base64')

function readHandle(handle: string): { taskId: string; sourceArn: string } {
  try {
    const { taskId, sourceArn } = JSON.parse(Buffer.from(handle, 'base64').toString()) as Record<string, unknown>
    if (typeof taskId === 'string' && typeof sourceArn === 'string') return { taskId, sourceArn }
  } catch {
    // What cannot be read is refused below.
  }
  throw invalidParameter('Value for parameter TaskHandle is invalid.')
}

export interface MoveTasksOptions {
  readonly store: Store
  readonly clock: Clock
  readonly ids: Ids
  readonly registry: Registry
  readonly messages: Messages
}

export function createMoveTasks({ store, clock, ids, registry, messages }: MoveTasksOptions): MoveTasks {
  store.define(`
    CREATE TABLE IF NOT EXISTS message_move_tasks (
      ordinal INTEGER PRIMARY KEY,
      id TEXT NOT NULL UNIQUE,
      source TEXT NOT NULL,
      destination TEXT,
      rate INTEGER,
      status TEXT NOT NULL,
      moved INTEGER NOT NULL DEFAULT 0,
      stuck INTEGER NOT NULL DEFAULT 0,
      to_move INTEGER NOT NULL,
      failure TEXT,
      started_at INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS message_move_tasks_source ON message_move_tasks (source, ordinal);
  `)
  const timers = new Map<string, Timer>()
  let closed = false

  const find = (id: string) => store.get<Row>('SELECT * FROM message_move_tasks WHERE id = ?', id)
  const end = (id: string, status: MoveTaskStatus, failure: string | null = null) =>
    store.run('UPDATE message_move_tasks SET status = ?, failure = ? WHERE id = ?', status, failure, id)

  /** Moves the next of them; answers whether there are more. */
  const step = (id: string): boolean => {
    const task = find(id)
    if (task?.status !== 'RUNNING') return false
    const source = registry.findArn(task.source)
    const destination = task.destination === null ? undefined : registry.findArn(task.destination)
    if (source === undefined || (task.destination !== null && destination === undefined)) {
      end(id, 'FAILED', 'AWS.SimpleQueueService.NonExistentQueue')
      return false
    }
    const most = task.rate ?? batch
    const targetOf = (name: string | undefined) => destination ?? (name === undefined ? undefined : registry.find(name))
    const { moved, stuck } = messages.moveBack(source, targetOf, { most, skip: task.stuck })
    store.run('UPDATE message_move_tasks SET moved = moved + ?, stuck = stuck + ? WHERE id = ?', moved, stuck, id)
    if (moved + stuck === most) return true
    if (task.stuck + stuck > 0) end(id, 'FAILED', 'CouldNotDetermineMessageSource')
    else end(id, 'COMPLETED')
    return false
  }

  const schedule = (id: string, delayMs: number) => {
    const run = async () => {
      timers.delete(id)
      try {
        if (await store.write(() => !closed && step(id))) schedule(id, find(id)?.rate == null ? 0 : 1000)
      } catch (error) {
        if (!closed) end(id, 'FAILED', messageOf(error))
      }
    }
    if (!closed)
      timers.set(
        id,
        clock.at(clock.deadline(delayMs), () => void run()),
      )
  }

  return {
    start(source, destination, rate) {
      const running = store.get("SELECT 1 FROM message_move_tasks WHERE source = ? AND status = 'RUNNING'", source.arn)
      if (running !== undefined) {
        throw invalidParameter(
          'There is already a task running. Only one active task is allowed for a source queue arn at a given time.',
        )
      }
      const id = ids.next('move task')
      store.run(
        `INSERT INTO message_move_tasks (id, source, destination, rate, status, to_move, started_at)
         VALUES (?, ?, ?, ?, 'RUNNING', ?, ?)`,
        id,
        source.arn,
        destination?.arn ?? null,
        rate ?? null,
        messages.count(source).visible,
        clock.now(),
      )
      schedule(id, rate === undefined ? 0 : 1000)
      return writeHandle({ id, source: source.arn })
    },
    list: (source, most) =>
      store
        .all<Row>('SELECT * FROM message_move_tasks WHERE source = ? ORDER BY ordinal DESC LIMIT ?', source.arn, most)
        .map((row) => ({
          handle: writeHandle(row),
          status: row.status,
          sourceArn: row.source,
          destinationArn: row.destination ?? undefined,
          rate: row.rate ?? undefined,
          moved: row.moved,
          toMove: row.to_move,
          failure: row.failure ?? undefined,
          startedAt: row.started_at,
        })),
    cancel(handle) {
      const { taskId, sourceArn } = readHandle(handle)
      if (registry.findArn(sourceArn) === undefined) {
        throw resourceNotFound("The resource that you specified for the SourceArn parameter doesn't exist.")
      }
      const task = find(taskId)
      if (task === undefined || task.source !== sourceArn) throw resourceNotFound('Task does not exist.')
      if (task.status !== 'RUNNING') throw unsupportedOperation('Only active tasks can be cancelled.')
      end(taskId, 'CANCELLED')
      timers.get(taskId)?.cancel()
      timers.delete(taskId)
      return task.moved
    },
    resume() {
      for (const { id, rate } of store.all<Row>("SELECT * FROM message_move_tasks WHERE status = 'RUNNING'")) {
        schedule(id, rate === null ? 0 : 1000)
      }
    },
    close() {
      closed = true
      for (const timer of timers.values()) timer.cancel()
    },
  }
}
