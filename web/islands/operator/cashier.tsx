import { member, numberMember, textMember } from '#base/members.ts'
import { counted, utcTime } from '../../format.ts'
import { amount } from '../../read.ts'
import { call } from '../lib/gateway.ts'
import { useLoaded } from '../lib/use-loaded.ts'
import { Amount } from '../parts/amount.tsx'
import { Id } from '../parts/check-list.tsx'

const ROUNDS: ReadonlyMap<string, string> = new Map([
  ['nothing', 'nothing was due'],
  ['sent', 'sent'],
  ['busy', 'waits for an earlier one'],
  ['unfunded', 'the gas wallet cannot pay for it'],
])

/** The jobs that move money on chain, as they last saw it; what they have not looked at is said to be unknown. */
export function Cashier({ adminKey }: { readonly adminKey: string }) {
  const { loaded, again } = useLoaded(() => call('/admin/cashier', { key: adminKey }), [adminKey])
  return (
    <section aria-labelledby="cashier">
      <h2 id="cashier">Cashier</h2>
      {loaded.state === 'there' && <Told told={loaded.value} />}
      {loaded.state === 'failed' && (
        <p class="problem" role="alert">
          {loaded.message}
        </p>
      )}
      <p class="actions">
        <button type="button" class="quiet small" onClick={again}>
          Look again
        </button>
      </p>
    </section>
  )
}

function Told({ told }: { readonly told: unknown }) {
  const round = member(told, 'last_round')
  const rotation = numberMember(told, 'rotation_at')
  return (
    <>
      <GasWallet wallet={member(told, 'gas_wallet')} />
      <p class="note">
        Last round of charges and payouts:{' '}
        {textMember(round, 'sent') === undefined
          ? 'none yet'
          : `${utcTime(numberMember(round, 'at') ?? 0)}, ${counted(numberMember(round, 'commands') ?? 0, 'command')}: ${ROUNDS.get(textMember(round, 'sent') ?? '') ?? textMember(round, 'sent')}`}
        .{rotation !== undefined && ` New keys of the Till take hold at ${utcTime(rotation)}.`}
      </p>
      <Reconciliation seen={member(told, 'reconciliation')} />
      <Owed liabilities={member(told, 'liabilities')} />
    </>
  )
}

function GasWallet({ wallet }: { readonly wallet: unknown }) {
  const address = textMember(wallet, 'address')
  if (address === undefined) {
    return <p class="notice warn">The gas wallet was not looked at yet.</p>
  }
  const isLow = member(wallet, 'low') === true
  return (
    <div class={`notice ${isLow ? 'bad' : 'good'}`} id="gas" role="status">
      <p>
        Gas wallet <Id value={address} />: <Amount value={amount(wallet, 'balance')} />.{' '}
        {isLow && 'Fund it: charges and payouts stop when it is empty.'}
      </p>
    </div>
  )
}

/** The books against the chain: a transaction that one has and the other has not is money gone astray. */
function Reconciliation({ seen }: { readonly seen: unknown }) {
  const at = numberMember(seen, 'at')
  if (at === undefined) {
    return <p class="note">The books were not compared with the chain yet: that is done daily.</p>
  }
  const missed = numberMember(seen, 'missed') ?? 0
  const invented = numberMember(seen, 'invented') ?? 0
  const difference = textMember(seen, 'difference') ?? ''
  const isCovered = member(seen, 'covered') === true
  const isGood = missed === 0 && invented === 0 && difference === '0' && isCovered
  return (
    <div class={`notice ${isGood ? 'good' : 'bad'}`} id="reconciliation" role="status">
      <p>
        Compared with the chain at {utcTime(at)}:{' '}
        {counted(numberMember(seen, 'transactions') ?? 0, 'transaction')}, {missed} missed,{' '}
        {invented} that the chain does not have; the Till’s balance less its history: {difference}{' '}
        nano.{' '}
        {isCovered ? 'The Till covers what is owed.' : 'The Till does not cover what is owed.'}
      </p>
    </div>
  )
}

const LIABILITIES = [
  ['accounts', 'Owed to accounts'],
  ['hosts', 'Owed to hosts'],
  ['losses', 'Losses'],
] as const

function Owed({ liabilities }: { readonly liabilities: unknown }) {
  if (textMember(liabilities, 'accounts') === undefined) return null
  return (
    <div class="cards">
      {LIABILITIES.map(([name, label]) => (
        <div class="card" key={name}>
          <small>{label}</small>
          <span class="figure">
            <Amount value={amount(liabilities, name)} />
          </span>
        </div>
      ))}
    </div>
  )
}
