/** Seconds of processor that all threads of this process took since it was last asked. */
export function stopwatch(): () => number {
  let last = process.cpuUsage()
  return () => {
    const { user, system } = process.cpuUsage(last)
    last = process.cpuUsage()
    return (user + system) / 1_000_000
  }
}
