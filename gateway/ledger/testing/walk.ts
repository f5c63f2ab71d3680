import type { Ledger } from '../port.ts'
import type { Harness } from './harness.ts'

interface Named {
  readonly do: string
}

/** What each step does to the ledger and to the model beside it; a restart is the walk's own. */
type Steps<Model, Step extends Named> = {
  readonly [Name in Exclude<Step['do'], 'restart'>]: (
    ledger: Ledger,
    model: Model,
    step: Extract<Step, { do: Name }>,
  ) => Promise<void>
}

/** Takes one step after the other, also over restarts, and compares after each. */
export async function walk<Model, Step extends Named>(
  harness: Harness,
  given: {
    readonly model: Model
    readonly before: readonly Step[]
    readonly steps: readonly Step[]
    readonly table: Steps<Model, Step>
    readonly compare: (ledger: Ledger, model: Model) => Promise<void>
  },
): Promise<void> {
  const { model, table, compare } = given
  let { ledger } = harness
  // Sound: the table pairs each name with the function of that step, and is read by its own names only.
  const taken = table as unknown as Readonly<
    Record<string, (ledger: Ledger, model: Model, step: Step) => Promise<void>>
  >
  const take = async (step: Step) => taken[step.do]?.(ledger, model, step)
  for (const step of given.before) await take(step)
  for (const step of given.steps) {
    if (step.do === 'restart') ledger = await harness.restart()
    else await take(step)
    await compare(ledger, model)
  }
}
