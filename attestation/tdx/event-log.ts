import { type Bytes, concat, equalBytes, fromHex, hex, utf8 } from '#base/bytes.ts'
import { jcs } from '#base/jcs.ts'
import { digestOf } from '../digest.ts'
import { AttestationError, demand, parsing } from '../errors.ts'
import { arrayField, objectField, optionalField, textField } from '../fields.ts'

/**
 * One event that measured software extended into RTMR3, with content that we understand: its digest is computed
 * here and never taken from the log.
 */
export interface RuntimeEvent {
  readonly name: string
  readonly payload: Bytes
  /** How the digest is formed; 1 unless the log says 2. */
  readonly format: 1 | 2
  /** The digest that the log states, which must be the computed one. */
  readonly stated: Bytes | undefined
}

/** @see dstack, cc-eventlog: runtime events share this type, which the TCG leaves to applications */
const RUNTIME_EVENT_TYPE = 0x08000001
const RTMR3 = 3
const DIGEST_BYTES = 48
const MAX_EVENTS = 1_024
const MAX_PAYLOAD_CHARS = 16_384
const MAX_LOG_CHARS = 262_144

/** No colon: format 1 joins name and payload by one, and a name with a colon could be read two ways. */
const NAME = /^[A-Za-z0-9._/-]{1,128}$/

/**
 * Parses an event log as guests serve it: a list of `{imr, event_type, digest, event, event_payload, version?}`, or
 * the same as JSON text. Only RTMR3's events are kept: the others are measured boot, which the image hash covers.
 * @throws AttestationError event-log for an RTMR3 event whose content we do not understand
 */
export function parseEventLog(value: unknown): readonly RuntimeEvent[] {
  const entries = typeof value === 'string' ? fromText(value) : value
  return arrayField(entries, 'event log', MAX_EVENTS).flatMap((entry) => {
    const event = objectField(entry, 'event')
    return event['imr'] === RTMR3 ? [parseEvent(event)] : []
  })
}

function fromText(text: string): unknown {
  demand(text.length <= MAX_LOG_CHARS, 'too-large', `event log of ${text.length} characters`)
  return parsing('event log', () => JSON.parse(text))
}

function parseEvent(event: Readonly<Record<string, unknown>>): RuntimeEvent {
  const type = event['event_type']
  demand(type === RUNTIME_EVENT_TYPE, 'event-log', 'RTMR3 holds an event of unknown type')
  const version = event['version'] ?? 1
  demand(version === 1 || version === 2, 'event-log', 'event of unknown format')
  const name = textField(event['event'], 'event name', MAX_PAYLOAD_CHARS)
  demand(NAME.test(name), 'event-log', 'event name has characters that we do not accept')
  const payload = textField(event['event_payload'], 'event payload', MAX_PAYLOAD_CHARS)
  const digest = optionalField(event['digest'], (value) => textField(value, 'digest', 96))
  return {
    name,
    payload: parsing('event payload', () => fromHex(payload, { anyCase: true })),
    format: version,
    stated:
      digest === undefined || digest === '' ? undefined : parsing('digest', () => fromHex(digest)),
  }
}

/**
 * The value of RTMR3 after these events: each extends SHA-384(register || digest), from zero.
 * @throws AttestationError event-log when a stated digest is not the computed one
 * @see Intel TDX Module ABI, TDG.MR.RTMR.EXTEND
 */
export async function replayRtmr3(events: readonly RuntimeEvent[]): Promise<Bytes> {
  let register: Bytes = new Uint8Array(DIGEST_BYTES)
  for (const event of events) {
    const digest = await digestOf('SHA-384', preimage(event))
    const honest = event.stated === undefined || equalBytes(event.stated, digest)
    if (!honest) throw new AttestationError('event-log', `digest of event ${event.name} is wrong`)
    register = await digestOf('SHA-384', concat(register, digest))
  }
  return register
}

function preimage({ name, payload, format }: RuntimeEvent): Bytes {
  if (format === 2) return utf8(jcs({ name, payload: hex(payload), type: RUNTIME_EVENT_TYPE }))
  const type = new Uint8Array(4)
  new DataView(type.buffer).setUint32(0, RUNTIME_EVENT_TYPE, true)
  return concat(type, utf8(`:${name}:`), payload)
}
