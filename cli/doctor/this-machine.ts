import { openEngine, processDeps } from '#enclave-runner/main.ts'
import { openDevices } from '../devices.ts'
import { systemClock } from '../system-clock.ts'
import type { DoctorDeps } from './examine.ts'

const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))

/** The machine on which the command runs. */
export const thisMachine: DoctorDeps = {
  fetch: (input, init) => fetch(input, init),
  clock: systemClock,
  random,
  openQuoter: () => openDevices(random),
  openEngine: ({ engine, model, capacity }) =>
    openEngine(engine, model, { ...processDeps(), capacity, log: () => {} }),
}
