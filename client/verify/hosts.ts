import type { VerifiedRunner } from './verify-runner.ts'

/** Runners that could be one party or one machine, under one name. */
export interface Host {
  /** Stays the same while its runners do. */
  readonly name: string
  readonly runners: readonly VerifiedRunner[]
}

/** Machines that hide which chip they are could all be one. */
const HIDDEN_CHIP = 'hidden'

/**
 * Runners grouped so that no two groups share a chip or a payee: one machine with many payees is one host, and so is
 * one payee with many machines (H12).
 */
export function hostsAmong(runners: readonly VerifiedRunner[]): readonly Host[] {
  let groups: { readonly marks: readonly string[]; readonly runners: readonly VerifiedRunner[] }[] =
    []
  for (const runner of runners) {
    const { hardware } = runner.attested
    const own = [runner.subject.payee, ...(hardware.length === 0 ? [HIDDEN_CHIP] : hardware)]
    const same = groups.filter(({ marks }) => marks.some((mark) => own.includes(mark)))
    const joined = {
      marks: [...own, ...same.flatMap(({ marks }) => marks)],
      runners: [runner, ...same.flatMap((group) => group.runners)],
    }
    groups = [...groups.filter((group) => !same.includes(group)), joined]
  }
  return groups.map(({ runners: members }) => ({
    name: members.map(({ subject }) => subject.payee).toSorted()[0] ?? '',
    runners: members,
  }))
}
