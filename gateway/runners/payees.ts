import { eq } from 'drizzle-orm'
import type { UnixMs } from '#base/brand.ts'
import type { Answer, Store } from '../db/db.ts'
import type { RunnerId, TonAddress } from '../db/ids.ts'
import { payeeChanges, payeeProofs } from '../db/schema.ts'

/** Wallets that hosts want to be paid at (H2). */
export interface Payees {
  /** When its owner showed that it controls the wallet; undefined: never. */
  provenAt(payee: TonAddress): Answer<UnixMs | undefined>
  prove(payee: TonAddress, at: UnixMs): Answer<void>
  /** Notes that a machine wants to be paid elsewhere. @returns since when it has wanted exactly that */
  wants(runner: RunnerId, payee: TonAddress, at: UnixMs): Answer<UnixMs>
  /** The machine is paid there now, or again where it was. */
  settled(runner: RunnerId): Answer<void>
}

export function createPayees({ db }: Store): Payees {
  return {
    provenAt: (payee) =>
      db.select().from(payeeProofs).where(eq(payeeProofs.payee, payee)).get()?.at,
    prove(payee, at) {
      db.insert(payeeProofs).values({ payee, at }).onConflictDoNothing().run()
    },
    wants(runner, payee, at) {
      const known = db.select().from(payeeChanges).where(eq(payeeChanges.runner, runner)).get()
      if (known?.payee === payee) return known.since
      const change = { payee, since: at }
      db.insert(payeeChanges)
        .values({ runner, ...change })
        .onConflictDoUpdate({ target: payeeChanges.runner, set: change })
        .run()
      return at
    },
    settled(runner) {
      db.delete(payeeChanges).where(eq(payeeChanges.runner, runner)).run()
    },
  }
}
