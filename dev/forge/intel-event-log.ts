import { type Bytes, concat, hex, utf8 } from '#base/bytes.ts'

/** An event as guests log it. */
export interface LoggedEvent {
  readonly imr: number
  readonly event_type: number
  readonly digest: string
  readonly event: string
  readonly event_payload: string
}

const RUNTIME_EVENT_TYPE = 0x08000001

/** The log of these events in RTMR3, and the value that they give it. */
export async function forgeEventLog(
  events: readonly (readonly [name: string, payload: Uint8Array])[],
): Promise<{ eventLog: LoggedEvent[]; rtmr3: Bytes }> {
  const sha384 = async (bytes: Bytes): Promise<Bytes> =>
    new Uint8Array(await crypto.subtle.digest('SHA-384', bytes))
  const type = Uint8Array.of(0x01, 0x00, 0x00, 0x08)
  const eventLog: LoggedEvent[] = []
  let rtmr3: Bytes = new Uint8Array(48)
  for (const [event, payload] of events) {
    const digest = await sha384(concat(type, utf8(`:${event}:`), payload))
    rtmr3 = await sha384(concat(rtmr3, digest))
    const fields = { event_type: RUNTIME_EVENT_TYPE, event, event_payload: hex(payload) }
    eventLog.push({ imr: 3, digest: hex(digest), ...fields })
  }
  return { eventLog, rtmr3 }
}
