import { parentPort, workerData } from 'node:worker_threads'
import { unixMs } from '#base/brand.ts'
import { signerFromSeed } from '#protocol/node'
import type { Job } from '../../jobs.ts'
import { applyCall } from '../../ledger/apply-call.ts'
import { orderedExits } from '../../ledger/exits.ts'
import type { Ledger, Op, ResultsOf } from '../../ledger/port.ts'
import { createMoneyJobs } from '../../money/money-jobs.ts'
import type { MoneyWatch } from '../../money/money-watch.ts'
import { openChain } from '../../money/open-chain.ts'
import { isCovered, readLiabilities } from '../../money/reserves.ts'
import { untilLeaving } from '../../node/until-leaving.ts'
import { answerCalls } from '../answer-calls.ts'
import { openBridge } from '../bridge.ts'
import { openPostgres } from '../open-postgres.ts'
import { sharedCore } from '../shared-core.ts'
import { officePorts } from './ports.ts'
import type { OfficeCall, OfficeData, OfficeNews } from './protocol.ts'

// The thread that keeps everything but requests' money: it may sleep while the database works.

// Sound: open-office.ts starts this file with exactly that.
const { url, config } = workerData as OfficeData
const bridge = openBridge(url, 'office')
const store = openPostgres(bridge)
const core = sharedCore(store, { hosts: 'here' })
const ledger: Ledger = {
  async commit<const Ops extends readonly Op[]>(ops: Ops): Promise<ResultsOf<Ops>> {
    return applyCall(core, ops)
  },
}
const tell = (news: OfficeNews): void => parentPort?.postMessage(news)
const watch: MoneyWatch = {
  status: () => ({
    ...{ gas: null, cashier: null, rotationAt: null },
    ...{ reconcile: null, watch: null, agreement: null },
  }),
  gas: (what) => tell({ saw: 'gas', what }),
  cashier: (what) => tell({ saw: 'cashier', what }),
  rotation: (what) => tell({ saw: 'rotation', what }),
  reconciled: (what) => tell({ saw: 'reconciled', what }),
  watched: (what) => tell({ saw: 'watched', what }),
  watchFailed: (what) => tell({ saw: 'watchFailed', what }),
  agreed: (what) => tell({ saw: 'agreed', what }),
}
const leaving = new AbortController()
const calls = { ...untilLeaving(globalThis.fetch, leaving.signal), chance: Math.random }
const { endpoint, apiKey, witnesses } = config.chain
const jobs: readonly Job[] = createMoneyJobs({
  config,
  chain: openChain(calls, endpoint, apiKey),
  witnesses: witnesses.map((witness) => openChain(calls, witness)),
  ledger,
  store,
  covers: async (totals) => store.snapshot(() => isCovered(readLiabilities(store), totals)),
  orders: async (till) => orderedExits(store, till, Math.random),
  signerFromSeed,
  watch,
  chance: Math.random,
  clock: () => unixMs(Date.now()),
})
const ports: Readonly<Record<string, object>> = {
  ...officePorts(store, config.chain.till),
  money: {
    jobs: () => jobs.map(({ run: _, isDue: __, ...listing }) => listing),
    run: (name: string) => jobs.find((job) => job.name === name)?.run(),
    leave: () => leaving.abort(),
  },
}

async function answer({ port, verb, args }: OfficeCall): Promise<unknown> {
  const verbs = new Map<string, unknown>(Object.entries(ports[port] ?? {}))
  const member = verbs.get(verb)
  if (typeof member !== 'function') throw new RangeError(`no ${port}.${verb}`)
  return member(...args)
}

answerCalls(parentPort, answer, () => bridge.close())
