/** How something that was started ends again. */
export type Stop = () => void | Promise<void>

/** Ends all, the last first, each once; goes on where one fails, and throws the first failure then. */
export async function stopEach(stops: Stop[]): Promise<void> {
  const failures: unknown[] = []
  for (let stop = stops.pop(); stop !== undefined; stop = stops.pop()) {
    try {
      await stop()
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures[0]
}
