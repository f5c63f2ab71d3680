import { NO_COLLATERAL, parseBundle } from '#attestation'
import { toSeconds, type UnixSeconds, unixSeconds } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import { listMember, textMember } from '#base/members.ts'
import { createAllowlistReader, PINNED_REGISTRY } from '#client'
import {
  type Answer,
  checkReceipt,
  DocumentError,
  type JudgedSession,
  judgeSession,
  readDocument,
  type SessionRecord,
  type ShownCheck,
} from '#client/documents'
import { type Receipt, webProvider } from '#protocol'
import { clock, random, site } from './browser.ts'
import { allowlistOptions, readSimulation } from './connection.ts'
import { call, Refused } from './gateway.ts'

export type { JudgedSession, ShownCheck } from '#client/documents'

const NONCE_BYTES = 32
const BUNDLE_SECONDS = 7 * 86_400
const SESSION_ID = /^[0-9a-f]{64}$/
const RUNNER_ID = /^run_[0-9a-z]{1,60}$/

/** Judges the session that the gateway serves under an id, with fresh evidence if the machine still answers. */
export async function judgeSessionById(
  id: string,
): Promise<JudgedSession & { readonly isLive: boolean }> {
  const session = await fetchSession(id)
  const live = await askLive(session)
  const judged = await judgeRecord({ session, id, live, usedAt: toSeconds(clock()) })
  return { ...judged, isLive: live !== undefined }
}

async function judgeRecord(given: {
  readonly session: SessionRecord
  readonly id: string
  readonly live: Answer | undefined
  readonly usedAt: UnixSeconds
}): Promise<JudgedSession> {
  const { session, id, live, usedAt } = given
  const [allowlist, simulation, bundle] = await Promise.all([
    readAllowlist(),
    readSimulation(),
    call(`/v1/aci/sessions/${id}/collateral`).catch(() => undefined),
  ])
  const now = toSeconds(clock())
  const bundled =
    bundle === undefined
      ? NO_COLLATERAL
      : parseBundle(bundle, { now, maxAgeSeconds: BUNDLE_SECONDS }).collateral
  const collateral = new Map([...(simulation?.collateral ?? []), ...bundled])
  return judgeSession({
    ...{ session, askedAs: id, live, allowlist, collateral, now, usedAt },
    anchors: simulation?.anchors,
  })
}

async function fetchSession(id: string): Promise<SessionRecord> {
  const document = readDocument(await call(`/v1/aci/sessions/${id}`))
  if (document.kind !== 'session') throw new DocumentError('unknown', 'it is no attested session')
  return document.session
}

/** The machine itself over a nonce of our own; undefined when it has left. */
async function askLive({ upstream }: SessionRecord): Promise<Answer | undefined> {
  if (upstream === undefined || !RUNNER_ID.test(upstream)) return undefined
  const nonce = hex(random(NONCE_BYTES))
  try {
    const path = `/runners/${upstream}/v1/aci/attestation?nonce=${nonce}`
    const document = readDocument(await call(path))
    return document.kind === 'report'
      ? { report: document.report, nonce: { value: nonce, own: true } }
      : undefined
  } catch (error) {
    if (error instanceof Refused) return undefined
    throw error
  }
}

function readAllowlist() {
  const { registry, trustGatewayAllowlist } = allowlistOptions(site.simulation !== null)
  const deps = { fetch: (...asked: Parameters<typeof fetch>) => fetch(...asked), clock }
  if (trustGatewayAllowlist === true || registry === undefined) {
    return createAllowlistReader(deps, { kind: 'gateway', origin: location.origin })()
  }
  const pin = { address: registry.address ?? '', codeHash: PINNED_REGISTRY.codeHash }
  return createAllowlistReader(deps, {
    kind: 'registry',
    pin,
    endpoints: registry.endpoints,
    minVersion: 0,
  })()
}

export interface JudgedReceipt {
  readonly receipt: Receipt
  readonly session: string
  readonly checks: readonly ShownCheck[]
}

/** Checks a receipt against the keyset that it names, out of the session whose id is the hash of its document. */
export async function judgeReceipt(json: unknown): Promise<JudgedReceipt> {
  const document = readDocument(json)
  if (document.kind !== 'receipt') throw new DocumentError('unknown', 'this is no receipt')
  const { receipt } = document
  const digest = encodeURIComponent(receipt.workload_keyset_digest)
  const listed = listMember(await call(`/v1/aci/sessions?keyset_digest=${digest}`), 'sessions')
  const id = textMember(listed[0], 'session_id') ?? ''
  if (!SESSION_ID.test(id))
    throw new Error('This gateway knows no session of the key that signed it.')
  const session = await fetchSession(id)
  const checks = await checkReceipt(receipt, session.keyset, webProvider)
  // The keys must have been alive when it was signed, not when it is read.
  const usedAt = unixSeconds(receipt.served_at - 1)
  const { checks: sessionChecks } = await judgeRecord({ session, id, live: undefined, usedAt })
  return { receipt, session: id, checks: [...checks, ...sessionChecks] }
}
