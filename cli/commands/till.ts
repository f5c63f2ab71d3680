import { SEND_HELP, SEND_OPTIONS } from '../chain/perform.ts'
import { sendingTo } from '../chain/sending.ts'
import { TARGET_HELP, TARGET_OPTIONS } from '../chain/target.ts'
import type { Command } from '../command.ts'
import { openTill } from '../till/context.ts'
import { DEPLOY_HELP, DEPLOY_OPTIONS, deployTill } from '../till/deploy.ts'
import { cancelExit, finishExit, requestExit } from '../till/exit.ts'
import {
  activate,
  cancelRotation,
  collectFees,
  freeze,
  refundOrphan,
  returnFees,
  rotate,
  topUp,
} from '../till/operate.ts'
import { redeemPack } from '../till/redeem.ts'
import { checkReserves } from '../till/reserves.ts'
import { showAccount, showTill } from '../till/status.ts'
import { runVerb, verb } from '../verbs.ts'

const USAGE = `cocoon till: deploy and operate a Till; get money out of one, with nothing of its gateway.

For anyone
  status                             what the Till holds, its keys and rules
  account ID                         one account
  top-up --amount TON                money for its storage
  activate                           make an announced meter key count, when it is due
For a host, with a wallet and its pack (GET /v1/hosts/ADDRESS, or the runner's outbox file)
  redeem FILE                        pays the voucher to the host's address
For a developer, with a wallet and the file of cocoon keys new
  exit --account FILE --to ADDRESS   orders that everything goes to ADDRESS when the Till's delay is over
  cancel-exit --account FILE
  finish-exit ID|--account FILE      pays it out; anyone may
  reserves --gateway URL             your balance is in the sum that the gateway shows to everybody, and the Till holds
                                     that sum; an API key of the account in COCOON_API_KEY
For the operator
  deploy [see below]
  rotate --to HEX [--drop-previous]  announces the next meter key; --drop-previous: the present one is stolen
  cancel-rotation
  freeze                             stops what the meter key can do, for 72 hours; exits go on
  collect-fees [--amount TON] [--to ADDRESS]
  return-fees --amount TON           gives fees to the hosts' pool
  refund-orphan --to ADDRESS --amount TON --nonce N [--meter-secret FILE]   else METER_KEY signs; status says N

Options
  --till ADDRESS       default: TILL_ADDRESS, else the world of npm start
${TARGET_HELP}
${SEND_HELP}
TON_API_KEY is sent to the endpoint when it is set.

${DEPLOY_HELP}

Each looks first whether it is done, so that running it again is safe (but for top-up, and
for collect-fees and return-fees with --amount).
Exit code: 0 done, 1 refused or failed, 2 wrong usage.`

export const till: Command = {
  summary: 'deploy and operate a Till; redeem and exit without a gateway',
  usage: USAGE,
  run: (io) => runVerb(io, VERBS),
}

const READ = { ...TARGET_OPTIONS, till: { type: 'string' } } as const
const SEND = { ...READ, ...SEND_OPTIONS } as const

/** A verb that sends one message to the Till. */
const sending = sendingTo(SEND, openTill)

const TEXT = { type: 'string' } as const

const VERBS = {
  status: verb(READ, async (io, flags) => showTill(await openTill(io, flags))),
  account: verb(READ, async (io, flags, [id]) => showAccount(await openTill(io, flags), id), 1),
  'top-up': sending({ amount: TEXT }, topUp),
  activate: sending({}, activate),
  redeem: verb(
    SEND,
    async (io, flags, [file]) => redeemPack(await openTill(io, flags), file, flags),
    1,
  ),
  exit: sending({ account: TEXT, to: TEXT }, requestExit),
  'cancel-exit': sending({ account: TEXT }, cancelExit),
  'finish-exit': sending(
    { account: TEXT },
    (context, flags, [id]) => finishExit(context, flags, id),
    1,
  ),
  reserves: verb({ ...READ, gateway: TEXT }, async (io, flags) =>
    checkReserves(await openTill(io, flags), flags),
  ),
  deploy: verb({ ...TARGET_OPTIONS, ...SEND_OPTIONS, ...DEPLOY_OPTIONS }, deployTill),
  rotate: sending({ to: TEXT, 'drop-previous': { type: 'boolean' } }, rotate),
  'cancel-rotation': sending({}, cancelRotation),
  freeze: sending({}, freeze),
  'collect-fees': sending({ amount: TEXT, to: TEXT }, collectFees),
  'return-fees': sending({ amount: TEXT }, returnFees),
  'refund-orphan': sending(
    { to: TEXT, amount: TEXT, nonce: TEXT, 'meter-secret': TEXT },
    refundOrphan,
  ),
}
