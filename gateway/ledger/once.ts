import { requestId } from '../db/ids.ts'
import { numberIn, textIn } from '../db/row.ts'
import type { Books } from './books.ts'
import type { ClaimOnce, ClaimOnceResult, DropClaim, Ok, UseNonce, UseNonceResult } from './port.ts'

/** @see UseNonce */
export function prepareUseNonce({ store }: Books): (op: UseNonce) => UseNonceResult {
  const insert = store.prepare(
    'INSERT INTO used_nonces (account, nonce, expires) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  )
  return ({ account, nonce, expires }) =>
    insert.run(account, nonce, expires) ? { ok: true } : { ok: false, code: 'used' }
}

const CLAIM = `INSERT INTO idempotency (account, name, fingerprint, request, expires) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (account, name) DO UPDATE SET
    fingerprint = excluded.fingerprint, request = excluded.request, expires = excluded.expires
  WHERE idempotency.expires <= ?`

/** @see ClaimOnce */
export function prepareClaimOnce({ store, tail }: Books): (op: ClaimOnce) => ClaimOnceResult {
  const claim = store.prepare(CLAIM)
  const find = store.prepare(
    'SELECT fingerprint, request FROM idempotency WHERE account = ? AND name = ?',
  )
  const held = store.prepare("SELECT MAX(attempt) FROM holds WHERE request = ? AND state = 'open'")
  const settled = store.prepare('SELECT MAX(attempt) FROM settlement_attempts WHERE request = ?')
  return ({ account, name, fingerprint, request, expires, at }) => {
    const now = Math.floor(at / 1000)
    if (claim.run(account, name, fingerprint, request, expires, now)) return { ok: true }
    const [known, first] = find.get(account, name) ?? []
    tail.index()
    const [done] = settled.get(textIn(first)) ?? []
    const [open] = held.get(textIn(first)) ?? []
    const state = done != null ? 'settled' : open != null ? 'open' : 'unknown'
    return {
      ok: false,
      code: known === fingerprint ? 'repeat' : 'reused',
      request: requestId(textIn(first)),
      attempt: numberIn(done ?? open ?? 1),
      state,
    }
  }
}

/** @see DropClaim */
export function prepareDropClaim({ store, tail }: Books): (op: DropClaim) => Ok {
  const held = store.prepare("SELECT 1 FROM holds WHERE request = ? AND state = 'open'")
  const settled = store.prepare('SELECT 1 FROM settlement_attempts WHERE request = ?')
  const drop = store.prepare(
    'DELETE FROM idempotency WHERE account = ? AND name = ? AND request = ?',
  )
  return ({ account, name, request, evenIfHeld }) => {
    if (!evenIfHeld) {
      tail.index()
      if ((held.get(request) ?? settled.get(request)) !== undefined) return { ok: true }
    }
    drop.run(account, name, request)
    return { ok: true }
  }
}
