import type { Answer } from '../../db/db.ts'
import type { MoneyWatch } from '../../money/money-watch.ts'
import { openThread } from '../call-thread.ts'
import type { OfficePorts } from './ports.ts'
import type { JobListing, OfficeCall, OfficeData, OfficeNews } from './protocol.ts'

/** A port as another thread sees it: the same verbs, answered later. */
export type Remote<Port> = {
  readonly [Verb in keyof Port]: Port[Verb] extends (...args: infer Args) => Answer<infer Result>
    ? (...args: Args) => Promise<Awaited<Result>>
    : never
}

type Ports = OfficePorts & {
  readonly money: {
    jobs(): readonly JobListing[]
    run(name: string): Promise<void>
    /** Ends calls to providers. */
    leave(): void
  }
}

export type Office = { readonly [Name in keyof Ports]: Remote<Ports[Name]> } & {
  /** Who is told what the money side sees. */
  watch(watch: MoneyWatch): void
  close(): Promise<void>
}

const VERBS: { readonly [Name in keyof Ports]: Record<keyof Ports[Name], true> } = {
  runners: {
    sharingHardware: true,
    findRunner: true,
    register: true,
    leased: true,
    leasesOf: true,
    advance: true,
    setState: true,
    findSession: true,
    findKeyset: true,
    sessionsOfKeyset: true,
    noteAppraisal: true,
    cutSession: true,
    endLease: true,
    findScore: true,
    saveScores: true,
  },
  floor: { get: true, put: true },
  payees: { provenAt: true, prove: true, wants: true, settled: true },
  hours: { seenSince: true, add: true, sum: true, dropBefore: true, ofHost: true },
  usedChallenges: { add: true },
  models: { all: true, put: true },
  books: { read: true },
  vouchers: { latest: true },
  market: { look: true },
  money: { jobs: true, run: true, leave: true },
}

/** Starts the thread that keeps everything but requests' money. Its errors are those of a store: try again. */
export function openOffice(workerData: OfficeData): Office {
  let told: MoneyWatch | undefined
  const thread = openThread<Omit<OfficeCall, 'id'>, unknown, OfficeNews>(
    'office/main.ts',
    workerData,
    // Sound: office/main.ts tells each with what that verb takes.
    ({ saw, what }) => told?.[saw](what as never),
  )
  const port = (name: string, verbs: object) =>
    Object.fromEntries(
      Object.keys(verbs).map((verb) => [
        verb,
        (...args: readonly unknown[]) => thread.call({ port: name, verb, args }),
      ]),
    )
  const rest = {
    watch: (watch: MoneyWatch) => {
      told = watch
    },
    close: () => thread.close(),
  }
  const ports = Object.entries(VERBS).map(([name, verbs]) => [name, port(name, verbs)])
  // Sound: the table's type has every verb of every port of office/main.ts, and a call goes to the one of its name.
  return { ...Object.fromEntries(ports), ...rest } as Office
}
