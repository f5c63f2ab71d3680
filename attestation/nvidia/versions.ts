/** Compares dotted versions part by part: "570.172.08" as decimals, "96.00.9F.00.04" as hex. */
export function compareVersions(a: string, b: string, radix: 10 | 16): number {
  const [left, right] = [a, b].map((text) => text.split('.'))
  const length = Math.max(left?.length ?? 0, right?.length ?? 0)
  for (let i = 0; i < length; i++) {
    const part = (parts: readonly string[] | undefined): number =>
      Number.parseInt(parts?.[i] ?? '0', radix)
    const difference = part(left) - part(right)
    if (difference !== 0) return difference
  }
  return 0
}
