import { expect, test } from 'vitest'
import { type UnixMs, unixMs, unixSeconds } from '#base/brand.ts'
import { runnerId, tonAddress } from '../db/ids.ts'
import { runners } from '../db/schema.ts'
import { openLedger } from '../node/testing/open-ledger.ts'
import { createDirectory } from './directory.ts'
import type { LiveRunner } from './live-runner.ts'
import { newLoad } from './load.ts'
import { createRunnerHours } from './runner-hours.ts'
import { countFault } from './tally.ts'
import { createTrackRecords, stretches, WATCH_MS } from './track-records.ts'

const HOUR = 3_600
/** The beginning of an hour. */
const START = 472_222 * HOUR
const ID = runnerId('run_one')
const PAYEE = tonAddress(`0:${'11'.repeat(32)}`)
const LOOK = WATCH_MS / 1000

/** A runner with a lease of a week, a gateway that looks when told, and a clock that nothing else moves. */
function openWatch() {
  let now = START
  const clock = (): UnixMs => unixMs(now * 1000)
  const { store } = openLedger(':memory:')
  const directory = createDirectory()
  const hours = createRunnerHours(store)
  const open = () =>
    createTrackRecords({ hours, directory, countsRequests: true, countsTime: () => true, clock })
  store.db
    .insert(runners)
    .values({
      ...{ id: ID, payee: PAYEE, hardware: 'chip', model: 'a/model', state: 'admitted' },
      ...{ sequence: 1, created: clock(), seen: clock() },
    })
    .run()
  // Sound: whether a runner is up is told from these members.
  const runner = {
    id: ID,
    payee: PAYEE,
    state: 'admitted',
    load: newLoad(clock()),
    standing: { appraised: unixSeconds(START), validUntil: unixSeconds(START + 30 * 24 * HOUR) },
    lease: { expires: unixSeconds(START + 30 * 24 * HOUR), target: { kind: 'direct' } },
  } as LiveRunner
  directory.put(runner)
  let records = open()
  return {
    runner,
    directory,
    get records() {
      return records
    },
    restart: () => {
      records = open()
    },
    sleep: (seconds: number) => {
      now += seconds
    },
    /** Time passes and the gateway looks on. @param beats whether the runner is heard of */
    async pass(seconds: number, beats = true) {
      for (let i = 0; i < seconds; i += LOOK) {
        now += LOOK
        if (beats) runner.load.seen = clock()
        await records.watch()
      }
    },
  }
}

test('a runner that is heard of is up, one that is not is down after three missed heartbeats', async () => {
  const watch = openWatch()
  await watch.pass(600)
  await watch.pass(600, false)
  const { day } = await watch.records.of(ID)
  expect(day).toMatchObject({ watched: 1_200, up: 660 })
  expect((await watch.records.of(ID)).week).toEqual(day)
})

test('an hour that a clock which was set back brings twice is one hour, and counts requests on', async () => {
  const watch = openWatch()
  await watch.pass(3_540)
  watch.sleep(-1_800)
  watch.runner.load.tally.answered = 3
  await watch.pass(1_200)
  expect((await watch.records.of(ID)).day).toMatchObject({ watched: 3_600, up: 3_600, answered: 3 })
})

test('an hour of the gateway’s own absence counts for nobody', async () => {
  const watch = openWatch()
  await watch.pass(600)
  watch.sleep(HOUR)
  await watch.pass(600)
  const { watched, up } = (await watch.records.of(ID)).day
  expect(watched).toBe(1_200 - LOOK)
  expect(up).toBe(watched)
})

test('a gateway that has just started calls nobody down', async () => {
  const watch = openWatch()
  await watch.pass(600)
  watch.sleep(HOUR)
  watch.restart()
  await watch.pass(60, false)
  expect((await watch.records.of(ID)).day).toMatchObject({ watched: 600, up: 600 })
  await watch.pass(60, false)
  watch.sleep(15)
  expect((await watch.records.of(ID)).day).toMatchObject({ watched: 660, up: 600 })
})

test('a runner that left is down for a week, and is then forgotten', async () => {
  const watch = openWatch()
  await watch.pass(600)
  watch.directory.remove(ID)
  await watch.pass(HOUR)
  expect((await watch.records.of(ID)).day).toMatchObject({ watched: 600 + HOUR, up: 600 })
  expect(await watch.records.ofHost(PAYEE)).toMatchObject([{ id: ID, model: 'a/model' }])
  watch.sleep(8 * 24 * HOUR)
  await watch.pass(LOOK)
  expect((await watch.records.of(ID)).week).toEqual({ watched: 0, up: 0, answered: 0, faults: {} })
})

test('one that the operator drained is up, one whose engine is away is not', async () => {
  const watch = openWatch()
  watch.directory.setState(ID, 'drained')
  await watch.pass(600)
  expect((await watch.records.of(ID)).day).toMatchObject({ watched: 600, up: 600 })
  watch.runner.load.capacity = 0
  await watch.pass(600)
  expect((await watch.records.of(ID)).day).toMatchObject({ watched: 1_200, up: 600 })
})

test('requests are counted once, by what became of them', async () => {
  const watch = openWatch()
  watch.runner.load.tally.answered += 3
  countFault(watch.runner.load.tally, 'timeout')
  countFault(watch.runner.load.tally, 'timeout')
  countFault(watch.runner.load.tally, 'receipt_refused')
  await watch.pass(60)
  countFault(watch.runner.load.tally, 'timeout')
  await watch.pass(HOUR)
  const { answered, faults } = (await watch.records.of(ID)).day
  expect(answered).toBe(3)
  expect(faults).toEqual({ timeout: 3, receipt_refused: 1 })
})

test('a stretch over the end of an hour is split there', () => {
  expect(stretches(START - 4, START + 6)).toEqual([
    { hour: 472_221, seconds: 4 },
    { hour: 472_222, seconds: 6 },
  ])
})
