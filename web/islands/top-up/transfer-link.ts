import type { Nano } from '#base/nano.ts'

/** What every TON wallet opens. */
export function transferLink(to: {
  readonly address: string
  readonly memo: string
  readonly amount: Nano | undefined
}): string {
  const amount = to.amount === undefined ? '' : `amount=${to.amount}&`
  return `ton://transfer/${to.address}?${amount}text=${to.memo}`
}
