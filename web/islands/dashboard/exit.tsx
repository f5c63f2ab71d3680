import { useState } from 'preact/hooks'
import { formatTon, nano } from '#base/nano.ts'
import { utcTime } from '../../format.ts'
import type { Account } from '../lib/account.ts'
import { site } from '../lib/browser.ts'
import { askChain } from '../lib/chain.ts'
import type { ExitMessage } from '../lib/exit-order.ts'
import { messageOf } from '../lib/gateway.ts'
import { Amount } from '../parts/amount.tsx'
import { QrCode } from '../parts/qr-code.tsx'

/** How the money gets out: by the recovery file and any wallet, through the chain alone. */
export function Exit({ account }: { readonly account: Account }) {
  const { till, exitAt } = account
  return (
    <section aria-labelledby="exit" class="narrow">
      <h2 id="exit">Take the money out</h2>
      {exitAt !== null && (
        <p class="notice warn" id="exit-state">
          An exit is ordered. It is paid from {utcTime(exitAt)} on, when anybody finishes it:{' '}
          <code>cocoon till finish-exit {account.id}</code>
        </p>
      )}
      <p>
        What is left belongs to whoever holds the recovery file. Your browser signs the order, any
        wallet sends it, and the Till pays after its delay. This gateway is not asked; it closes the
        account as soon as it sees the order.
      </p>
      {till !== undefined && site.endpoints.length > 0 && exitAt === null ? (
        <OrderExit till={till} />
      ) : (
        <pre tabIndex={0}>
          <code>npx -p cocoon-gateway cocoon till exit --account RECOVERY-FILE --to ADDRESS</code>
        </pre>
      )}
    </section>
  )
}

function OrderExit({ till }: { readonly till: string }) {
  const [message, setMessage] = useState<ExitMessage>()
  const [problem, setProblem] = useState('')
  const prepare = async (data: FormData): Promise<void> => {
    const file = data.get('recovery')
    if (!(file instanceof File)) return
    const { prepareExit } = await import('../lib/exit-order.ts')
    setMessage(await prepareExit({ recovery: await file.text(), till, to: String(data.get('to')) }))
  }
  if (message !== undefined) return <SendExit message={message} />
  return (
    <details>
      <summary>Order an exit</summary>
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault()
          setProblem('')
          prepare(new FormData(event.currentTarget)).catch((error: unknown) =>
            setProblem(messageOf(error)),
          )
        }}
      >
        <label class="field">
          Recovery file
          <input type="file" name="recovery" accept="application/json,.json" required />
        </label>
        <label class="field">
          To this wallet
          <input
            type="text"
            name="to"
            required
            autocomplete="off"
            spellcheck={false}
            placeholder="UQ… or 0:…"
          />
        </label>
        <p class="problem" role="alert">
          {problem}
        </p>
        <button type="submit">Sign the order here</button>
      </form>
    </details>
  )
}

function SendExit({ message }: { readonly message: ExitMessage }) {
  const [said, setSaid] = useState('')
  const { link, available, value, till, body } = message
  const byFaucet = (): void => {
    askChain('dev_faucet', { address: till, amount: formatTon(nano(value)), body }).then(
      () => setSaid('Sent. The account closes as soon as its block is final.'),
      (error: unknown) => setSaid(messageOf(error)),
    )
  }
  return (
    <div class="card">
      <p>
        Signed: <Amount value={nano(available)} />, less what is charged until then. Send it with
        any wallet; the <Amount value={nano(value)} /> are for gas.
      </p>
      <QrCode text={link} label="The signed order as a transfer" />
      <p class="actions">
        <a class="button" href={link}>
          Open in a wallet
        </a>
        {site.explorer === null && (
          <button type="button" class="quiet" onClick={byFaucet}>
            Send it from the faucet
          </button>
        )}
      </p>
      <p role="status">{said}</p>
    </div>
  )
}
