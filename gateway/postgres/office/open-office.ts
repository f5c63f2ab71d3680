import { Worker } from 'node:worker_threads'
import type { Answer } from '../../db/db.ts'
import { LedgerError } from '../../ledger/errors.ts'
import type { MoneyWatch } from '../../money/money-watch.ts'
import { threadUrl } from '../thread-url.ts'
import type { OfficePorts } from './ports.ts'
import type { JobListing, OfficeAnswer, OfficeCall, OfficeData } from './protocol.ts'

/** A port as another thread sees it: the same verbs, answered later. */
export type Remote<Port> = {
  readonly [Verb in keyof Port]: Port[Verb] extends (...args: infer Args) => Answer<infer Result>
    ? (...args: Args) => Promise<Awaited<Result>>
    : never
}

type Ports = OfficePorts & {
  readonly money: { jobs(): readonly JobListing[]; run(name: string): Promise<void> }
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
  challenges: { sweep: true, add: true, take: true },
  models: { all: true, put: true },
  books: { read: true },
  vouchers: { latest: true },
  market: { look: true },
  money: { jobs: true, run: true },
}

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** Starts the thread that keeps everything but requests' money. Its errors are those of a store: try again. */
export function openOffice(workerData: OfficeData): Office {
  const waiting = new Map<number, Waiting>()
  let next = 0
  let thread: Worker | undefined
  let told: MoneyWatch | undefined

  function start(): Worker {
    const started = new Worker(threadUrl('office/main.ts'), { workerData })
    started.unref()
    started.on('message', take)
    started.on('error', () => {})
    started.on('exit', () => {
      if (thread === started) thread = undefined
      for (const { reject } of waiting.values()) reject(unavailable('the store’s thread ended'))
      waiting.clear()
    })
    return started
  }

  function take(answer: OfficeAnswer): void {
    if ('saw' in answer) {
      // Sound: office/main.ts tells each with what that verb takes.
      told?.[answer.saw](answer.what as never)
      return
    }
    const call = waiting.get(answer.id)
    waiting.delete(answer.id)
    if (waiting.size === 0) thread?.unref()
    if (answer.ok) call?.resolve(answer.value)
    else call?.reject(unavailable(answer.message))
  }

  function call(port: string, verb: string, args: readonly unknown[]): Promise<unknown> {
    thread ??= start()
    const id = next++
    // While somebody waits for it the process does not end.
    thread.ref()
    thread.postMessage({ id, port, verb, args } satisfies OfficeCall)
    return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }))
  }

  const port = (name: string, verbs: object) =>
    Object.fromEntries(
      Object.keys(verbs).map((verb) => [
        verb,
        (...args: readonly unknown[]) => call(name, verb, args),
      ]),
    )
  const rest = {
    watch: (watch: MoneyWatch) => {
      told = watch
    },
    async close() {
      const ending = thread
      if (ending === undefined) return
      const ended = new Promise((resolve) => ending.once('exit', resolve))
      ending.ref()
      ending.postMessage('close')
      await ended
    },
  }
  const ports = Object.entries(VERBS).map(([name, verbs]) => [name, port(name, verbs)])
  // Sound: the table's type has every verb of every port of office/main.ts, and a call goes to the one of its name.
  return { ...Object.fromEntries(ports), ...rest } as Office
}

function unavailable(message: string): LedgerError {
  return new LedgerError('unavailable', message)
}
