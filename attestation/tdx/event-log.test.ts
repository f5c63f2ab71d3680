import { beforeAll, describe, expect, test } from 'vitest'
import { type Bytes, hex, utf8 } from '#base/bytes.ts'
import type { IntelForge } from '#dev/forge/intel.ts'
import { forgeEventLog } from '#dev/forge/intel-event-log.ts'
import { type Case, outcomeOf, random, tdxForge } from './testing/judge.ts'

let forge: IntelForge

beforeAll(async () => {
  forge = await tdxForge()
})

const outcome = (item: Case): Promise<string[]> => outcomeOf(forge, item)

describe('RTMR3 and the event log', () => {
  const payload = utf8('v1')
  const policy = {
    events: [
      { name: 'app-id', payloads: [hex(payload)], required: true },
      { name: 'boot-mr-done', payloads: 'any', required: false },
    ],
  } as const

  async function replayed(
    events: readonly (readonly [string, Bytes])[],
    change: Partial<Case> = {},
  ): Promise<string[]> {
    const { eventLog, rtmr3 } = await forgeEventLog(events)
    return outcome({ quote: { rtmr3 }, eventLog, policy, ...change })
  }

  test('listed events replay', async () => {
    expect(
      await replayed([
        ['app-id', payload],
        ['boot-mr-done', random(3)],
      ]),
    ).toEqual([])
    expect(await replayed([['app-id', payload]])).toEqual([])
  })

  test('the log may travel as text, with boot events of other registers in it', async () => {
    const { eventLog, rtmr3 } = await forgeEventLog([['app-id', payload]])
    const boot = { imr: 0, event_type: 1, digest: '00', event: '', event_payload: '' }
    const text = JSON.stringify([boot, ...eventLog])
    expect(await outcome({ quote: { rtmr3 }, eventLog: text, policy })).toEqual([])
  })

  const RTMR3 = ['tdx.rtmr3 event-log']
  test.each<[string, readonly (readonly [string, Bytes])[]]>([
    [
      'an event that is not listed',
      [
        ['app-id', payload],
        ['shell', random(1)],
      ],
    ],
    ['another payload', [['app-id', utf8('v2')]]],
    [
      'an event twice',
      [
        ['app-id', payload],
        ['app-id', payload],
      ],
    ],
    ['a missing event', [['boot-mr-done', random(1)]]],
    ['no event at all', []],
  ])('%s is refused', async (_title, events) => {
    expect(await replayed(events)).toEqual(RTMR3)
  })

  test('no log where events are required is refused, also with a zero or pinned register', async () => {
    expect(await outcome({ policy })).toEqual(RTMR3)
    const pins = [{ field: 'rtmr3', values: ['00'.repeat(48)] }] as const
    expect(await outcome({ policy: { ...policy, pins } })).toEqual(RTMR3)
  })

  test('a log that does not replay to the quoted register is refused', async () => {
    const { eventLog } = await forgeEventLog([['app-id', payload]])
    const quote = { rtmr3: random(48) }
    expect(await outcome({ quote, eventLog, policy })).toEqual(['tdx.event-log event-log'])
    expect(await outcome({ eventLog, policy })).toEqual(['tdx.event-log event-log'])
  })

  test('a stated digest that is not the event’s is refused', async () => {
    const { eventLog, rtmr3 } = await forgeEventLog([['app-id', payload]])
    const lied = eventLog.map((event) => ({ ...event, event_payload: hex(utf8('v2')) }))
    const failures = await outcome({ quote: { rtmr3 }, eventLog: lied, policy })
    expect(failures).toEqual(['tdx.event-log event-log'])
  })

  test.each([
    ['an unknown type', { event_type: 1 }],
    ['an unknown format', { version: 3 }],
    ['a colon in its name', { event: 'app:id' }],
    ['an empty name', { event: '' }],
  ])('an event of %s is not understood', async (_title, change) => {
    const { eventLog, rtmr3 } = await forgeEventLog([['app-id', payload]])
    const odd = eventLog.map((event) => ({ ...event, digest: '', ...change }))
    const failures = await outcome({ quote: { rtmr3 }, eventLog: odd, policy })
    expect(failures).toEqual(['form event-log'])
  })
})
