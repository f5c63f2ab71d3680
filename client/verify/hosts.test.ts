import { expect, test } from 'vitest'
import { hostsAmong } from './hosts.ts'
import type { VerifiedRunner } from './verify-runner.ts'

/** @param marks payee and chips, for example `A 1 2` */
function runner(marks: string): VerifiedRunner {
  const [payee = '', ...hardware] = marks.split(' ')
  // Sound for tests: nothing else of a runner is read.
  return { id: marks, subject: { payee }, attested: { hardware } } as unknown as VerifiedRunner
}

const named = (...runners: string[]) =>
  hostsAmong(runners.map(runner))
    .map(({ name, runners: members }) => `${name}×${members.length}`)
    .toSorted()

test.each<[string, string[], string[]]>([
  ['each its own', ['A 1', 'B 2', 'C 3'], ['A×1', 'B×1', 'C×1']],
  ['one chip with many payees', ['A 1', 'B 1', 'C 1'], ['A×3']],
  ['one payee with many chips', ['A 1', 'A 2', 'B 3'], ['A×2', 'B×1']],
  ['a chain of payees and chips', ['A 1', 'B 2', 'B 1', 'C 3'], ['A×3', 'C×1']],
  ['a GPU that moves between machines', ['A 1 gpu', 'B 2 gpu'], ['A×2']],
  ['chips that hide their names', ['A', 'B', 'C 3'], ['A×2', 'C×1']],
])('%s', (_, runners, hosts) => {
  expect(named(...runners)).toEqual(hosts)
  expect(named(...runners.toReversed())).toEqual(hosts)
})
