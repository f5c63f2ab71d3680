import { unixMs } from '#base/brand.ts'
import type { Ledger } from './ledger/port.ts'
import { type LedgerRpc, ledgerObject } from './worker/ledger-object.ts'
import { MIGRATIONS } from './worker/migrations.ts'
import { routeLedger } from './worker/route-ledger.ts'

function ledgerOf(env: Cloudflare.Env): Ledger {
  return routeLedger((name) => {
    // Sound: the binding's class is LedgerObject below.
    return env.LEDGER.getByName(name) as unknown as LedgerRpc
  })
}

/** The ledger of one account or one host. */
export class LedgerObject extends ledgerObject({
  clock: () => unixMs(Date.now()),
  migrations: MIGRATIONS,
  ledger: ledgerOf,
}) {}

export default {
  fetch(): Response {
    const error = {
      message: 'this Worker keeps ledgers; the API runs on Node',
      type: 'invalid_request_error',
      param: null,
      code: 'not_found',
    }
    return Response.json({ error }, { status: 404 })
  },
} satisfies ExportedHandler<Cloudflare.Env>
