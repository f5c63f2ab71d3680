/** One table of the bench. */
export interface Section {
  readonly title: string
  readonly header: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** What a reader must know to read the figures rightly. */
  readonly note?: string
}

/** CPU time of this process that `work` took, in microseconds. */
export async function cpuUs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return user + system
}

/** The least of several rounds: other work on the machine only ever adds. */
export async function leastCpuUs(
  rounds: number,
  perRound: number,
  work: () => unknown,
): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < rounds; round++)
    least = Math.min(least, (await cpuUs(work)) / perRound)
  return least
}
