import type {
  ExpireAccounts,
  ExpireAccountsResult,
  OpenAccount,
  OpenAccountResult,
  ReadAccount,
  ReadAccountResult,
} from './ops/accounts.ts'
import type { Audit, AuditResult } from './ops/audit.ts'
import type {
  AcceptCheque,
  AcceptChequeResult,
  AdvanceCursor,
  AdvanceCursorResult,
  ListEvents,
  ListEventsResult,
  ListWaiting,
  ListWaitingResult,
  MirrorAccount,
  MirrorAccountResult,
  NoteWaiting,
  RecordCharge,
  RecordChargeResult,
  RecordVoucher,
  RecordVoucherResult,
  RestoreEvents,
} from './ops/chain.ts'
import type { Ok } from './ops/common.ts'
import type {
  CancelExit,
  CancelExitResult,
  CloseExit,
  OrderExit,
  OrderExitResult,
  ReadExit,
  ReadExitResult,
  SignFinal,
  SignFinalResult,
} from './ops/exits.ts'
import type {
  AckOutbox,
  ApplyOutbox,
  ApplyOutboxResult,
  MirrorHost,
  MirrorHostResult,
  ReadHost,
  ReadHostResult,
  ReadOutbox,
  ReadOutboxResult,
} from './ops/hosts.ts'
import type {
  AddKey,
  AddKeyResult,
  ChangeKey,
  ChangeKeyResult,
  FindKey,
  FindKeyResult,
  ListKeys,
  ListKeysResult,
  ReadSpending,
  ReadSpendingResult,
} from './ops/keys.ts'
import type { ClaimOnce, ClaimOnceResult, DropClaim, UseNonce, UseNonceResult } from './ops/once.ts'
import type {
  ListMovements,
  ListMovementsResult,
  UsageReport,
  UsageReportResult,
} from './ops/reports.ts'
import type {
  FindSettlement,
  FindSettlementResult,
  ListSettlements,
  ListSettlementsResult,
  Maintain,
  MaintainResult,
  Release,
  ReleaseResult,
  Reserve,
  ReserveResult,
  Settle,
  SettleResult,
} from './ops/requests.ts'
import type {
  FindWallet,
  FindWalletResult,
  LinkWallet,
  LinkWalletResult,
  ListWallets,
  ListWalletsResult,
  PointWallet,
  UnlinkWallet,
  UnlinkWalletResult,
} from './ops/wallets.ts'
import type {
  DueWebhooks,
  DueWebhooksResult,
  NoteWebhook,
  ReadWebhook,
  ReadWebhookResult,
  SetWebhook,
  SetWebhookResult,
} from './ops/webhooks.ts'

export type * from './ops/accounts.ts'
export type * from './ops/audit.ts'
export type * from './ops/chain.ts'
export type * from './ops/common.ts'
export type * from './ops/exits.ts'
export type * from './ops/hosts.ts'
export type * from './ops/keys.ts'
export type * from './ops/once.ts'
export type * from './ops/reports.ts'
export type * from './ops/requests.ts'
export type * from './ops/wallets.ts'
export type * from './ops/webhooks.ts'

/**
 * The one door to money: every operation of an account's store, as data. `commit` applies a list in one durable
 * transaction, in order. A refusal (`ok: false`) is a result and undoes nothing else; an exception undoes the
 * whole call and nothing of other calls.
 */
export interface Ledger {
  commit<const Ops extends readonly Op[]>(ops: Ops): Promise<ResultsOf<Ops>>
}

interface Outcomes {
  open_account: [OpenAccount, OpenAccountResult]
  read_account: [ReadAccount, ReadAccountResult]
  add_key: [AddKey, AddKeyResult]
  find_key: [FindKey, FindKeyResult]
  list_keys: [ListKeys, ListKeysResult]
  change_key: [ChangeKey, ChangeKeyResult]
  read_spending: [ReadSpending, ReadSpendingResult]
  expire_accounts: [ExpireAccounts, ExpireAccountsResult]
  use_nonce: [UseNonce, UseNonceResult]
  claim_once: [ClaimOnce, ClaimOnceResult]
  drop_claim: [DropClaim, Ok]
  link_wallet: [LinkWallet, LinkWalletResult]
  unlink_wallet: [UnlinkWallet, UnlinkWalletResult]
  list_wallets: [ListWallets, ListWalletsResult]
  point_wallet: [PointWallet, Ok]
  find_wallet: [FindWallet, FindWalletResult]
  usage_report: [UsageReport, UsageReportResult]
  set_webhook: [SetWebhook, SetWebhookResult]
  read_webhook: [ReadWebhook, ReadWebhookResult]
  due_webhooks: [DueWebhooks, DueWebhooksResult]
  note_webhook: [NoteWebhook, Ok]
  reserve: [Reserve, ReserveResult]
  settle: [Settle, SettleResult]
  release: [Release, ReleaseResult]
  maintain: [Maintain, MaintainResult]
  find_settlement: [FindSettlement, FindSettlementResult]
  list_settlements: [ListSettlements, ListSettlementsResult]
  mirror_account: [MirrorAccount, MirrorAccountResult]
  accept_cheque: [AcceptCheque, AcceptChequeResult]
  read_host: [ReadHost, ReadHostResult]
  mirror_host: [MirrorHost, MirrorHostResult]
  record_charge: [RecordCharge, RecordChargeResult]
  record_voucher: [RecordVoucher, RecordVoucherResult]
  advance_cursor: [AdvanceCursor, AdvanceCursorResult]
  restore_events: [RestoreEvents, Ok]
  list_events: [ListEvents, ListEventsResult]
  note_waiting: [NoteWaiting, Ok]
  list_waiting: [ListWaiting, ListWaitingResult]
  order_exit: [OrderExit, OrderExitResult]
  cancel_exit: [CancelExit, CancelExitResult]
  read_exit: [ReadExit, ReadExitResult]
  sign_final: [SignFinal, SignFinalResult]
  close_exit: [CloseExit, Ok]
  list_movements: [ListMovements, ListMovementsResult]
  read_outbox: [ReadOutbox, ReadOutboxResult]
  apply_outbox: [ApplyOutbox, ApplyOutboxResult]
  ack_outbox: [AckOutbox, Ok]
  audit: [Audit, AuditResult]
}

export type OpName = keyof Outcomes
export type Op = Outcomes[OpName][0]
export type Result = Outcomes[OpName][1]
export type OpOf<Name extends OpName> = Outcomes[Name][0]
export type ResultOf<O extends Op> = Outcomes[O['op']][1]
export type ResultsOf<Ops extends readonly Op[]> = {
  readonly [I in keyof Ops]: Ops[I] extends Op ? ResultOf<Ops[I]> : never
}
