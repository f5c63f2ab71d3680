import { toSeconds } from '#base/brand.ts'
import { hex } from '#base/bytes.ts'
import { receiptId } from '#protocol'
import type { SessionId } from '../db/ids.ts'
import { HashedClient } from '../relay/hashed-client.ts'
import type { InferenceDeps } from './deps.ts'
import type { InferenceRequest, Witness } from './request.ts'

interface Sent {
  readonly number: number
  readonly model: string
  readonly session: SessionId
  readonly body: Uint8Array
}

/** @returns undefined where nobody asks for such receipts: nothing is hashed then */
export function openWitness(
  { relayed, provider: { hashes }, clock }: Pick<InferenceDeps, 'relayed' | 'provider' | 'clock'>,
  { client, path, identity, id, body }: Omit<InferenceRequest, 'witness'>,
): Witness | undefined {
  if (relayed === undefined) return undefined
  const hashOf = (bytes: Uint8Array): string => `sha256:${hex(hashes.sha256(bytes))}`
  let latest: Sent | undefined
  const hashed = new HashedClient(client, hashes, (returned) => {
    if (latest === undefined) return
    const { number, model, session } = latest
    const received = hashOf(body)
    relayed.note({
      receiptId: receiptId(id, number),
      account: identity.account,
      key: identity.key,
      endpoint: path,
      model,
      session,
      received,
      forwarded: latest.body === body ? received : hashOf(latest.body),
      returned,
      servedAt: toSeconds(clock()),
    })
  })
  return {
    client: hashed,
    sends: ({ number, runner: { model, lease }, body: forwarded }) => {
      latest = { number, model, session: lease.session, body: forwarded }
    },
    close: () => hashed.close(),
  }
}
