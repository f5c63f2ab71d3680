import { parentPort, workerData } from 'node:worker_threads'
import { groupCommit } from '../ledger/group-commit.ts'
import { answerCalls } from './answer-calls.ts'
import { openBridge } from './bridge.ts'
import { internTerms } from './intern-terms.ts'
import type { LaneCall, LaneData, LaneNote } from './lane-protocol.ts'
import { openPostgres } from './open-postgres.ts'
import { sharedCore } from './shared-core.ts'

/** What comes while a transaction runs waits for the next one: many calls share a flush of the server's disk. */
// Sound: lanes.ts starts this file with exactly that.
const { url, hosts } = workerData as LaneData
const bridge = openBridge(url, 'ledger')
const core = sharedCore(openPostgres(bridge), { hosts })
const intern = internTerms()
const tell = (note: LaneNote) => parentPort?.postMessage(note)
const observe = (calls: number) => {
  const began = performance.now()
  return () => tell({ calls, seconds: (performance.now() - began) / 1000 })
}
const ledger = groupCommit(core, setImmediate, { observe })

answerCalls<LaneCall>(
  parentPort,
  ({ ops }) => ledger.commit(ops.map(intern)),
  () => bridge.close(),
)
