import type { Store } from '../db/db.ts'
import { prepareAudit } from './audit.ts'
import { type Books, openBooks } from './books.ts'
import { prepareRecordCharge } from './charge.ts'
import { prepareAcceptCheque } from './cheque.ts'
import { prepareAdvanceCursor, prepareListEvents, prepareRestoreEvents } from './cursor.ts'
import { LedgerError } from './errors.ts'
import {
  prepareCancelExit,
  prepareCloseExit,
  prepareOrderExit,
  prepareReadExit,
  prepareSignFinal,
} from './exits.ts'
import { prepareExpireAccounts } from './expire-accounts.ts'
import { localHostSide, outboxHostSide } from './host-side.ts'
import { prepareMirrorHost, prepareReadHost, prepareRecordVoucher } from './hosts.ts'
import { prepareReadSpending } from './key-budgets.ts'
import { prepareAddKey, prepareChangeKey, prepareFindKey, prepareListKeys } from './keys.ts'
import { prepareMaintain } from './maintain.ts'
import { prepareMirrorAccount } from './mirror.ts'
import { prepareListMovements } from './movements.ts'
import { prepareClaimOnce, prepareDropClaim, prepareUseNonce } from './once.ts'
import { prepareOpenAccount, prepareReadAccount } from './open-account.ts'
import { prepareAckOutbox, prepareApplyOutbox, prepareReadOutbox } from './outbox.ts'
import type { Op, OpName, OpOf, Result, ResultOf } from './port.ts'
import { prepareRelease } from './release.ts'
import { prepareReserve } from './reserve.ts'
import { prepareSettle } from './settle.ts'
import { prepareFindSettlement, prepareListSettlements } from './settlements.ts'
import { openTail, type Tail } from './tail.ts'
import { prepareUsageReport } from './usage-report.ts'
import { prepareListWaiting, prepareNoteWaiting } from './waiting.ts'
import {
  prepareFindWallet,
  prepareLinkWallet,
  prepareListWallets,
  preparePointWallet,
  prepareUnlinkWallet,
} from './wallets.ts'
import {
  prepareDueWebhooks,
  prepareNoteWebhook,
  prepareReadWebhook,
  prepareSetWebhook,
} from './webhooks.ts'

type Handlers = { readonly [Name in OpName]: (op: OpOf<Name>) => ResultOf<OpOf<Name>> }

function prepareHandlers(books: Books): Handlers {
  return {
    open_account: prepareOpenAccount(books),
    read_account: prepareReadAccount(books),
    add_key: prepareAddKey(books),
    find_key: prepareFindKey(books),
    list_keys: prepareListKeys(books),
    change_key: prepareChangeKey(books),
    read_spending: prepareReadSpending(books),
    expire_accounts: prepareExpireAccounts(books),
    use_nonce: prepareUseNonce(books),
    claim_once: prepareClaimOnce(books),
    drop_claim: prepareDropClaim(books),
    link_wallet: prepareLinkWallet(books),
    unlink_wallet: prepareUnlinkWallet(books),
    list_wallets: prepareListWallets(books),
    point_wallet: preparePointWallet(books),
    find_wallet: prepareFindWallet(books),
    usage_report: prepareUsageReport(books),
    set_webhook: prepareSetWebhook(books),
    read_webhook: prepareReadWebhook(books),
    due_webhooks: prepareDueWebhooks(books),
    note_webhook: prepareNoteWebhook(books),
    reserve: prepareReserve(books),
    settle: prepareSettle(books),
    release: prepareRelease(books),
    maintain: prepareMaintain(books),
    find_settlement: prepareFindSettlement(books),
    list_settlements: prepareListSettlements(books),
    mirror_account: prepareMirrorAccount(books),
    accept_cheque: prepareAcceptCheque(books),
    read_host: prepareReadHost(books),
    mirror_host: prepareMirrorHost(books),
    record_charge: prepareRecordCharge(books),
    record_voucher: prepareRecordVoucher(books),
    advance_cursor: prepareAdvanceCursor(books),
    restore_events: prepareRestoreEvents(books),
    list_events: prepareListEvents(books),
    note_waiting: prepareNoteWaiting(books),
    list_waiting: prepareListWaiting(books),
    order_exit: prepareOrderExit(books),
    cancel_exit: prepareCancelExit(books),
    read_exit: prepareReadExit(books),
    sign_final: prepareSignFinal(books),
    close_exit: prepareCloseExit(books),
    list_movements: prepareListMovements(books),
    read_outbox: prepareReadOutbox(books),
    apply_outbox: prepareApplyOutbox(books),
    ack_outbox: prepareAckOutbox(books),
    audit: prepareAudit(books),
  }
}

export type Outcome =
  | { readonly ok: true; readonly results: readonly Result[] }
  | { readonly ok: false; readonly error: LedgerError }

export interface LedgerCore {
  /** Applies the calls of one moment in one transaction; a call that throws takes only itself back. */
  apply(calls: readonly (readonly Op[])[]): readonly Outcome[]
}

export interface CoreOptions {
  /** Whether hosts' totals live in this store too, or are told through its outbox. */
  readonly hosts: 'here' | 'outbox'
  /** How settlements get into their indexes; default: in sorted runs, behind one writer's memory. */
  readonly openTail?: (store: Store) => Tail
}

/** The ledger itself: synchronous, the same on every store that Drizzle drives synchronously. */
export function createCore(store: Store, options: CoreOptions): LedgerCore {
  const hosts = (post: Books['post']) =>
    options.hosts === 'here' ? localHostSide(store, post) : outboxHostSide(store)
  const books = openBooks(store, hosts, (options.openTail ?? openTail)(store))
  const handlers = prepareHandlers(books)
  const apply = (calls: readonly (readonly Op[])[]): readonly Outcome[] => {
    try {
      return store.transaction(() => {
        const outcomes = calls.map((ops) => ({
          ok: true as const,
          results: ops.map((op) => handle(handlers, op)),
        }))
        books.hosts.flush()
        return outcomes
      })
    } catch (cause) {
      books.reset()
      if (calls.length > 1) return calls.flatMap((call) => apply([call]))
      const names = calls[0]?.map(({ op }) => op).join(', ') ?? ''
      return [
        { ok: false, error: new LedgerError('unavailable', `could not apply ${names}`, { cause }) },
      ]
    }
  }
  return { apply }
}

function handle(handlers: Handlers, op: Op): Result {
  // Sound: the table's type pairs each name with the handler of that operation.
  const handler = handlers[op.op] as (op: Op) => Result
  return handler(op)
}
